"""The small line below a figure or table: what makes it, what it is made from, its numbers, and the claims on it."""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import quote

from replication import paper
from replication.report.html import render
from replication.results.studies import Study
from replication.results.tables import LAYERS, SCORES
from replication.tasks import TASKS
from replication.verdicts.claim import tests_of

Rows = Sequence[Mapping[str, object]]
KINDS = {"table": "T", "figure": "F"}  # as `support` of a claim has them
FOLDER = "../"  # from reports/, where the page lies, to the root of the repository


def with_origin(make: Callable[..., str], numbers: Callable[..., Rows] | None = None, *data: str) -> Callable[..., str]:
    """`make`, a function from studies to HTML, with the line below what it gives; nothing below nothing.

    Args:
        make: its first argument is a study, or studies, or the studies of each task; or it has none.
        numbers: the rows that `make` draws, from the same arguments. None: those of the tables that it gives.
        data: files of each study, "curves.csv", its scores if there are none; or paths from the repository's root.
    """
    script = f"src/{make.__module__.replace('.', '/')}.py"

    @wraps(make)
    def made(*arguments: Any, **options: Any) -> str:
        html = make(*arguments, **options)
        studies = list(_studies(arguments[0])) if arguments else []
        if not html.strip():
            return html
        rows = _with_heads(numbers(*arguments, **options)) if numbers else rows_of(html)
        name = make.__name__.replace("_", "-")
        tasks = {study.task.name for study in studies}
        if len(tasks) == 1 and not name[-1].isdigit():  # it may stand on the page for each task
            name = "-".join([name, *tasks])
        return html + line(name, script, data or (SCORES,), rows, studies)

    return made


def line(
    name: str, script: str, data: Sequence[str], rows: Sequence[Sequence[object]], studies: Sequence[Study] = ()
) -> str:
    """The line below a figure or a table, "figure-1" say; its rows stand in the page, to be saved as a CSV."""
    files = [
        {"words": study.folder, "path": f"{FOLDER}results/{quote(f'{study.folder}/{file}')}"}
        for study in studies
        for file in data
        if "/" not in file and not (file in LAYERS and study.responses.empty)
    ]
    files += [{"words": Path(path).name, "path": f"{FOLDER}{path}"} for path in data if "/" in path]
    return render(
        "origin.html", name=name, script=f"{FOLDER}{script}", files=files, cards=_cards(name, studies),
        csv=_address(rows),
    )  # fmt: skip


def csv_address(rows: Rows) -> str:
    """An address that holds rows as a CSV, to be saved from the page."""
    return _address(_with_heads(rows))


def _address(rows: Sequence[Sequence[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return "data:text/csv;charset=utf-8," + quote(text.getvalue(), safe=",:;/?@$!*()[]+=~-_.")


def rows_of(html: str) -> list[list[str]]:
    """The tables of some HTML as rows of texts; a cell over several columns stands in each. Headings h3 are rows."""
    parser = _Tables()
    parser.feed(html)
    return parser.rows


def _with_heads(rows: Rows) -> list[list[object]]:
    return [list(rows[0]), *(list(row.values()) for row in rows)] if rows else []


def _studies(given: Any) -> Iterator[Study]:
    if isinstance(given, Study):
        yield given
    elif isinstance(given, list | tuple):
        for item in given:
            yield from _studies(item)


def _cards(name: str, studies: Sequence[Study]) -> list[dict[str, str]]:
    """The claims that rest on a table or a figure, with where their cards stand on the page."""
    kind, _, number = name.partition("-")
    place, tasks, found = f"{KINDS.get(kind)}{number}", {study.task.name for study in studies}, []
    for claim_id in paper.claim_ids():
        if place in (support.partition(" ")[0] for support in paper.claim(claim_id).support):
            tests = [test for task in TASKS.values() for test in tests_of(task) if test.claim.id == claim_id]
            cards = [f"{claim_id}-{test.task.name}" for test in tests if test.counted or test.task.name in tasks]
            found += [{"words": claim_id, "id": card} for card in cards or [claim_id][bool(tests) :]]
    return found


class _Tables(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._columns = 0  # of the cell that is open; 0: none is
        self._words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("tr", "h3"):
            self.rows.append([])
        if tag in ("th", "td", "h3"):
            self._columns, self._words = int(dict(attrs).get("colspan") or 1), ""
        else:
            self._words += " "

    def handle_endtag(self, tag: str) -> None:
        if tag in ("th", "td", "h3"):
            self.rows[-1] += [" ".join(self._words.split())] * self._columns
            self._columns = 0

    def handle_data(self, data: str) -> None:
        if self._columns:
            self._words += data
