"""A run's folder: `run.json` (the record), `curve.csv`, `net.safetensors`. Readable without torch."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from replication.config.validation import validate
from replication.errors import UserError
from replication.files import check_whole, replace_folder
from replication.runs.curve import Point, read_curve_file, write_curve
from replication.runs.record import RunRecord, upgrade_record
from replication.tasks import get_task

if TYPE_CHECKING:
    from torch import Tensor

RECORD, CURVE, NET = "run.json", "curve.csv", "net.safetensors"
REMAKE = "run `dvc repro`"
MEAN = "mean_image"  # among the tensors of NET: what is subtracted from an image, [1, 3, S, S] in 0..255


def write_run(
    folder: Path,
    record: RunRecord,
    curve: Sequence[Point],
    weights: Mapping[str, "Tensor"],
    mean: "Tensor",
    classes: list[str],
    checkpoints: Mapping[int, Mapping[str, "Tensor"]] = MappingProxyType({}),
) -> None:
    """Write a run folder beside `folder`, then rename it: a folder that exists is complete.

    `net.safetensors` can be used alone: it holds the net's state dict and its mean image. Its metadata `about` is JSON
    with task, net, options of `build`, classes, input size and hash of the recipe.

    Args:
        checkpoints: earlier weights, by iteration; each becomes a file of the same kind, `net-32000.safetensors`.

    Raises:
        UserError: it cannot be written; the resume state is kept.
    """
    from safetensors.torch import save_file

    recipe = record.recipe
    about = {
        "task": recipe.task,
        "net": recipe.net,
        "classes": classes,
        "input_size": recipe.input_size,
        "recipe": recipe.hash,
    }
    about["options"] = recipe.net_options
    nets = {NET: weights} | {checkpoint(iteration): state for iteration, state in checkpoints.items()}
    with replace_folder(folder, "the resume state is kept") as unfinished:
        (unfinished / RECORD).write_text(record.model_dump_json(indent=2) + "\n", encoding="utf-8")
        write_curve(unfinished / CURVE, curve)
        for name, state in nets.items():
            tensors = {key: value.contiguous().cpu() for key, value in state.items()} | {MEAN: mean.contiguous().cpu()}
            # A single key of metadata: safetensors writes several in any order, but equal runs must give equal files.
            save_file(tensors, unfinished / name, metadata={"about": json.dumps(about)})


def checkpoint(iteration: int) -> str:
    """The name of the file with a run's weights after `iteration`."""
    return f"net-{iteration}.safetensors"


def read_run(folder: Path) -> RunRecord:
    """Read `run.json`.

    Raises:
        UserError: it is missing or damaged, or not a record of a run.
    """
    path = check_whole(folder, RECORD, REMAKE)
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        message = f"{path} is not JSON ({error}); delete {folder} and {REMAKE}."
        raise UserError(message, kind="damaged", file=path) from error
    return validate(RunRecord, upgrade_record(values), str(path), path)


def read_curve(folder: Path) -> list[Point]:
    """The points of `curve.csv`.

    Raises:
        UserError: it is missing or damaged, or has other columns.
    """
    path = check_whole(folder, CURVE, REMAKE)
    try:
        return read_curve_file(path, lambda: get_task(read_run(folder).recipe.task).curve_metric.name)
    except (ValueError, TypeError) as error:  # a row that ends early has None
        message = f"{path} is not the curve of a run ({error}); delete {folder} and {REMAKE}."
        raise UserError(message, kind="damaged", file=path) from error


def read_weights(folder: Path) -> dict[str, "Tensor"]:
    """The state dict of a run's net.

    Raises:
        UserError: `net.safetensors` is missing or damaged.
    """
    from safetensors.torch import load_file

    weights = load_file(check_whole(folder, NET, REMAKE))
    weights.pop(MEAN, None)
    return weights
