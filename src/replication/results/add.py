"""results/<profile>/<task>/: the committed record of a study, to which runs are added. Needs no torch.

`recipes.json` has what the runs' recipes share, and by its hash what is each one's own; `runs.csv` a row a run;
`scores.csv` a row a number; `curves.csv` a row a point; `responses.csv` and `gradients.csv`, where they were measured,
a row a layer; `summary.json` the metrics of `dvc metrics`. Equal runs give equal bytes, in whatever order they come.
"""

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from replication.config.profiles import DEFAULT, named
from replication.config.recipe import Recipe
from replication.errors import UserError
from replication.files import settle, write_durably, write_together
from replication.nets.names import depth_of
from replication.results import schema
from replication.results.fidelity import compare_recipes
from replication.results.reproduced import Recorded, by_run, compare, same_numbers
from replication.results.schema import JOINED
from replication.results.tables import (
    CURVES,
    GRADIENTS,
    LAYERS,
    RECIPES,
    RESPONSES,
    RUN,
    RUNS,
    SCORES,
    TABLES,
    Row,
    averaged_points,
    read_tables,
    run_of,
    typed,
)
from replication.runs.curve import ERROR, TEST, TRAIN, Point, select
from replication.runs.provenance import in_columns
from replication.runs.record import RunRecord, training_score
from replication.tasks import Task, get_task

SUMMARY = "summary.json"


@dataclass(frozen=True)
class Result:
    """A run to be added: its record, its curve, and its scores (protocol, metric, value, images)."""

    record: RunRecord
    curve: Sequence[Point]
    scores: Sequence[Mapping[str, Any]]
    responses: Sequence[float] = ()  # standard deviation of those of each layer, where they were measured


def add_results(folder: Path, results: Sequence[Result], ensembles: Iterable[Mapping[str, Any]] = ()) -> list[Recorded]:
    """Add runs to a study. A run that is there with the same numbers stays as it is recorded, with its date, machine
    and commit; one with other numbers is replaced. All others stay.

    Args:
        ensembles: rows of scores of nets that are named "a + b".

    Returns:
        For each result, what was recorded of its run before.

    Raises:
        UserError: a run is there under another recipe, or the tables there are damaged.
    """
    task = get_task(results[0].record.recipe.task)
    nothing = ({}, {name: [] for name in TABLES | LAYERS})
    recipes, tables = read_tables(folder, task) if _settled(folder) else nothing
    there = {run_of(row): recipes[row["recipe"]] for row in tables[RUNS]}
    for recipe in (result.record.recipe for result in results):
        _refuse_another(folder, recipe, there.get((recipe.net, recipe.variant, recipe.seed), recipe))
    added = {
        RUNS: [_run_row(result.record) for result in results],
        SCORES: [row for result in results for row in _score_rows(result)],
        CURVES: [row for result in results for row in _curve_rows(result)],
        RESPONSES: [row for result in results for row in _response_rows(result)],
        GRADIENTS: [row for result in results for row in _gradient_rows(result)],
    }
    added[SCORES] += ensembles
    runs = {run_of(row) for row in (*added[RUNS], *added[SCORES])}
    recipes |= {result.record.recipe.hash: result.record.recipe for result in results}
    before = {name: by_run(rows) for name, rows in tables.items()}
    new = {
        name: typed(name, map(_texts, rows), task, f"new rows of {folder / name}", "nothing was added")
        for name, rows in added.items()
    }
    now = {name: by_run(rows) for name, rows in new.items()}
    equal = {run for run in now[RUNS] if run in before[RUNS] and same_numbers(run, now, before)}
    new[RUNS] = [before[RUNS][run_of(row)][0] if run_of(row) in equal else row for row in new[RUNS]]
    for name, rows in tables.items():
        kept = [row for row in rows if run_of(row) not in runs]
        tables[name] = sorted([*kept, *new[name]], key=lambda row: _place(row, task))
    folder.mkdir(parents=True, exist_ok=True)
    used = {row["recipe"]: recipes[row["recipe"]].values for row in tables[RUNS]}
    files = {RECIPES: (json.dumps(_factored(used), indent=2) + "\n").encode()}
    for name, rows in tables.items():
        if name in TABLES or rows or (folder / name).exists():
            files[name] = _csv(schema.columns((TABLES | LAYERS)[name]), map(_texts, rows))
    write_together(folder, files)
    return [compare(result.record.recipe, result.scores, before, equal) for result in results]


def write_summary(folder: Path, task: Task, results: Sequence[Result], of_depth: str | None = None) -> None:
    """summary.json, for `dvc metrics` and `dvc exp`: the task's metric by its headline protocol, of the runs just
    tabulated: by net, or net/variant, the mean over seeds, their number and standard deviation; and in points what the
    paper is about, see `_gaps`. The net that `depth` names stands in `depth` too, whatever it is: two experiments that
    differ in it alone have a key in common.
    """
    in_order = sorted(results, key=lambda result: _place(_run_row(result.record), task))
    _write_summary(folder, task, [(result.record.recipe, result.scores) for result in in_order], of_depth)


def summarise(folder: Path, task: Task) -> None:
    """The same of all runs of a study, as its tables have them: for runs that were joined.

    Raises:
        UserError: its tables are damaged.
    """
    recipes, tables = read_tables(folder, task)
    scores: dict[Any, list[Row]] = {}
    for row in tables[SCORES]:
        scores.setdefault(run_of(row), []).append(row)
    _write_summary(folder, task, [(recipes[run["recipe"]], scores.get(run_of(run), [])) for run in tables[RUNS]])


def _write_summary(
    folder: Path, task: Task, scored: Iterable[tuple[Recipe, Iterable[Mapping[str, Any]]]], of_depth: str | None = None
) -> None:
    found: dict[str, list[float]] = {}
    for recipe, scores in scored:
        name = named(recipe.net, recipe.variant)
        for row in scores:
            if (row["protocol"], row["metric"]) == (task.headline, task.metric.name):
                found.setdefault(name, []).append(row["value"])
    means = {name: round(mean(values), 2) for name, values in found.items()}
    spread = {name: round(stdev(values), 2) for name, values in found.items() if len(values) > 1}
    summary: dict[str, Any] = {
        task.metric.name: means,
        "n": {name: len(values) for name, values in found.items()},
        "std": spread,
    }
    if of_depth in found:
        summary["depth"] = {task.metric.name: means[of_depth], "n": len(found[of_depth]), "layers": depth_of(of_depth)}
    folder.mkdir(parents=True, exist_ok=True)
    write_durably(folder / SUMMARY, (json.dumps(summary | _gaps(means), indent=2) + "\n").encode())


def _gaps(means: Mapping[str, float]) -> dict[str, float]:
    """`degradation_gap`, by how many points the deepest plain net is worse than the shallowest, and `cure_gap`, by how
    many the deepest is worse than the residual net of its depth (option A); each where both nets were run.
    """
    plain = sorted((depth_of(name), error) for name, error in means.items() if re.fullmatch(r"plain-\d+", name))
    if not plain:
        return {}
    deepest, error = plain[-1]
    gaps = {"degradation_gap": error - plain[0][1]} if len(plain) > 1 else {}
    for twin in (f"resnet-{deepest}", f"resnet-{deepest}-A"):
        if twin in means:
            gaps["cure_gap"] = error - means[twin]
    return {key: round(gap, 2) for key, gap in gaps.items()}


def refuse_others(folder: Path, recipes: Sequence[Recipe]) -> None:
    """Refuse, before anything is trained, runs that a study has under another recipe.

    Neither their data nor the run that they start from need be there yet.

    Raises:
        UserError: as `add_results` would raise it.
    """
    if not recipes or not _settled(folder):
        return
    there, tables = read_tables(folder, get_task(recipes[0].task))
    by_run = {run_of(row): there[row["recipe"]] for row in tables[RUNS]}
    for recipe in recipes:
        if old := by_run.get((recipe.net, recipe.variant, recipe.seed)):
            _refuse_another(folder, recipe.model_copy(update={"data": old.data, "started_from": old.started_from}), old)


def _settled(folder: Path) -> bool:
    """Whether a study is there, whole or damaged, once what a killed writer began is ended."""
    settle(folder, [RECIPES, *TABLES, *LAYERS])
    return any((folder / name).exists() for name in (RECIPES, *TABLES))


def _refuse_another(folder: Path, recipe: Recipe, there: Recipe) -> None:
    found = compare_recipes(recipe, there)
    if found:
        first = found[0]
        raise UserError(
            f"{folder} has {named(recipe.net, recipe.variant)} · seed {recipe.seed} under another recipe: "
            f"{first.key} is {first.paper!r} there and {first.here!r} here; make the change an override or a variant, "
            f"or delete {folder} if its runs are yours.",
            kind="conflict",
            key=first.key,
            file=folder,
        )


def _run_row(record: RunRecord) -> dict[str, Any]:
    recipe = record.recipe
    return {
        "net": recipe.net,
        "variant": recipe.variant,
        "seed": recipe.seed,
        "recipe": recipe.hash,
        "status": record.status,
        "parameters": record.parameters,
        "macs": record.macs,
        "warmup_ended_at": record.warmup_ended_at,
        "dropped_at": record.dropped_at,
        "seconds": record.seconds,
        "images_per_second": record.images_per_second,
        "processes": record.processes,
        "starts": record.starts,
        **in_columns(record.provenance),
        "mlflow_run_id": record.mlflow_run_id,
    }


def _score_rows(result: Result) -> list[dict[str, Any]]:
    """The scores, and the training error at the end of the schedule."""
    recipe = result.record.recipe
    name = {"net": recipe.net, "variant": recipe.variant, "seed": recipe.seed}
    return [name | dict(row) for row in (*result.scores, training_score(recipe, result.curve))]


def _response_rows(result: Result) -> list[dict[str, Any]]:
    recipe = result.record.recipe
    name = {"net": recipe.net, "variant": recipe.variant, "seed": recipe.seed, "iteration": recipe.schedule.iterations}
    return [name | {"layer": layer, "value": value} for layer, value in enumerate(result.responses, start=1)]


def _gradient_rows(result: Result) -> list[dict[str, Any]]:
    recipe = result.record.recipe
    name = {"net": recipe.net, "variant": recipe.variant, "seed": recipe.seed}
    return [
        name | {"iteration": iteration, "layer": layer, "value": value}
        for iteration, norms in result.record.gradient_norms.items()
        for layer, value in enumerate(norms, start=1)
    ]


def _curve_rows(result: Result) -> list[dict[str, Any]]:
    """The training error averaged to about 64 points, and every number of the test images."""
    recipe = result.record.recipe
    name = {"net": recipe.net, "variant": recipe.variant, "seed": recipe.seed}
    training = list(select(result.curve, TRAIN, ERROR).items())
    step = averaged_points(recipe)
    points = []
    for first in range(0, len(training), step):
        part = training[first : first + step]
        error = sum(error for _, error in part) / len(part)
        points.append(Point(part[-1][0], TRAIN, ERROR, round(error, 4)))
    points += [point for point in result.curve if point.split == TEST]
    return [name | point._asdict() for point in points]


def _texts(row: Mapping[str, Any]) -> dict[str, str]:
    return {key: _text(value) for key, value in row.items()}


def _text(value: Any) -> str:
    return "" if value is None else json.dumps(value) if isinstance(value, list) else str(value)


def _place(row: Row, task: Task) -> tuple[Any, ...]:
    """Where a row stands: by depth, net, variant and seed, ensembles last; then by protocol and metric."""
    members = row["net"].split(JOINED)
    run = (len(members) > 1, max(map(depth_of, members)), row["net"], row["variant"] != DEFAULT, row["variant"])
    scored = [(protocol.name, metric.name) for protocol in task.protocols for metric in protocol.metrics]
    score = (row.get("protocol"), row.get("metric"))
    point = (row.get("split") != TRAIN, row.get("metric", ""), int(row.get("iteration", 0)))
    return (*run, int(row["seed"]), scored.index(score) if score in scored else len(scored), *point)


def _factored(recipes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What all recipes share, section by section, and what is each one's own."""
    first, *others = ({key: value for key, value in recipe.items() if key not in RUN} for recipe in recipes.values())
    base = first
    for other in others:
        base = _shared(base, other)
    return {"base": base, "runs": {key: _without(recipe, base) for key, recipe in recipes.items()}}


def _shared(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for key, value in a.items():
        if isinstance(value, Mapping) and isinstance(b.get(key), Mapping):
            if part := _shared(value, b[key]):
                found[key] = part
        elif key in b and value == b[key]:
            found[key] = value
    return found


def _without(values: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and isinstance(base.get(key), Mapping):
            if part := _without(value, base[key]):
                found[key] = part
        elif key not in base:
            found[key] = value
    return found


def _csv(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()
