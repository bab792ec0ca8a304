"""The files of a study, results/<profile>/<task>/, read and checked. Needs no torch."""

import csv
import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from replication.config.profiles import DEFAULT
from replication.config.recipe import Recipe
from replication.config.validation import merge, validate
from replication.errors import UserError
from replication.files import is_in_git, make_read_error, require_regular
from replication.nets.names import depth_of
from replication.results import schema
from replication.results.schema import JOINED, TRAINING, TRAINING_ERROR, check_rows
from replication.runs.curve import ERROR, TEST, TRAIN
from replication.tasks import Task

RECIPES, RUNS, SCORES, CURVES = "recipes.json", "runs.csv", "scores.csv", "curves.csv"
RESPONSES, GRADIENTS, PRECISION = "responses.csv", "gradients.csv", "precision.csv"
RERUNS = "reruns.csv"  # of others, where there are some; no other table has a row of them
RUN = ("net", "variant", "seed")
NUMBER = ("protocol", "split", "metric", "iteration", "layer", "category", "recall")  # which number of a run a row has
TABLES: dict[str, type[schema.ResultRow]] = {RUNS: schema.RunRow, SCORES: schema.ScoreRow, CURVES: schema.CurveRow}
# A study has these where something was measured layer by layer.
LAYERS: dict[str, type[schema.ResultRow]] = {RESPONSES: schema.LayerRow, GRADIENTS: schema.LayerRow}
OPTIONAL = LAYERS | {PRECISION: schema.PrecisionRow}  # precision.csv: where objects were detected
CURVE_POINTS = 64  # a curve of the page, as many as Figure 6 has
TableRow = dict[str, Any]  # of a table, by its columns
RunKey = tuple[Any, ...]  # net, variant and seed


def read_tables(folder: Path, task: Task) -> tuple[dict[str, Recipe], dict[str, list[TableRow]]]:
    """The recipes of a study by their hash, and the rows of its tables, by file name.

    Raises:
        UserError: a file is missing, a row is invalid or repeated, or runs, recipes and numbers do not fit each other.
    """
    recipes = _read_recipes(folder / RECIPES, task)
    tables = {name: _read_table(folder / name, task) for name in TABLES | OPTIONAL}
    by_run = _check_runs(folder / RUNS, recipes, tables[RUNS])
    for name, rows in tables.items():
        _check_no_row_repeats(folder / name, rows)
        _check_rows_have_runs(folder / name, rows, by_run)
    _check_scores(folder / SCORES, task, by_run, tables[SCORES])
    _check_curves(folder / CURVES, task, by_run, tables[CURVES])
    for name in LAYERS:
        _check_layers(folder / name, tables[name])
    return recipes, tables


def read_reruns(folder: Path, task: Task) -> list[TableRow]:
    """The runs that others made again; none without the file.

    Raises:
        UserError: a row is invalid or repeated.
    """
    path = folder / RERUNS
    if not path.exists():
        return []
    rows = _read_rows(path, schema.RerunRow, task)
    keys = [(row["by"], run_key(row)) for row in rows]
    for line, key in enumerate(keys, start=2):
        if key in keys[: line - 2]:
            raise _damaged(path, f"repeats an earlier row in line {line}")
    return rows


def parse_rows(
    name: str, rows: Iterable[Mapping[str, Any]], task: Task, where: str, remedy: str, file: Path | None = None
) -> list[TableRow]:
    """Rows of a table with the types of its columns; raises a UserError as `check_rows` says."""
    return [row.model_dump() for row in check_rows((TABLES | OPTIONAL)[name], rows, task, where, remedy, file)]


def run_key(row: Mapping[str, Any]) -> RunKey:
    """Net, variant and seed of the run that a row belongs to."""
    return tuple(row[key] for key in RUN)


def sort_key(row: TableRow, task: Task) -> tuple[Any, ...]:
    """The order of rows: by depth, net, variant and seed, ensembles last; then by protocol and metric."""
    members = row["net"].split(JOINED)
    run = (len(members) > 1, max(map(depth_of, members)), row["net"], row["variant"] != DEFAULT, row["variant"])
    scores = [(protocol.name, metric.name) for protocol in task.protocols for metric in protocol.metrics]
    score = (row.get("protocol"), row.get("metric"))
    point = (row.get("split") != TRAIN, row.get("metric", ""), int(row.get("iteration", 0)))
    return (*run, int(row["seed"]), scores.index(score) if score in scores else len(scores), *point)


def count_averaged_points(recipe: Recipe) -> int:
    """How many points of a run's training error are averaged to a point of curves.csv."""
    return -(-recipe.schedule.iterations // recipe.logging.log_every // CURVE_POINTS)


def _read_recipes(path: Path, task: Task) -> dict[str, Recipe]:
    try:
        stored = json.loads(require_regular(path).read_text(encoding="utf-8"))
        by_hash = {key: merge(stored["base"], rest) for key, rest in stored["runs"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"{path} cannot be read ({error!r}); {_remedy(path)}."
        raise make_read_error(path, error, message) from error
    recipes = {}
    for key, values in by_hash.items():
        recipe = validate(task.recipe, values, f"{path}, {key}", path)
        if recipe.hash != key:
            raise _damaged(path, f"has a recipe {key} that was changed: its hash is {recipe.hash}", key)
        recipes[key] = recipe
    return recipes


def _read_table(path: Path, task: Task) -> list[TableRow]:
    """The rows of a table; none where an optional one is missing."""
    return [] if path.name in OPTIONAL and not path.exists() else _read_rows(path, (TABLES | OPTIONAL)[path.name], task)


def _read_rows(path: Path, model: type[schema.ResultRow], task: Task) -> list[TableRow]:
    try:
        with require_regular(path).open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file, restkey="more", restval=["no cell"])
            for column in schema.columns(model):
                if column not in (reader.fieldnames or ()):
                    raise _damaged(path, f"has no column {column}", column)
            return [row.model_dump() for row in check_rows(model, reader, task, str(path), _remedy(path), path)]
    except (OSError, ValueError, csv.Error) as error:
        message = f"{path} cannot be read ({error}); {_remedy(path)}."
        raise make_read_error(path, error, message) from error


def _check_runs(path: Path, recipes: Mapping[str, Recipe], rows: list[TableRow]) -> dict[RunKey, Recipe]:
    """Each run has its recipe; returns the recipes by run."""
    if not rows:
        raise _damaged(path, "has no runs")
    by_run = {}
    for line, row in enumerate(rows, start=2):
        recipe = recipes.get(row["recipe"])
        if not recipe:
            raise _damaged(path, f"names the recipe {row['recipe']} in line {line}, which {RECIPES} lacks", "recipe")
        if run_key(row) != (recipe.net, recipe.variant, recipe.seed):
            what = f"has in line {line} {row['recipe']}, the recipe of {recipe.net} · seed {recipe.seed}"
            raise _damaged(path, what, "recipe")
        by_run[run_key(row)] = recipe
    return by_run


def _check_no_row_repeats(path: Path, rows: list[TableRow]) -> None:
    numbers = set()
    for line, row in enumerate(rows, start=2):
        number = (run_key(row), *(row.get(key) for key in NUMBER))
        if number in numbers:
            raise _damaged(path, f"repeats an earlier row in line {line}")
        numbers.add(number)


def _check_rows_have_runs(path: Path, rows: list[TableRow], recipes: Mapping[RunKey, Recipe]) -> None:
    """A row belongs to a run, or to an ensemble of runs, and to an iteration of its schedule."""
    for line, row in enumerate(rows, start=2):
        for net in row["net"].split(JOINED):
            recipe = recipes.get((net, row["variant"], row["seed"]))
            if not recipe:
                raise _damaged(path, f"has {net} · seed {row['seed']} in line {line}, which {RUNS} lacks")
            last = recipe.schedule.iterations
            if row.get("iteration", 0) > last:
                raise _damaged(path, f"has iteration {row['iteration']} of {last} in line {line}", "iteration")


def _check_scores(path: Path, task: Task, recipes: Mapping[RunKey, Recipe], rows: list[TableRow]) -> None:
    """A run has its headline, its training error, and what else other runs were tested by, if it can be."""
    scores: dict[RunKey, set[tuple[str, str]]] = {run: set() for run in recipes}
    for row in rows:
        scores.setdefault(run_key(row), set()).add((row["protocol"], row["metric"]))
    expected = {(task.headline, task.metric.name), (TRAINING, TRAINING_ERROR)}.union(*map(scores.get, recipes))
    cannot_test = {protocol.name: protocol.not_for for protocol in task.protocols}
    for run in recipes:
        for protocol, metric in sorted(expected - scores[run]):
            if run[0] not in cannot_test.get(protocol, ()):
                raise _damaged(path, f"lacks the {metric} of {run[0]} · seed {run[2]}, {protocol}", metric)


def _check_curves(path: Path, task: Task, recipes: Mapping[RunKey, Recipe], rows: list[TableRow]) -> None:
    """A curve has the points that its recipe says, neither more nor less."""
    points: dict[RunKey, set[tuple[str, str, int]]] = {run: set() for run in recipes}
    for row in rows:
        points[run_key(row)].add((row["split"], row["metric"], row["iteration"]))
    for run, recipe in recipes.items():
        last, logging = recipe.schedule.iterations, recipe.logging
        steps = {
            (TRAIN, ERROR): count_averaged_points(recipe) * logging.log_every,
            (TEST, task.curve_metric.name): logging.evaluate_every,
        }
        expected = {(*series, at) for series, step in steps.items() for at in (*range(step, last, step), last)}
        for point in sorted(expected ^ points[run]):
            what = "lacks the point" if point in expected else "has a point"
            where = f"{run[0]} · seed {run[2]}: {point[0]}, {point[1]}, iteration {point[2]}"
            raise _damaged(path, f"{what} of {where}", "iteration")


def _check_layers(path: Path, rows: list[TableRow]) -> None:
    """Every run of a net has the same layers, numbered from 1 without a gap."""
    layers: dict[tuple[Any, ...], set[int]] = {}
    last: dict[tuple[str, str], int] = {}
    for row in rows:
        layers.setdefault((*run_key(row), row["iteration"]), set()).add(row["layer"])
        net = (row["net"], row["variant"])
        last[net] = max(row["layer"], last.get(net, 0))
    for (net, variant, seed, iteration), numbers in layers.items():
        for layer in sorted({*range(1, last[net, variant] + 1)} - numbers):
            raise _damaged(path, f"lacks layer {layer} of {net} · seed {seed}, iteration {iteration}", "layer")


def _damaged(path: Path, what: str, key: str | None = None) -> UserError:
    """The error for a file of a study that does not fit the others."""
    return UserError(f"{path} {what}; {_remedy(path)}.", kind="damaged", key=key, file=path)


def _remedy(path: Path) -> str:
    return suggest_restore(path.parent)


@cache
def suggest_restore(folder: Path) -> str:
    """How to get a study's files back."""
    if is_in_git(folder):
        return f"restore it with `git checkout HEAD -- {folder}`"
    return f"git does not have {folder}: move it away, and tabulate or join its runs again"
