"""results/<profile>/<task>/: the committed record of a study, to which runs are added. Needs no torch.

`recipes.json` has what the runs' recipes share, and by its hash what each adds to it; `runs.csv` one row per run;
`scores.csv` one row per number; `curves.csv` one row per point; `responses.csv` and `gradients.csv`, where they were
measured, one row per layer; `precision.csv`, where objects were detected, one row per point of a class. Equal runs give
equal bytes, in whatever order they come.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from replication.config.profiles import named
from replication.config.recipe import Recipe
from replication.errors import UserError
from replication.files import finish_writing, write_together
from replication.results import schema
from replication.results.fidelity import compare_recipes
from replication.results.reproduced import Recorded, compare_with_record, group_by_run, has_same_numbers
from replication.results.rows import NewRow, Result, make_rows
from replication.results.tables import (
    OPTIONAL,
    RECIPES,
    RUN,
    RUNS,
    SCORES,
    TABLES,
    RunKey,
    TableRow,
    parse_rows,
    read_tables,
    run_key,
    sort_key,
)
from replication.tasks import Task, get_task

__all__ = ["Result", "add_results", "refuse_others"]


def add_results(folder: Path, results: Sequence[Result], ensembles: Iterable[Mapping[str, Any]] = ()) -> list[Recorded]:
    """Add runs to a study. A recorded run with the same numbers stays as it is, with its date, machine and commit; one
    with other numbers is replaced. All other runs stay.

    Args:
        ensembles: rows of scores of nets that are named "a + b".

    Returns:
        For each result, what was recorded of its run before.

    Raises:
        UserError: the study has a run under another recipe, or its tables are damaged.
    """
    task = get_task(results[0].recipe.task)
    recipes, tables = (
        read_tables(folder, task) if _has_study(folder) else ({}, {name: [] for name in TABLES | OPTIONAL})
    )
    recorded_recipes = _recipes_by_run(recipes, tables)
    for result in results:
        recipe = result.recipe
        _refuse_another(folder, recipe, recorded_recipes.get((recipe.net, recipe.variant, recipe.seed), recipe))
    new = _parse_new_rows(folder, make_rows(results, ensembles), task)
    before = {name: group_by_run(rows) for name, rows in tables.items()}
    now = {name: group_by_run(rows) for name, rows in new.items()}
    equal = {run for run in now[RUNS] if run in before[RUNS] and has_same_numbers(run, now, before)}
    new[RUNS] = [before[RUNS][run_key(row)][0] if run_key(row) in equal else row for row in new[RUNS]]
    replaced = {run_key(row) for row in (*new[RUNS], *new[SCORES])}
    merged = {name: _replace_runs(rows, new[name], replaced, task) for name, rows in tables.items()}
    _write_study(folder, recipes | {result.recipe.hash: result.recipe for result in results}, merged)
    return [compare_with_record(result.recipe, result.scores, before, equal) for result in results]


def refuse_others(folder: Path, recipes: Sequence[Recipe]) -> None:
    """Refuse, before anything is trained, runs that a study has under another recipe.

    Neither their data nor the run that they start from need be there yet.

    Raises:
        UserError: as `add_results` would raise it.
    """
    if not recipes or not _has_study(folder):
        return
    recorded_recipes = _recipes_by_run(*read_tables(folder, get_task(recipes[0].task)))
    for recipe in recipes:
        if old := recorded_recipes.get((recipe.net, recipe.variant, recipe.seed)):
            _refuse_another(folder, recipe.model_copy(update={"data": old.data, "started_from": old.started_from}), old)


def _has_study(folder: Path) -> bool:
    """Whether there is a study, complete or damaged. Completes what a killed writer began."""
    finish_writing(folder, [RECIPES, *TABLES, *OPTIONAL])
    return any((folder / name).exists() for name in (RECIPES, *TABLES))


def _recipes_by_run(recipes: Mapping[str, Recipe], tables: Mapping[str, list[TableRow]]) -> dict[RunKey, Recipe]:
    return {run_key(row): recipes[row["recipe"]] for row in tables[RUNS]}


def _refuse_another(folder: Path, recipe: Recipe, recorded: Recipe) -> None:
    """Refuse a run whose recorded recipe is another one.

    Raises:
        UserError: names the first field in which they differ.
    """
    differences = compare_recipes(recipe, recorded)
    if differences:
        first = differences[0]
        raise UserError(
            f"{folder} has {named(recipe.net, recipe.variant)} · seed {recipe.seed} under another recipe: "
            f"{first.key} is {first.paper!r} there and {first.here!r} here; make the change an override or a variant, "
            f"or delete {folder} if its runs are yours.",
            kind="conflict",
            key=first.key,
            file=folder,
        )


def _parse_new_rows(folder: Path, rows: Mapping[str, list[NewRow]], task: Task) -> dict[str, list[TableRow]]:
    """Rows checked as those of a file are, so that what is written can be read."""
    return {
        name: parse_rows(name, map(_to_texts, new), task, f"new rows of {folder / name}", "nothing was added")
        for name, new in rows.items()
    }


def _replace_runs(
    rows: Iterable[TableRow], new: Iterable[TableRow], replaced: set[RunKey], task: Task
) -> list[TableRow]:
    """The rows of a table with those of some runs replaced by new ones, in order."""
    others = [row for row in rows if run_key(row) not in replaced]
    return sorted([*others, *new], key=lambda row: sort_key(row, task))


def _write_study(folder: Path, recipes: Mapping[str, Recipe], tables: Mapping[str, list[TableRow]]) -> None:
    """Write recipes.json and the tables, all or none. An optional table is written where it has or had rows."""
    folder.mkdir(parents=True, exist_ok=True)
    used = {row["recipe"]: recipes[row["recipe"]].values for row in tables[RUNS]}
    files = {RECIPES: (json.dumps(_factor_recipes(used), indent=2) + "\n").encode()}
    for name, rows in tables.items():
        if name in TABLES or rows or (folder / name).exists():
            files[name] = encode_rows(schema.columns((TABLES | OPTIONAL)[name]), rows)
    write_together(folder, files)


def _to_texts(row: Mapping[str, Any]) -> dict[str, str]:
    return {key: _to_text(value) for key, value in row.items()}


def _to_text(value: Any) -> str:
    return "" if value is None else json.dumps(value) if isinstance(value, list) else str(value)


def encode_rows(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """A table as the bytes of its file."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(map(_to_texts, rows))
    return text.getvalue().encode()


def _factor_recipes(recipes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What all recipes share, section by section, and what each adds to it."""
    first, *others = ({key: value for key, value in recipe.items() if key not in RUN} for recipe in recipes.values())
    base = first
    for other in others:
        base = _intersect(base, other)
    return {"base": base, "runs": {key: _subtract(recipe, base) for key, recipe in recipes.items()}}


def _intersect(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Any]:
    """The keys and values that two nested mappings share."""
    shared = {}
    for key, value in a.items():
        if isinstance(value, Mapping) and isinstance(b.get(key), Mapping):
            if part := _intersect(value, b[key]):
                shared[key] = part
        elif key in b and value == b[key]:
            shared[key] = value
    return shared


def _subtract(values: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """The keys and values of a nested mapping that `base` lacks."""
    rest = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and isinstance(base.get(key), Mapping):
            if part := _subtract(value, base[key]):
                rest[key] = part
        elif key not in base:
            rest[key] = value
    return rest
