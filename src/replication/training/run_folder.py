"""A run's folder: `run.json` (recipe, result, provenance), `curve.csv`, `net.safetensors`. Whole or not at all."""

import csv
import json
import os
import shutil
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from replication.errors import UserError
from replication.recipe import AnyRecipe, validate

RECORD, CURVE, NET = "run.json", "curve.csv", "net.safetensors"
COLUMNS = ["iteration", "learning_rate", "train_loss", "train_error", "test_error", "heldout_error"]


class RunRecord(BaseModel):
    """What `run.json` holds: enough to trust a number of this run, or to make it again."""

    model_config = ConfigDict(extra="forbid")

    recipe: AnyRecipe
    recipe_hash: str
    profile: str
    status: Literal["trained", "diverged"]  # diverged: no better than chance at its end
    parameters: int
    macs: int
    warmup_ended_at: int | None
    dropped_at: list[int]  # iterations from which the rate was lower
    seconds: float
    images_per_second: float
    starts: int  # 1: never interrupted
    processes: int
    mlflow_run_id: str | None
    provenance: dict[str, Any]


def write_run(folder: Path, record: RunRecord, curve: list[dict[str, float | None]], net: nn.Module) -> None:
    """Write a run folder beside `folder` and rename it, so that a folder that exists is complete.

    Raises:
        UserError: it cannot be written; the resume state is still there.
    """
    unfinished = folder.with_name(f".{folder.name}-{os.getpid()}")
    try:
        unfinished.mkdir(parents=True)
        (unfinished / RECORD).write_text(record.model_dump_json(indent=2) + "\n")
        with (unfinished / CURVE).open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(curve)
        weights = {key: value.contiguous().cpu() for key, value in net.state_dict().items()}
        save_file(weights, unfinished / NET, metadata={"net": record.recipe.net, "recipe_hash": record.recipe_hash})
        shutil.rmtree(folder, ignore_errors=True)
        unfinished.rename(folder)
    except (OSError, SafetensorError) as error:
        raise UserError(
            f"{folder} could not be written ({error}); the training is kept, free some space and run again."
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def read_run(folder: Path) -> RunRecord:
    """Read `run.json`.

    Raises:
        UserError: it is missing, or not a record of a run.
    """
    path = folder / RECORD
    try:
        return validate(RunRecord, json.loads(path.read_text()), str(path))
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing; train the net with `dvc repro train`.") from error
    except ValueError as error:
        raise UserError(f"{path} is not JSON ({error}); delete {folder} and run `dvc repro`.") from error


def read_curve(folder: Path) -> list[dict[str, float | None]]:
    """Rows of `curve.csv`; a value that was not measured is None."""
    with (folder / CURVE).open(newline="") as file:
        return [{key: float(value) if value else None for key, value in row.items()} for row in csv.DictReader(file)]
