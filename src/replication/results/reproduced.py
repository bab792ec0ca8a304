"""Compare runs that were made again with the recorded ones. Needs no torch."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, stdev
from typing import Any, Literal

from replication.config.profiles import named
from replication.config.recipe import Recipe
from replication.results.tables import RUNS, SCORES, TABLES, Row, Run, run_key
from replication.tasks import get_task

# Columns of runs.csv that say how a run was made, not what it measured.
MAKING = ("seconds", "images_per_second", "processes", "starts", "threads", "machine", "torch", "commit", "date")
MAKING += ("mlflow_run_id",)
Tables = dict[str, dict[Run, list[Row]]]  # rows by table and run


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
        count = len(self.seed_errors)
        if count < 3:
            return "other"
        from scipy.stats import t as student

        centre = mean(self.seed_errors)
        binomial = (max(centre, 0.01) * (100 - min(centre, 99.99)) / self.images) ** 0.5
        spread = max(stdev(self.seed_errors), binomial) * (1 + 1 / count) ** 0.5
        return "within" if abs(self.error - centre) <= student.ppf(0.995, count - 1) * spread else "outside"


def group_by_run(rows: Iterable[Row]) -> dict[Run, list[Row]]:
    """The rows of a table by run."""
    groups: dict[Run, list[Row]] = {}
    for row in rows:
        groups.setdefault(run_key(row), []).append(row)
    return groups


def has_same_numbers(run: Run, now: Tables, before: Tables) -> bool:
    """Whether a run has its recorded numbers. A table that had none of its rows is not compared."""
    (new,), (old,) = now[RUNS][run], before[RUNS][run]
    if any(new[key] != old[key] for key in new if key not in MAKING):
        return False
    tables = [name for name in now if name != RUNS and (name in TABLES or run in before[name])]
    return all(_sort_rows(now[name].get(run, ())) == _sort_rows(before[name].get(run, ())) for name in tables)


def _sort_rows(rows: Iterable[Row]) -> list[list[str]]:
    return sorted([str(value) for value in row.values()] for row in rows)


def compare_with_record(
    recipe: Recipe, scores: Sequence[Mapping[str, Any]], before: Tables, equal: set[Run]
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
