"""What a reader finds in some HTML: the rows of its tables, its links, the descriptions of its drawings."""

import re
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser


@dataclass
class Cell:
    """A cell of a table: its words, where its links lead, its classes and those of what it holds, its title."""

    words: str = ""
    links: list[str] = field(default_factory=list)
    classes: set[str] = field(default_factory=set)
    title: str = ""


class _Tables(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[Cell]] = []
        self.heads: list[str] = []
        self._cell: Cell | None = None
        self._is_head = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {key: value or "" for key, value in attrs}
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self._cell, self._is_head = Cell(title=values.get("title", "")), tag == "th"
            self.rows[-1].append(self._cell)
        if self._cell:
            self._cell.classes |= set(values.get("class", "").split())
            self._cell.words += " "
            if tag == "a":
                self._cell.links.append(values.get("href", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th") and self._cell:
            self._cell.words = " ".join(self._cell.words.split())
            if self._is_head:
                self.heads.append(self._cell.words)
            self._cell = None

    def handle_data(self, data: str) -> None:
        if self._cell:
            self._cell.words += data


def cells(html: str) -> dict[str, list[Cell]]:
    """The rows of all tables in some HTML by the words of their first cell; the others' cells."""
    parser = _Tables()
    parser.feed(html)
    return {row[0].words: row[1:] for row in parser.rows if row}


def rows(html: str) -> dict[str, list[str]]:
    """As `cells`, the words alone."""
    return {name: [cell.words for cell in row] for name, row in cells(html).items()}


def heads(html: str) -> list[str]:
    """The words of all heads of tables."""
    parser = _Tables()
    parser.feed(html)
    return parser.heads


def links(html: str) -> list[str]:
    """Where all links lead."""
    return [unescape(link) for link in re.findall(r'<a [^>]*href="([^"]*)"', html)]


def labels(html: str) -> list[str]:
    """The descriptions of all drawings."""
    return [unescape(label) for label in re.findall(r'aria-label="([^"]+)"', html)]
