"""A run's folder: `run.json` (the record), `curve.csv`, `net.safetensors`. Whole or not at all; read without torch."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from replication.arms import arm_of
from replication.errors import UserError
from replication.files import replacing
from replication.recipe import validate
from replication.runs.record import RunRecord, from_old

if TYPE_CHECKING:
    from torch import Tensor

RECORD, CURVE, NET = "run.json", "curve.csv", "net.safetensors"
MEAN = "mean_image"  # among the tensors of NET: what is subtracted from an image, [1, 3, S, S] in 0..255

Row = dict[str, float | None]  # of a curve; what was not measured is None


def write_run(
    folder: Path,
    record: RunRecord,
    curve: list[Row],
    weights: Mapping[str, "Tensor"],
    mean: "Tensor",
    classes: list[str],
) -> None:
    """Write a run folder beside `folder` and rename it, so that a folder that exists is complete.

    `net.safetensors` can be used alone: it holds the net's state dict and its mean image, and says which net it is,
    its classes and the side of its input.

    Raises:
        UserError: it cannot be written; the resume state is still there.
    """
    from safetensors.torch import save_file

    recipe = record.recipe
    about = {"net": recipe.net, "classes": json.dumps(classes), "input_size": str(recipe.input_size)}
    tensors = {key: value.contiguous().cpu() for key, value in weights.items()} | {MEAN: mean.contiguous().cpu()}
    with replacing(folder, "the training is kept, free some space and run again") as unfinished:
        (unfinished / RECORD).write_text(record.model_dump_json(indent=2) + "\n")
        with (unfinished / CURVE).open("w", newline="") as file:
            writer = csv.DictWriter(file, list(curve[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(curve)
        save_file(tensors, unfinished / NET, metadata=about | {"recipe": recipe.hash})


def read_run(folder: Path) -> RunRecord:
    """Read `run.json`.

    Raises:
        UserError: it is missing, or not a record of a run.
    """
    path = folder / RECORD
    try:
        return validate(RunRecord, from_old(json.loads(path.read_text()), str(path)), str(path))
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing; train the net with `dvc repro`.") from error
    except ValueError as error:
        raise UserError(f"{path} is not JSON ({error}); delete {folder} and run `dvc repro`.") from error


def read_curve(folder: Path) -> list[Row]:
    """Rows of `curve.csv`; a value that was not measured is None."""
    with (folder / CURVE).open(newline="") as file:
        rows = [{key: float(value) if value else None for key, value in row.items()} for row in csv.DictReader(file)]
    if rows and "test_error" in rows[0]:  # goes with `from_old`
        watched = arm_of(read_run(folder).recipe.arm).watched
        rows = [{watched if key == "test_error" else key: value for key, value in row.items()} for row in rows]
    return rows


def read_weights(folder: Path) -> dict[str, "Tensor"]:
    """The state dict of a run's net.

    Raises:
        UserError: `net.safetensors` is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        weights = load_file(folder / NET)
    except (OSError, SafetensorError) as error:
        raise UserError(f"{folder / NET} cannot be read ({error}); delete {folder} and run `dvc repro`.") from error
    weights.pop(MEAN, None)
    return weights
