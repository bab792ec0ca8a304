"""Rows of a study's tables, made from finished runs. Needs no torch."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from replication.config.recipe import Recipe
from replication.results.tables import CURVES, GRADIENTS, PRECISION, RESPONSES, RUNS, SCORES, count_averaged_points
from replication.runs.curve import ERROR, TEST, TRAIN, Point, select
from replication.runs.provenance import to_columns
from replication.runs.record import RunRecord, training_score

NewRow = dict[str, Any]  # of a table, by its columns; not checked yet


@dataclass(frozen=True)
class Result:
    """A run to be added: its record, its curve, and its scores (protocol, metric, value, images)."""

    record: RunRecord
    curve: Sequence[Point]
    scores: Sequence[Mapping[str, Any]]
    responses: Sequence[float] = ()  # standard deviations of the layers' responses, where they were measured
    precision: Sequence[Mapping[str, Any]] = ()  # points of precision-recall curves (category, recall, precision)

    @property
    def recipe(self) -> Recipe:
        return self.record.recipe

    @property
    def key(self) -> NewRow:
        """The columns that name its run in every table."""
        return {"net": self.recipe.net, "variant": self.recipe.variant, "seed": self.recipe.seed}


def make_rows(results: Sequence[Result], ensembles: Iterable[Mapping[str, Any]] = ()) -> dict[str, list[NewRow]]:
    """The rows of some runs, by table; `ensembles` are rows of scores."""
    rows: dict[str, list[NewRow]] = {name: [] for name in (RUNS, SCORES, CURVES, RESPONSES, GRADIENTS, PRECISION)}
    for result in results:
        rows[RUNS].append(make_run_row(result))
        rows[SCORES] += _make_score_rows(result)
        rows[CURVES] += _make_curve_rows(result)
        rows[RESPONSES] += _make_response_rows(result)
        rows[GRADIENTS] += _make_gradient_rows(result)
        rows[PRECISION] += [result.key | dict(row) for row in result.precision]
    rows[SCORES] += [dict(row) for row in ensembles]
    return rows


def make_run_row(result: Result) -> NewRow:
    """The row of runs.csv."""
    record = result.record
    return {
        **result.key,
        "recipe": record.recipe.hash,
        "status": record.status,
        "parameters": record.parameters,
        "macs": record.macs,
        "warmup_ended_at": record.warmup_ended_at,
        "dropped_at": record.dropped_at,
        "seconds": record.seconds,
        "images_per_second": record.images_per_second,
        "processes": record.processes,
        "starts": record.starts,
        **to_columns(record.provenance),
        "mlflow_run_id": record.mlflow_run_id,
    }


def _make_score_rows(result: Result) -> list[NewRow]:
    """The scores, and the training error at the end of the schedule."""
    return [result.key | dict(row) for row in (*result.scores, training_score(result.recipe, result.curve))]


def _make_curve_rows(result: Result) -> list[NewRow]:
    """The training error averaged to about 64 points, and every number of the test images."""
    training = list(select(result.curve, TRAIN, ERROR).items())
    step = count_averaged_points(result.recipe)
    points = []
    for first in range(0, len(training), step):
        part = training[first : first + step]
        error = sum(error for _, error in part) / len(part)
        points.append(Point(part[-1][0], TRAIN, ERROR, round(error, 4)))
    points += [point for point in result.curve if point.split == TEST]
    return [result.key | point._asdict() for point in points]


def _make_response_rows(result: Result) -> list[NewRow]:
    key = result.key | {"iteration": result.recipe.schedule.iterations}
    return [key | {"layer": layer, "value": value} for layer, value in enumerate(result.responses, start=1)]


def _make_gradient_rows(result: Result) -> list[NewRow]:
    rows = []
    for iteration, norms in result.record.gradient_norms.items():
        key = result.key | {"iteration": iteration}
        rows += [key | {"layer": layer, "value": value} for layer, value in enumerate(norms, start=1)]
    return rows
