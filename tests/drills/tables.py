"""Tables: a copy of results/ with a cell, a row, a column, a byte or an encoding damaged, and then all that reads it.

What is read must be what stands there, and no `nan` may come on the page; runs are not added to a damaged table, and it
stays as it is. Which values a table may hold: tests/study/test_tables.py.
"""

import csv
import json
import os
import random
import re
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from conftest import PROJECT
from made_up import recipe_of, result

from drills.project import files_of
from drills.runner import Silent, Trial
from replication.config.profiles import read_profile
from replication.errors import UserError
from replication.report.cifar import table_6
from replication.report.first_screen import first_screen
from replication.report.forest import comparisons_table
from replication.report.html import render_item
from replication.report.imagenet import table_2, table_3, table_4, table_5
from replication.report.localization import table_13, table_14
from replication.report.record import deviations_table, differences_table, runs_table, setups_table
from replication.report.setups import choose_shown
from replication.results.add import add_results
from replication.results.studies import read_studies
from replication.results.tables import read_tables
from replication.tasks import TASKS

TABLES = ("runs.csv", "scores.csv", "curves.csv")
LAYERS = ("responses.csv", "gradients.csv")
RECIPES = "recipes.json"
ODD = [
    *("", "nan", "inf", "-inf", "-5", "0", "1e9", "1e400", "x", "9,5", " 9.5", "9.5 ", "0x10", "1_000", "９", "+1"),
    *("true", "null", "[]", "[", "{}", "[-1]", "[5, 3]", "1.5", "99999999999999999999", "100.1", "1e-400", "-0.0"),
    *('"', "a\nb", "<script>", "\0", "é", "default", "training", "top5_error", "ten_crop", "resnet-20", "plain-18"),
    *("resnet-21", "plain-20 + resnet-20", "2026-13-01", "0" * 16, "weird", "=1+1", "#REF!", "NaN", "None", "N/A"),
    *("chance", "009", "-", "١"),
]

Cells = list[list[str]]
Change = Callable[[Path, random.Random], object]


COMMITTED = tuple(TASKS)


def trials(dice: random.Random, shared: Path) -> Iterator[Trial]:
    """100 tables: of ten, five have a damaged cell."""
    results = PROJECT / "results"
    files = [path.relative_to(results) for path in sorted(results.rglob("*.csv"))]
    kinds = [CELLS, ROWS, CELLS, BYTES, CELLS, COLUMNS, CELLS, FILES, CELLS, OF_RECIPES]
    for number in range(100):
        kind = kinds[number % len(kinds)]
        file = dice.choice(files)
        name = dice.choice(list(kind))
        file = file.with_name(RECIPES) if kind is OF_RECIPES else file
        act = partial(_read_damaged, file, kind[name], dice.random())
        yield Trial(f"{file}: {name}", act, names=(str(file.parent),))


def _read_damaged(file: Path, change: Change, seed: float, folder: Path) -> None:
    results = shutil.copytree(PROJECT / "results", folder / "results")
    change(results / file, random.Random(seed))
    study, task = (results / file).parent, TASKS[file.parts[1]]
    before, profile = files_of(study), "quick"
    try:
        paper = read_profile(PROJECT / "pipeline/profiles", "paper")
        there = {found.folder for each in COMMITTED for found in read_studies(results, TASKS[each], paper)}
    except UserError:
        new = result(recipe_of(profile, task.name, "resnet-32" if task.name == "cifar" else "resnet-50", seed=7))
        try:
            add_results(study, [new])
        except UserError:
            if files_of(study) != before:
                raise Silent("the damaged tables are changed") from None
            raise
        raise Silent("runs are added to tables that cannot be read") from None
    if study.relative_to(results).as_posix() not in there:
        raise Silent("the study is left out without a word")
    _, tables = read_tables(study, task)
    for name in TABLES:
        for row, cells in zip(tables[name], _rows(study / name), strict=True):
            for key, text in cells.items():
                if not _same(text, row[key]):
                    raise Silent(f"{name}: {key}: {text!r} is read as {row[key]!r}")
    if re.search(r"\bnan\b", _page(results)):
        raise Silent("the page says nan")


def _page(results: Path) -> str:
    """The tables of the page, and its first figures; claims and curves would take ten times as long."""
    paper = read_profile(PROJECT / "pipeline/profiles", "paper")
    studies = {name: read_studies(results, TASKS[name], paper) for name in COMMITTED}
    shown = {name: choose_shown(of_task, "quick") for name, of_task in studies.items()}
    cifar, imagenet, localization = (shown[name] for name in ("cifar", "imagenet", "localization"))
    items = [*table_13(localization), table_14(localization), table_6(cifar)]
    items += [table(imagenet) for table in (table_2, table_3, table_4, table_5)]
    all_shown = [study for of_task in shown.values() for study in of_task]
    for study in all_shown:
        items += [differences_table(study), runs_table(study)]
    every = [study for of_task in studies.values() for study in of_task]
    others = [study for study in every if study not in all_shown]
    items += [comparisons_table(all_shown), deviations_table(all_shown), setups_table(all_shown, others)]
    return "".join([*map(render_item, items), first_screen(every, paper)])


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened, strict=True))


def _same(text: str, value: Any) -> bool:
    """Whether a cell says what it was read as."""
    if isinstance(value, list):
        return json.loads(text) == value
    return (
        text == "" if value is None else float(text) == value if isinstance(value, int | float) else text == str(value)
    )


# --- damage


def _cells(change: Callable[[Cells, random.Random], object]) -> Change:
    def changed(path: Path, dice: random.Random) -> None:
        with path.open(newline="", encoding="utf-8") as file:
            cells = list(csv.reader(file))
        change(cells, dice)
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows(cells)

    return changed


def _each(cells: Cells, dice: random.Random, change: Callable[[list[str], int], object]) -> None:
    place = dice.randrange(len(cells[0]))
    for row in cells:
        change(row, place)


def _odd_cell(odd: str) -> Change:
    def put(cells: Cells, dice: random.Random) -> None:
        row = dice.choice(cells[1:])
        row[dice.randrange(len(row))] = odd

    return _cells(put)


def _bytes(change: Callable[[bytearray, int], object]) -> Change:
    def changed(path: Path, dice: random.Random) -> None:
        content = bytearray(path.read_bytes())
        change(content, dice.randrange(len(content)))
        path.write_bytes(content)

    return changed


def _text(change: Callable[[str], bytes]) -> Change:
    return lambda path, _: path.write_bytes(change(path.read_text(encoding="utf-8")))


def _instead(make: Callable[[Path], object]) -> Change:
    def changed(path: Path, _: random.Random) -> None:
        path.unlink()
        make(path)

    return changed


def _recipes(change: Callable[[dict[str, Any], str], object]) -> Change:
    """Something of recipes.json, which has the key of a run."""

    def changed(path: Path, dice: random.Random) -> None:
        recipes = json.loads(path.read_text(encoding="utf-8"))
        change(recipes, dice.choice(list(recipes["runs"])))
        path.write_text(json.dumps(recipes, indent=2) + "\n", encoding="utf-8")

    return changed


CELLS: dict[str, Change] = {f"{odd!r} in a cell": _odd_cell(odd) for odd in ODD}
ROWS: dict[str, Change] = {
    "a row lost": _cells(lambda cells, dice: cells.pop(dice.randrange(1, len(cells)))),
    "a row twice": _cells(lambda cells, dice: cells.append(dice.choice(cells[1:]))),
    "a row shorter": _cells(lambda cells, dice: dice.choice(cells[1:]).pop()),
    "a row longer": _cells(lambda cells, dice: dice.choice(cells[1:]).append("0")),
    "a row moved by a cell": _cells(lambda cells, dice: dice.choice(cells[1:]).insert(0, "")),
    "an empty row": _cells(lambda cells, dice: cells.insert(dice.randrange(1, len(cells)), [])),
    "the rows lost": _cells(lambda cells, _: cells.__delitem__(slice(1, None))),
    "half of the rows lost": _cells(lambda cells, _: cells.__delitem__(slice(len(cells) // 2, None))),
    "the head lost": _cells(lambda cells, _: cells.pop(0)),
    "the head twice": _cells(lambda cells, _: cells.insert(1, cells[0])),
    "rows in another order": _cells(lambda cells, _: cells.__setitem__(slice(1, None), cells[:0:-1])),
}
COLUMNS: dict[str, Change] = {
    "a column lost": _cells(
        lambda cells, dice: [row.pop(place) for place in [dice.randrange(len(cells[0]))] for row in cells]
    ),
    "a column more": _cells(lambda cells, _: [row.append("more" if row is cells[0] else "0") for row in cells]),
    "a column twice": _cells(
        lambda cells, dice: [row.append(row[place]) for place in [dice.randrange(len(cells[0]))] for row in cells]
    ),
    "a column of another name": _cells(lambda cells, dice: cells[0].__setitem__(dice.randrange(len(cells[0])), "net ")),
    "two columns exchanged": _cells(lambda cells, _: [row.__setitem__(slice(0, 2), row[1::-1]) for row in cells]),
    "two heads exchanged": _cells(lambda cells, _: cells[0].__setitem__(slice(-2, None), cells[0][:-3:-1])),
}
BYTES: dict[str, Change] = {
    "a bit flipped": _bytes(lambda content, place: content.__setitem__(place, content[place] ^ 1 << place % 8)),
    "a byte lost": _bytes(lambda content, place: content.pop(place)),
    "cut": _bytes(lambda content, place: content.__delitem__(slice(place, None))),
    "its beginning lost": _bytes(lambda content, place: content.__delitem__(slice(0, place))),
    "a block of zeros": _bytes(lambda content, place: content.__setitem__(slice(place, place + 64), bytes(64))),
    "a quote": _bytes(lambda content, place: content.insert(place, ord('"'))),
}
FILES: dict[str, Change] = {
    "UTF-16": _text(lambda text: text.encode("utf-16")),
    "BOM": _text(lambda text: text.encode("utf-8-sig")),
    "CRLF": _text(lambda text: text.replace("\n", "\r\n").encode()),
    "semicolons": _text(lambda text: text.replace(",", ";").encode()),
    "a conflict": _text(lambda text: f"<<<<<<< ours\n{text}=======\n{text}>>>>>>> theirs\n".encode()),
    "nothing": _text(lambda _: b""),
    "a web page": _text(lambda _: b"<html></html>\n"),
    "lost": _instead(lambda path: None),
    "a folder": _instead(Path.mkdir),
    "a pipe": _instead(os.mkfifo),
    "a dangling link": _instead(lambda path: path.symlink_to("nowhere")),
}
OF_RECIPES: dict[str, Change] = FILES | {
    "a recipe lost": _recipes(lambda recipes, key: recipes["runs"].pop(key)),
    "a key of a recipe lost": _recipes(lambda recipes, key: recipes["runs"][key].pop("net")),
    "a value changed": _recipes(lambda recipes, key: recipes["base"]["schedule"].update(learning_rate=0.2)),
    "nan for a value": _recipes(lambda recipes, key: recipes["base"]["schedule"].update(learning_rate=float("nan"))),
    "a list for a recipe": _recipes(lambda recipes, key: recipes["runs"].update({key: []})),
    "no base": _recipes(lambda recipes, key: recipes.pop("base")),
    "another key": _recipes(lambda recipes, key: recipes["runs"].update({"0" * 16: recipes["runs"].pop(key)})),
    **BYTES,
}
