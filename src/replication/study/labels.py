"""The names of studies that stand beside a profile's own: runs under an override, or on other pixels."""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from replication.arms import Arm
from replication.recipe import Data

LONGEST = 80  # characters of a folder's name


def label(override: Mapping[str, Any]) -> str:
    """An override as the name of a folder, "train_images=1400,schedule.iterations=300"; empty for none."""
    name = ",".join(f"{_word(key)}={_word(value)}" for key, value in _flat(override, ""))
    if len(name) > LONGEST:
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        name = f"{name[: LONGEST - 9]}-{digest}"
    return name


def pixels_label(arm: Arm, data: Data) -> str:
    """The part of a study's name that says that these are not the official pixels of the arm's own data set."""
    if data.name != arm.datasets[-1] or data.pixels == "official":
        return ""
    return label({"pixels": data.pixels})


def study_folder(*labels: str) -> str:
    """The folder of a study below results/<profile>/<arm>/; empty for the profile's own."""
    return ",".join(filter(None, labels))


def in_words(label: str, pixels: str) -> list[str]:
    """A label as a reader is told it: "precision=bf16,train_images=45000" is bf16, train_images 45000.

    Args:
        pixels: what is known of the study's pixels; a label has it without spaces.
    """
    found = []
    for key, _, value in (part.partition("=") for part in label.split(",") if part):
        short = {"precision": value, "pixels": pixels}
        found.append(short.get(key, f"{key} {value}".strip()))
    return found


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
