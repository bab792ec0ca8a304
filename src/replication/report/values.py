"""Tables and figures as values: what they show, and what they are made from. `html` renders them, `write_csv` too."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from replication.results.studies import Study

NOTHING = Markup()


@dataclass(frozen=True)
class Cell:
    """A cell of a table. Kinds are classes of page.css: "here" is measured by us, "absent" is not measured."""

    text: str = ""  # a line break is one on the page
    kind: str = ""
    link: str = ""  # an id on the page
    small: str = ""  # a remark after the text
    tag: str = ""  # a fidelity, after the text
    label: str = ""  # what a symbol means, for those who hear the page
    title: str = ""  # shown to the pointer
    source: str = ""  # of its numbers, see `sources`
    columns: int = 1
    is_code: bool = False
    drawing: Markup = NOTHING  # in place of the text, which then says what is drawn

    @property
    def words(self) -> str:
        """All that it says, on one line."""
        return " ".join(" ".join((self.text, self.label, self.small, self.tag)).split())


@dataclass(frozen=True)
class Row:
    """A row. Kinds are classes of page.css: "own" is the paper's, "comparator" is quoted by it, "extra" is ours."""

    content: Sequence[str | Cell]
    kind: str = ""
    id: str = ""  # on the page

    @property
    def cells(self) -> list[Cell]:
        return [Cell(item) if isinstance(item, str) else item for item in self.content]

    @property
    def words(self) -> list[str]:
        """The words of each column; a cell over several columns counts in each."""
        return [cell.words for cell in self.cells for _ in range(cell.columns)]


@dataclass(frozen=True, kw_only=True)
class Item:
    """What a table and a figure have in common: their names and their origin."""

    id: str  # "table-6"; also the name of its CSV
    caption: str  # "Table 6 · Test error on CIFAR-10"
    script: str  # the module that makes it, its `__name__`
    source: str = ""  # its place in the paper as claims cite it, "T6" or "F1"
    studies: Sequence[Study] = ()  # whose results it shows
    data: Sequence[str] = ()  # files of each study, "scores.csv"; or, with a slash, paths from the repository's root
    notes: str | Markup = ""  # what is said below it
    open: "Table | Markup" = NOTHING  # what stands open on the page, above the rest; without it all is folded
    is_wide: bool = False  # over both columns of the page


@dataclass(frozen=True, kw_only=True)
class Table(Item):
    """A table; `groups` are heads over several columns, above those of the columns."""

    columns: Sequence[str | Cell]
    rows: Sequence[Row]
    groups: Sequence[str | Cell] = ()
    style: str = ""  # classes of page.css
    is_open: bool = False  # it stands open itself

    @property
    def heads(self) -> list[Row]:
        return [Row(cells) for cells in (self.groups, self.columns) if cells]

    @property
    def records(self) -> list[list[str]]:
        """The rows of its CSV, heads first; none of a table without rows."""
        return [row.words for row in (*self.heads, *self.rows)] if self.rows else []


@dataclass(frozen=True, kw_only=True)
class Figure(Item):
    """A drawing as SVG, in the markup around it, and the numbers that it draws, as rows; a picture has none."""

    drawing: Markup = NOTHING  # folded
    numbers: Sequence[Mapping[str, object]] = ()

    @property
    def records(self) -> list[list[object]]:
        """The rows of its CSV, heads first."""
        return [list(self.numbers[0]), *(list(row.values()) for row in self.numbers)] if self.numbers else []


def shorten(
    item_id: str,
    measured: str,
    rows: Sequence[tuple[str, str, str | Cell]],
    setup: Study | None = None,
    here: str = "here",
) -> Table:
    """The headline rows of a table, to stand open: what, the paper, and the setup that is closest to it.

    Args:
        measured: what is compared, "test error (%)".
        rows: what, the paper's value, and ours.
    """
    caption = f"{measured[0].upper()}{measured[1:]}" + (f", here: {setup.name}" if setup else "")
    head = Cell(here, tag=setup.fidelity if setup else "")
    return Table(
        id=f"{item_id}-short", caption=caption, script=__name__, style="short", columns=["", "paper", head],
        rows=[Row(row, "own") for row in rows],
    )  # fmt: skip


def write_csv(item: Table | Figure) -> str:
    """A table's cells, or a figure's numbers, as CSV text."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(item.records)
    return text.getvalue()
