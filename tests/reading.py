"""What a reader finds: in a table its cells, in some HTML its links, the descriptions of its drawings, its CSV."""

import csv
import re
from html import unescape
from urllib.parse import unquote

from replication.report.values import Cell, Table


def cells(table: Table) -> dict[str, list[Cell]]:
    """The rows of a table by the words of their first cell; the others' cells."""
    return {row.cells[0].words: row.cells[1:] for row in table.rows}


def rows(table: Table) -> dict[str, list[str]]:
    """As `cells`, the words alone."""
    return {name: [cell.words for cell in row] for name, row in cells(table).items()}


def row_of(table: Table, *begin: str) -> list[Cell]:
    """The one row of a table whose first cells have these words."""
    (row,) = (row for row in table.rows if tuple(cell.words for cell in row.cells[: len(begin)]) == begin)
    return row.cells


def links(html: str) -> list[str]:
    """Where all links lead."""
    return [unescape(link) for link in re.findall(r'<a [^>]*href="([^"]*)"', html)]


def labels(html: str) -> list[str]:
    """The descriptions of all drawings."""
    return [unescape(label) for label in re.findall(r'aria-label="([^"]+)"', html)]


def csv_of(html: str) -> list[list[str]]:
    """The rows of the CSV that the first table or figure carries."""
    return list(csv.reader(unquote(re.search(r'href="data:text/csv;charset=utf-8,([^"]*)"', html)[1]).splitlines()))
