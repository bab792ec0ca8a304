"""Names of studies: of their folders below a profile's own, and of their setups on the page."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from replication.config.recipe import Data, Recipe
from replication.data.sources import DATA_NAMES, DATASETS
from replication.tasks import Task

LONGEST = 80  # characters of a folder's name
SMOKE_TESTS = {key: dataset.smoke_test for key, dataset in DATASETS.items() if dataset.smoke_test}


def label(override: Mapping[str, Any]) -> str:
    """An override as the name of a folder, "train_images=1400,schedule.iterations=300"; empty for none."""
    name = ",".join(f"{_word(key)}={_word(value)}" for key, value in _flat(override, ""))
    if len(name) > LONGEST:
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        name = f"{name[: LONGEST - 9]}-{digest}"
    return name


def pixels_label(task: Task, data: Data) -> str:
    """The label for other pixels than the official ones of a data set of the paper; empty for those."""
    if data.name != task.paper_data(data.name) or data.pixels == "official":
        return ""
    return label({"pixels": data.pixels})


def study_folder(*labels: str) -> str:
    """The folder of a study below results/<profile>/<task>/; empty for the profile's own."""
    return ",".join(filter(None, labels))


def describe_label(label: str, pixels: str) -> list[str]:
    """A label in words: "precision=bf16,train_images=45000" is bf16, train_images 45000.

    Args:
        pixels: the description of the study's pixels; a label has it without spaces.
    """
    words = []
    for key, _, value in (part.partition("=") for part in label.split(",") if part):
        short = {"precision": value, "pixels": pixels}
        words.append(short.get(key, f"{key} {value}".strip()))
    return words


def setup_name(recipe: Recipe, paper: Recipe, label: str, seeds: Sequence[int]) -> str:
    """The name of a setup on the page: "CIFAR-10, 1/16 schedule, 3 seeds". It names what differs from the paper.

    Args:
        recipe: of one of its runs.
        paper: the paper's recipe of the same run.
        label: of the study, an override of its profile.
        seeds: the number of seeds of each net.
    """
    data = recipe.data
    changes = (change for change in label.split(",") if not change.startswith(("precision=", "pixels=")))
    changed = describe_label(",".join(changes), data.pixels)
    if data.name in SMOKE_TESTS:
        return ", ".join([SMOKE_TESTS[data.name], *changed])
    parts = [DATA_NAMES.get(data.name, data.name)]
    if data.name == paper.data.name and data.pixels != paper.data.pixels:
        parts.append(data.pixels)
    parts.append(schedule_name(recipe.schedule.iterations, paper.schedule.iterations))
    if recipe.precision != paper.precision:
        parts.append(recipe.precision)
    few, most = min(seeds), max(seeds)
    return ", ".join([*parts, *changed, f"{few} seed{'s' * (few > 1)}" if few == most else f"{few} to {most} seeds"])


def schedule_name(iterations: int, paper: int) -> str:
    """The length of a schedule relative to the paper's: "1/16 schedule", or "full schedule"."""
    share = Fraction(iterations, paper)
    if share == 1:
        return "full schedule"
    if share.numerator > 1 and (share.denominator > 20 or share > 1):  # not a familiar fraction
        return f"1/{paper / iterations:.3g} schedule" if share < 1 else f"{iterations / paper:.3g} × schedule"
    return f"{share} schedule"


def _flat(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in sorted(values.items()):
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _word(value: Any) -> str:
    """A value as a part of a folder's name: [12, 18] is "12+18"."""
    text = "+".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return re.sub(r"[^\w.+-]+", "-", text).strip("-")
