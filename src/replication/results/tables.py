"""The files of a study, results/<profile>/<task>/, read and checked. Needs no torch."""

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from replication.config.recipe import Recipe
from replication.config.validation import merge, validate
from replication.errors import UserError
from replication.files import kind_of, regular
from replication.results import schema
from replication.results.schema import JOINED, TRAINING, TRAINING_ERROR, checked
from replication.runs.curve import ERROR, TEST, TRAIN
from replication.tasks import Task

RECIPES, RUNS, SCORES, CURVES = "recipes.json", "runs.csv", "scores.csv", "curves.csv"
RESPONSES, GRADIENTS = "responses.csv", "gradients.csv"
RUN = ("net", "variant", "seed")
NUMBER = ("protocol", "split", "metric", "iteration", "layer")  # which number of a run a row has
TABLES: dict[str, type[schema.Row]] = {RUNS: schema.RunRow, SCORES: schema.ScoreRow, CURVES: schema.CurveRow}
# These are there where something was measured layer by layer.
LAYERS: dict[str, type[schema.Row]] = {RESPONSES: schema.LayerRow, GRADIENTS: schema.LayerRow}
CURVE_POINTS = 64  # a curve of the page, as many as Figure 6 has
Row = dict[str, Any]  # of a table, by its columns
Run = tuple[Any, ...]  # net, variant and seed


def read_tables(folder: Path, task: Task) -> tuple[dict[str, Recipe], dict[str, list[Row]]]:
    """The recipes of a study by their hash, and the rows of its tables, by file name.

    Raises:
        UserError: a file is missing, a row is not one of its table or stands there twice, or runs, recipes and scores
            do not belong together.
    """
    restore = f"restore it with `git checkout {folder}`"
    recipes, tables = _read_recipes(folder / RECIPES, task, restore), {}
    for name, model in (TABLES | LAYERS).items():
        path = folder / name
        if name in LAYERS and not path.exists():
            tables[name] = []
            continue
        try:
            with regular(path).open(newline="", encoding="utf-8") as file:
                reader = csv.DictReader(file, restkey="more", restval=["no cell"])
                missing = [key for key in schema.columns(model) if key not in (reader.fieldnames or ())]
                if missing:
                    raise _damaged(path, f"has no column {missing[0]}", restore, missing[0])
                tables[name] = typed(name, reader, task, str(path), restore, path)
        except (OSError, ValueError, csv.Error) as error:
            raise UserError(f"{path} cannot be read ({error}); {restore}.", kind=kind_of(error), file=path) from error
    _check_runs(folder, task, recipes, tables, restore)
    return recipes, tables


def _read_recipes(path: Path, task: Task, restore: str) -> dict[str, Recipe]:
    try:
        stored = json.loads(regular(path).read_text(encoding="utf-8"))
        by_hash = {key: merge(stored["base"], own) for key, own in stored["runs"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} cannot be read ({error!r}); {restore}.", kind=kind_of(error), file=path) from error
    recipes = {}
    for key, values in by_hash.items():
        recipe = validate(task.recipe, values, f"{path}, {key}", path)
        if recipe.hash != key:
            raise _damaged(path, f"has a recipe {key} that was changed: its hash is {recipe.hash}", restore, key)
        recipes[key] = recipe
    return recipes


def _damaged(path: Path, what: str, restore: str, key: str | None = None) -> UserError:
    """The error for a file of a study that does not fit the others."""
    return UserError(f"{path} {what}; {restore}.", kind="damaged", key=key, file=path)


def typed(
    name: str, rows: Iterable[Mapping[str, Any]], task: Task, where: str, remedy: str, file: Path | None = None
) -> list[Row]:
    """Rows of a table with the types of its columns; raises a UserError as `checked` says."""
    return [row.model_dump() for row in checked((TABLES | LAYERS)[name], rows, task, where, remedy, file)]


def _check_runs(
    folder: Path, task: Task, recipes: dict[str, Recipe], tables: dict[str, list[Row]], restore: str
) -> None:
    """Each run once, with its own recipe, its curve and its headline; each number once, and of a run that is there."""
    if not tables[RUNS]:
        raise _damaged(folder / RUNS, "has no runs", restore)
    there = {}
    for line, row in enumerate(tables[RUNS], start=2):
        recipe = recipes.get(row["recipe"])
        if not recipe:
            wrong = f"names the recipe {row['recipe']} in line {line}, which {RECIPES} lacks"
            raise _damaged(folder / RUNS, wrong, restore, "recipe")
        if run_of(row) != (recipe.net, recipe.variant, recipe.seed):
            wrong = f"has in line {line} {row['recipe']}, the recipe of {recipe.net} · seed {recipe.seed}"
            raise _damaged(folder / RUNS, wrong, restore, "recipe")
        there[run_of(row)] = recipe
    for name, rows in tables.items():
        seen = set()
        for line, row in enumerate(rows, start=2):
            number = (run_of(row), *(row.get(key) for key in NUMBER))
            if number in seen:
                raise _damaged(folder / name, f"repeats an earlier row in line {line}", restore)
            seen.add(number)
            for net in row["net"].split(JOINED):
                if (net, row["variant"], row["seed"]) not in there:
                    wrong = f"has {net} · seed {row['seed']} in line {line}, which {RUNS} lacks"
                    raise _damaged(folder / name, wrong, restore)
                last = there[net, row["variant"], row["seed"]].schedule.iterations
                if row.get("iteration", 0) > last:
                    wrong = f"has iteration {row['iteration']} of {last} in line {line}"
                    raise _damaged(folder / name, wrong, restore, "iteration")
    _check_scores(folder / SCORES, task, there, tables[SCORES], restore)
    _check_curves(folder / CURVES, task, there, tables[CURVES], restore)
    for name in LAYERS:
        _check_layers(folder / name, tables[name], restore)


def _check_scores(path: Path, task: Task, recipes: Mapping[Run, Recipe], rows: list[Row], restore: str) -> None:
    """A run has its headline, its training error, and what else other runs were tested by, if it can be."""
    found: dict[Run, set[tuple[str, str]]] = {run: set() for run in recipes}
    for row in rows:
        found.setdefault(run_of(row), set()).add((row["protocol"], row["metric"]))
    wanted = {(task.headline, task.metric.name), (TRAINING, TRAINING_ERROR)}.union(*map(found.get, recipes))
    cannot = {protocol.name: protocol.not_for for protocol in task.protocols}
    for run in recipes:
        for protocol, metric in sorted(wanted - found[run]):
            if run[0] not in cannot.get(protocol, ()):
                wrong = f"lacks the {metric} of {run[0]} · seed {run[2]}, {protocol}"
                raise _damaged(path, wrong, restore, metric)


def _check_curves(path: Path, task: Task, recipes: dict[Run, Recipe], rows: list[Row], restore: str) -> None:
    """A curve has the points that its recipe says, neither more nor less."""
    points: dict[Run, set[tuple[str, str, int]]] = {run: set() for run in recipes}
    for row in rows:
        points[run_of(row)].add((row["split"], row["metric"], row["iteration"]))
    for run, recipe in recipes.items():
        last, logging = recipe.schedule.iterations, recipe.logging
        steps = {(TRAIN, ERROR): averaged_points(recipe) * logging.log_every}
        steps |= {(TEST, task.curve_metric.name): logging.evaluate_every}
        wanted = {(*series, at) for series, step in steps.items() for at in (*range(step, last, step), last)}
        for point in sorted(wanted ^ points[run]):
            wrong = "lacks the" if point in wanted else "has a"
            where = f"{run[0]} · seed {run[2]}: {point[0]}, {point[1]}, iteration {point[2]}"
            raise _damaged(path, f"{wrong} point of {where}", restore, "iteration")


def _check_layers(path: Path, rows: list[Row], restore: str) -> None:
    """Every run of a net has the same layers, numbered from 1 without a gap."""
    found: dict[tuple[Any, ...], set[int]] = {}
    last: dict[tuple[str, str], int] = {}
    for row in rows:
        found.setdefault((*run_of(row), row["iteration"]), set()).add(row["layer"])
        net = (row["net"], row["variant"])
        last[net] = max(row["layer"], last.get(net, 0))
    for (net, variant, seed, iteration), layers in found.items():
        for layer in sorted({*range(1, last[net, variant] + 1)} - layers):
            raise _damaged(path, f"lacks layer {layer} of {net} · seed {seed}, iteration {iteration}", restore, "layer")


def averaged_points(recipe: Recipe) -> int:
    """How many points of a run's training error make a point in curves.csv."""
    return -(-recipe.schedule.iterations // recipe.logging.log_every // CURVE_POINTS)


def run_of(row: Mapping[str, Any]) -> Run:
    """Which run a row is of: net, variant and seed."""
    return tuple(row[key] for key in RUN)
