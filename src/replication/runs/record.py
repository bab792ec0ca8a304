"""What `run.json` holds: enough to trust a number of a run, or to make it again. Needs no torch."""

from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, ConfigDict, Field

from replication.arms import ARMS
from replication.recipe import Recipe

AnyRecipe = Annotated[Union[tuple(arm.recipe for arm in ARMS.values())], Field(discriminator="arm")]  # noqa: UP007

Status = Literal["trained", "chance"]  # chance: it ended no better than chance


class RunRecord(BaseModel):
    """A run: its recipe, what came of it, and where and with what it was made."""

    model_config = ConfigDict(extra="forbid")

    recipe: AnyRecipe
    status: Status
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


def status_of(recipe: Recipe, curve: list[dict[str, float | None]], classes: int) -> Status:
    """Whether the training error of the last tenth of the run is better than chance, by three standard errors."""
    chance = 100 * (1 - 1 / classes)
    rows = [row for row in curve if row["iteration"] > 0.9 * recipe.schedule.iterations]
    error = sum(row["train_error"] for row in rows) / len(rows)
    images = 0.1 * recipe.schedule.iterations * recipe.schedule.batch_size
    return "chance" if error > chance - 3 * (chance * (100 - chance) / images) ** 0.5 else "trained"
