"""Compare runs that were made again, here or by others, with the recorded ones. Needs no torch."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any, Literal

from replication.config.profiles import named
from replication.config.recipe import Recipe
from replication.results.tables import RUNS, SCORES, TABLES, RunKey, TableRow, run_key
from replication.tasks import get_task

# Columns of runs.csv that say how a run was made, not what it measured.
MAKING = ("seconds", "images_per_second", "processes", "starts", "threads", "machine", "torch", "commit", "date")
MAKING += ("mlflow_run_id",)
SEEDS = 3  # that say something of their spread
LEVEL = 0.01  # of p, below which a run lies outside the range of the recorded seeds
Tables = dict[str, dict[RunKey, list[TableRow]]]  # rows by table and run


@dataclass(frozen=True)
class Recorded:
    """A run that was made again and its record, by the headline metric of its task."""

    name: str
    seed: int
    equal: bool  # all numbers are those that were recorded
    error: float | None
    recorded: float | None  # None: the run is new
    seed_errors: list[float]  # recorded, of all seeds of the net
    images: int  # on which an error is measured

    @property
    def comparison(self) -> Literal["new", "equal", "within", "outside", "other"]:
        """`within` or `outside` the 99 % prediction interval of the recorded seeds; `other`: fewer than three seeds
        are recorded, so there is no interval.
        """
        if self.recorded is None or self.equal:
            return "equal" if self.equal else "new"
        p = weigh_prediction(self.error, self.seed_errors, self.images)
        return "other" if p is None else "outside" if p < LEVEL else "within"


def weigh_prediction(value: float, seed_values: Sequence[float], images: int) -> float | None:
    """How often one more seed would lie at least as far from the mean of some seeds as `value`: two-sided p.

    Student's t of a prediction, with the larger of sample variance and binomial variance. The error that gives the
    latter is kept one image away from 0 and 100 %. None: fewer than three seeds say nothing of their spread.

    Args:
        value: in percent.
        seed_values: of the seeds, in percent.
        images: on which each is measured.
    """
    count = len(seed_values)
    if count < SEEDS:
        return None
    from scipy.stats import t as student

    centre = mean(seed_values)
    share = min(max(centre, 100 / images), 100 - 100 / images)
    spread = max(stdev(seed_values), (share * (100 - share) / images) ** 0.5)
    return float(2 * student.sf(abs(value - centre) / spread / (1 + 1 / count) ** 0.5, count - 1))


def group_by_run(rows: Iterable[TableRow]) -> dict[RunKey, list[TableRow]]:
    """The rows of a table by run."""
    groups: dict[RunKey, list[TableRow]] = {}
    for row in rows:
        groups.setdefault(run_key(row), []).append(row)
    return groups


def has_same_numbers(run: RunKey, now: Tables, before: Tables) -> bool:
    """Whether a run has its recorded numbers. A table that had none of its rows is not compared."""
    (new,), (old,) = now[RUNS][run], before[RUNS][run]
    if any(new[key] != old[key] for key in new if key not in MAKING):
        return False
    tables = [name for name in now if name != RUNS and (name in TABLES or run in before[name])]
    return all(_sort_rows(now[name].get(run, ())) == _sort_rows(before[name].get(run, ())) for name in tables)


def _sort_rows(rows: Iterable[TableRow]) -> list[list[str]]:
    return sorted([str(value) for value in row.values()] for row in rows)


def compare_with_record(
    recipe: Recipe, scores: Sequence[Mapping[str, Any]], before: Tables, equal: set[RunKey]
) -> Recorded:
    """Compare a run that was made again with what was recorded of it.

    Args:
        scores: of the run.
        before: the tables as they were.
        equal: the runs with the numbers that were recorded.
    """
    task = get_task(recipe.task)
    headline = (task.headline, task.metric.name)

    def error(rows: Iterable[Mapping[str, Any]]) -> float | None:
        return next((row["value"] for row in rows if (row["protocol"], row["metric"]) == headline), None)

    run = (recipe.net, recipe.variant, recipe.seed)
    seeds = [rows for other, rows in before[SCORES].items() if other[:2] == run[:2]]
    errors = [value for rows in seeds if (value := error(rows)) is not None]
    images = next((row["images"] for row in scores if row["protocol"] == task.headline), 1)
    return Recorded(
        named(recipe.net, recipe.variant), recipe.seed, run in equal, error(scores),
        error(before[SCORES].get(run, ())), errors, images,
    )  # fmt: skip
