"""The record of a run, `run.json`: enough to trust its numbers, or to reproduce them. Needs no torch."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, ConfigDict, Field

from replication.config.profiles import DEFAULT
from replication.config.recipe import Recipe
from replication.runs.curve import ERROR, TRAIN, Point, select
from replication.tasks import TASKS

AnyRecipe = Annotated[Union[tuple(task.recipe for task in TASKS.values())], Field(discriminator="task")]  # noqa: UP007

TRAINING = "training"  # protocol of the training error, seen while training (augmented)
TRAINING_ERROR = "top1_error"  # its metric
END_OF_TRAINING = 1 / 16  # share of the schedule over which the training error at the end is averaged

Status = Literal["trained", "chance"]  # chance: it ended no better than chance


class Start(BaseModel):
    """One start of a training: the first, or a resume after `iteration`."""

    iteration: int
    threads: int
    device: str = ""  # the model of a GPU, or the kind of another device; empty in older records
    date: str
    commit: str
    dirty: bool | None  # whether code was changed since the commit; None: git cannot say
    code: str  # digest of the code that trains
    machine: str
    torch: str


class RunRecord(BaseModel):
    """A run: its recipe, its results and its provenance."""

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
    history: list[Start] = []  # of these starts; empty in older records
    processes: int
    mlflow_run_id: str | None
    # Norm of the gradient of each convolution's weights, from the input on, at two iterations: one in the first tenth
    # of the schedule, and the last. Empty in older records.
    gradient_norms: dict[int, list[float]] = {}
    order_digests: list[str] = []  # of the data order, one for each thousand iterations; empty in older records
    provenance: dict[str, Any]


def run_name(recipe: Recipe) -> str:
    """The name of a run in progress bar, messages and MLflow: "resnet-110 · no-warmup · seed 0"."""
    variant = [] if recipe.variant == DEFAULT else [recipe.variant]
    return " · ".join([recipe.net, *variant, f"seed {recipe.seed}"])


def upgrade_record(values: Any) -> Any:
    """Rename `arm` to `task`, and drop an empty `start`. Remove this with the last run that has them."""
    if not (isinstance(values, dict) and isinstance(recipe := values.get("recipe"), dict) and "arm" in recipe):
        return values
    upgraded = {"task" if key == "arm" else key: value for key, value in recipe.items()}
    if upgraded.get("start", "") is None:
        del upgraded["start"]
    return values | {"recipe": upgraded}


def train_error_at_end(curve: Sequence[Point], iterations: int) -> float:
    """Training error in percent over the last sixteenth of the schedule, as seen while training (augmented batches).

    The paper does not say how its training error is measured; its curves look like running batches too.
    """
    start, covered, wrong, previous = iterations * (1 - END_OF_TRAINING), 0.0, 0.0, 0.0
    for iteration, error in select(curve, TRAIN, ERROR).items():
        images = iteration - previous
        if iteration > start:
            covered, wrong = covered + images, wrong + images * error
        previous = iteration
    return wrong / covered


def training_score(recipe: Recipe, curve: Sequence[Point]) -> dict[str, Any]:
    """The training error at the end of the schedule as a row of scores."""
    schedule = recipe.schedule
    return {
        "protocol": TRAINING,
        "metric": TRAINING_ERROR,
        "value": round(train_error_at_end(curve, schedule.iterations), 4),
        "images": int(schedule.iterations * schedule.batch_size * END_OF_TRAINING),
    }


def judge_status(recipe: Recipe, curve: Sequence[Point], classes: int) -> Status:
    """Whether the training error of the last tenth of the run is better than chance, by three standard errors."""
    chance = 100 * (1 - 1 / classes)
    by_iteration = select(curve, TRAIN, ERROR).items()
    errors = [error for iteration, error in by_iteration if iteration > 0.9 * recipe.schedule.iterations]
    error = sum(errors) / len(errors)
    images = 0.1 * recipe.schedule.iterations * recipe.schedule.batch_size
    return "chance" if error > chance - 3 * (chance * (100 - chance) / images) ** 0.5 else "trained"
