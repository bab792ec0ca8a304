"""reruns.csv of a study: runs that others made again. They stand beside ours and enter no mean. Needs no torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from replication.config.profiles import named
from replication.config.recipe import Recipe
from replication.errors import UserError
from replication.files import write_durably
from replication.results.add import encode_rows
from replication.results.fidelity import first_difference
from replication.results.reproduced import LEVEL, weigh_prediction
from replication.results.rows import Result, make_run_row
from replication.results.schema import BY, LONGEST, RerunRow, check_rows, columns
from replication.results.tables import (
    RECIPES,
    RERUNS,
    SCORES,
    TableRow,
    read_reruns,
    read_tables,
    run_key,
    sort_key,
)
from replication.tasks import Task, get_task


@dataclass(frozen=True)
class Judged:
    """A rerun beside our seeds of its net."""

    row: TableRow
    ours: list[float]  # the headline value of each of our seeds, in percent
    p: float | None  # see `weigh_prediction`
    verdict: Literal["equal", "accepted", "outside", "too few seeds"]


def add_reruns(folder: Path, by: str, results: Sequence[Result]) -> list[Judged]:
    """Add runs that `by` made again to a study of ours. One of the same person, net, variant and seed is replaced.

    Returns:
        The verdict on each.

    Raises:
        UserError: the study has no run of this net, or has it under another recipe; the name is empty or too long.
    """
    task = get_task(results[0].recipe.task)
    for result in results:
        refuse_incomparable(folder, by, result.recipe)
    made = [_make_row(by, result, task) for result in results]
    where = f"new rows of {folder / RERUNS}"
    new = [row.model_dump() for row in check_rows(RerunRow, made, task, where, "nothing was added")]
    replaced = {_rerun_key(row) for row in new}
    unchanged = [row for row in read_reruns(folder, task) if _rerun_key(row) not in replaced]
    rows = sorted([*unchanged, *new], key=lambda row: (*sort_key(row, task), row["by"]))
    write_durably(folder / RERUNS, encode_rows(columns(RerunRow), rows))
    scores = read_tables(folder, task)[1][SCORES]
    return [judge_rerun(row, scores) for row in new]


def refuse_incomparable(folder: Path, by: str, recipe: Recipe) -> None:
    """Refuse, before it is evaluated, a rerun that no run of a study can be compared with.

    Raises:
        UserError: as `add_reruns` would raise it.
    """
    if len(by) > LONGEST or not BY.fullmatch(by):
        raise UserError(f"--by needs a name of 1 to {LONGEST} letters on one line, without |.", key="by")
    task, name = get_task(recipe.task), named(recipe.net, recipe.variant)
    recorded = read_tables(folder, task)[0].values() if (folder / RECIPES).exists() else ()
    ours = next((one for one in recorded if (one.net, one.variant) == (recipe.net, recipe.variant)), None)
    if ours is None:
        message = f"{folder} has no {name} of ours to compare with; join the run without --by."
        raise UserError(message, kind="missing", file=folder)
    as_ours = recipe.model_copy(update={"seed": ours.seed, "started_from": ours.started_from})
    if key := first_difference(as_ours, ours):
        message = f"{folder} has {name} under another {key}; join the run without --by."
        raise UserError(message, kind="conflict", key=key, file=folder)


def judge_rerun(row: TableRow, scores: Sequence[Mapping[str, Any]]) -> Judged:
    """Compare a rerun with our seeds of its net.

    Args:
        scores: of the study, ours alone.
    """
    number = ("net", "variant", "protocol", "metric")
    ours = {s["seed"]: s["value"] for s in scores if all(s[key] == row[key] for key in number)}
    p = weigh_prediction(row["value"], list(ours.values()), row["images"])
    if ours.get(row["seed"]) == row["value"]:
        return Judged(row, list(ours.values()), p, "equal")
    verdict = "too few seeds" if p is None else "outside" if p < LEVEL else "accepted"
    return Judged(row, list(ours.values()), p, verdict)


def _rerun_key(row: TableRow) -> tuple[Any, ...]:
    return (row["by"], *run_key(row))


def _make_row(by: str, result: Result, task: Task) -> TableRow:
    headline = (task.headline, task.metric.name)
    score = next(row for row in result.scores if (row["protocol"], row["metric"]) == headline)
    row = make_run_row(result) | dict(score) | {"by": by}
    return {key: row[key] for key in columns(RerunRow)}
