"""The files of a study, results/<profile>/<arm>/, read and checked. Needs no torch."""

import csv
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from replication.arms import Arm, step_of
from replication.errors import UserError
from replication.files import regular
from replication.recipe import Recipe, merged, validate
from replication.study import schema
from replication.study.schema import JOINED, TRAINING, TRAINING_ERROR, checked

RECIPES, RUNS, SCORES, CURVES = "recipes.json", "runs.csv", "scores.csv", "curves.csv"
RESPONSES, GRADIENTS = "responses.csv", "gradients.csv"
RUN = ("net", "variant", "seed")
NUMBER = ("protocol", "metric", "iteration", "layer")  # which number of a run a row has
TABLES: dict[str, type[schema.Row]] = {RUNS: schema.RunRow, SCORES: schema.ScoreRow, CURVES: schema.CurveRow}
# These are there where something was measured layer by layer.
LAYERS: dict[str, type[schema.Row]] = {RESPONSES: schema.LayerRow, GRADIENTS: schema.LayerRow}
CURVE_POINTS = 64  # a curve of the page, as many as Figure 6 has
Row = dict[str, Any]  # of a table, by its columns
Run = tuple[Any, ...]  # net, variant and seed


def read_tables(folder: Path, arm: Arm) -> tuple[dict[str, Recipe], dict[str, list[Row]]]:
    """The recipes of a study by their hash, and the rows of its tables, by file name.

    Raises:
        UserError: a file is missing, a row is not one of its table or stands there twice, or runs, recipes and scores
            do not belong together.
    """
    restore = f"restore it with `git checkout {folder}`"
    recipes, tables = _read_recipes(folder / RECIPES, arm, restore), {}
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
                    raise UserError(f"{path} lacks the column {missing[0]}; {restore}.")
                tables[name] = typed(name, reader, arm, str(path), restore)
        except (OSError, ValueError, csv.Error) as error:
            raise UserError(f"{path} cannot be read ({error}); {restore}.") from error
    _check_runs(folder, arm, recipes, tables, restore)
    return recipes, tables


def _read_recipes(path: Path, arm: Arm, restore: str) -> dict[str, Recipe]:
    try:
        stored = json.loads(regular(path).read_text(encoding="utf-8"))
        by_hash = {key: merged(stored["base"], own) for key, own in stored["runs"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path} cannot be read ({error!r}); {restore}.") from error
    recipes = {}
    for key, values in by_hash.items():
        recipe = validate(arm.recipe, values, f"{path}, {key}")
        if recipe.hash != key:
            raise UserError(f"{path}: the recipe of {key} was changed, its hash is {recipe.hash}; {restore}.")
        recipes[key] = recipe
    return recipes


def typed(name: str, rows: Iterable[Mapping[str, Any]], arm: Arm, where: str, remedy: str) -> list[Row]:
    """Rows of a table with the types of its columns; raises a UserError as `checked` says."""
    return [row.model_dump() for row in checked((TABLES | LAYERS)[name], rows, arm, where, remedy)]


def _check_runs(folder: Path, arm: Arm, recipes: dict[str, Recipe], tables: dict[str, list[Row]], restore: str) -> None:
    """Each run once, with its own recipe, its curve and its headline; each number once, and of a run that is there."""
    if not tables[RUNS]:
        raise UserError(f"{folder / RUNS} has no runs; {restore}.")
    there = {}
    for line, row in enumerate(tables[RUNS], start=2):
        recipe, where = recipes.get(row["recipe"]), f"{folder / RUNS}, line {line}"
        if not recipe:
            raise UserError(f"{where}: {RECIPES} lacks the recipe {row['recipe']}; {restore}.")
        if run_of(row) != (recipe.net, recipe.variant, recipe.seed):
            raise UserError(f"{where}: {row['recipe']} is the recipe of {recipe.net} · seed {recipe.seed}; {restore}.")
        there[run_of(row)] = recipe
    for name, rows in tables.items():
        seen = set()
        for line, row in enumerate(rows, start=2):
            where, of = f"{folder / name}, line {line}", (run_of(row), *(row.get(key) for key in NUMBER))
            if of in seen:
                raise UserError(f"{where}: it stands there twice; {restore}.")
            seen.add(of)
            for net in row["net"].split(JOINED):
                if (net, row["variant"], row["seed"]) not in there:
                    raise UserError(f"{where}: {RUNS} has no {net} · seed {row['seed']}; {restore}.")
                last = there[net, row["variant"], row["seed"]].schedule.iterations
                if row.get("iteration", 0) > last:
                    raise UserError(f"{where}: iteration {row['iteration']} of {last}; {restore}.")
    _check_scores(folder / SCORES, arm, there, tables[SCORES], restore)
    _check_curves(folder / CURVES, there, tables[CURVES], arm.protocols[0].name, restore)
    for name in LAYERS:
        _check_layers(folder / name, tables[name], restore)


def _check_scores(path: Path, arm: Arm, recipes: Mapping[Run, Recipe], rows: list[Row], restore: str) -> None:
    """A run has its headline, its training error, and what else the runs of its step were scored by, if it can be."""
    found: dict[Run, set[tuple[str, str]]] = {run: set() for run in recipes}
    for row in rows:
        found.setdefault(run_of(row), set()).add((row["protocol"], row["metric"]))
    for step in filter(None, (arm, arm.second)):
        of_step = [run for run, recipe in recipes.items() if step_of(recipe) is step]
        wanted = {(step.headline, step.metric.name), (TRAINING, TRAINING_ERROR)}.union(*map(found.get, of_step))
        cannot = {protocol.name: protocol.not_for for protocol in step.protocols}
        for run in of_step:
            for protocol, metric in sorted(wanted - found[run]):
                if run[0] not in cannot.get(protocol, ()):
                    raise UserError(f"{path} lacks the {metric} of {run[0]} · seed {run[2]}, {protocol}; {restore}.")


def _check_curves(path: Path, recipes: dict[Run, Recipe], rows: list[Row], watched: str, restore: str) -> None:
    """A curve has the points that its recipe says, neither more nor less."""
    found: dict[Run, set[tuple[str, int]]] = {run: set() for run in recipes}
    for row in rows:
        found[run_of(row)].add((row["protocol"], row["iteration"]))
    for run, recipe in recipes.items():
        last, logging = recipe.schedule.iterations, recipe.logging
        steps = {TRAINING: averaged_rows(recipe) * logging.log_every, watched: logging.evaluate_every}
        wanted = {(protocol, at) for protocol, step in steps.items() for at in (*range(step, last, step), last)}
        for point in sorted(wanted ^ found[run]):
            told = "lacks the" if point in wanted else "has a"
            where = f"{run[0]} · seed {run[2]}: {point[0]}, iteration {point[1]}"
            raise UserError(f"{path} {told} point of {where}; {restore}.")


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
            raise UserError(f"{path} lacks layer {layer} of {net} · seed {seed}, iteration {iteration}; {restore}.")


def averaged_rows(recipe: Recipe) -> int:
    """How many rows of a run's curve.csv make a point of the training error in curves.csv."""
    return -(-recipe.schedule.iterations // recipe.logging.log_every // CURVE_POINTS)


def run_of(row: Mapping[str, Any]) -> Run:
    """Which run a row is of: net, variant and seed."""
    return tuple(row[key] for key in RUN)
