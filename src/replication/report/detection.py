"""Tables 7, 8 and 10 to 12: the paper's rows, and what their tests need. Nothing here fills them yet."""

from typing import NamedTuple

from replication import paper
from replication.report.setups import NOT_RUN
from replication.report.templating import render_notes
from replication.report.values import Cell, Row, Table, shorten


class Headline(NamedTuple):
    """What stands open of one of these tables: its title, and the column whose numbers are shown."""

    title: str
    column: str
    measured: str


HEADLINES = {
    7: Headline("Detection on VOC", "voc07_test_trained_on_07plus12", "VOC 2007 test, trained on 07+12, mAP (%)"),
    8: Headline("Detection on COCO", "map50", "COCO val, mAP@.5 (%)"),
    10: Headline("VOC 2007, class by class", "map", "VOC 2007 test, mAP (%)"),
    11: Headline("VOC 2012, class by class", "map", "VOC 2012 test, mAP (%)"),
    12: Headline("ImageNet DET", "val2", "val2, mAP@.5 (%)"),
}
RUNNABLE = (7, 10)  # of ResNet-101; there is no VGG-16 detector and no reader of COCO
# What it takes to fill a table, where no claim says it.
TAKES = {
    10: "The last row takes a reader of MS COCO, which does not exist yet",
    11: "It takes the test server of VOC 2012; the last row a reader of MS COCO too",
    12: "It takes a reader of ImageNet DET, which does not exist yet: 200 classes, and validation images split in two "
    "(val1, val2); the last column takes its test server",
}
WORDS = {"map": "mAP", "map50": "mAP@.5", "map50_95": "mAP@[.5,.95]", "testdev": "test-dev"}


def detection_table(number: int) -> Table:
    """The paper's rows of one of these tables, with its metric, its data and its test."""
    printed = paper.about_table(number)
    columns, headline = printed["columns"], HEADLINES[number]
    takes = [TAKES[number]] if number in TAKES else []
    rows = [Row(["–" if row.get(name) is None else str(row[name]) for name in columns]) for row in printed["rows"]]
    return Table(
        id=f"table-{number}", caption=f"Table {number} · {headline.title}", source=f"T{number}", script=__name__,
        data=["src/replication/paper/paper.yaml"], style="dense", columns=list(map(_name_column, columns)), rows=rows,
        open=shorten(f"table-{number}", headline.measured, _choose_rows(number)),
        notes=render_notes("detection", facts=[printed[key] for key in ("metric", "dataset", "test_protocol")] + takes),
    )  # fmt: skip


def _choose_rows(number: int) -> list[tuple[str, str, Cell]]:
    """The paper's own rows of a table that have a number in its main column, as what stands open."""
    rows = [row for row in paper.table(number) if row.get("kind") != "comparator"]
    names = {"vgg-16": "VGG-16", "resnet-101": "ResNet-101"}
    chosen = []
    for row in rows:
        value = row[HEADLINES[number].column]
        words = [names.get(row.get("net"), ""), row.get("system", "").removeprefix("baseline").strip()]
        is_runnable = number in RUNNABLE and row["net"] == "resnet-101" and row.get("data") != "COCO+07+12"
        here = NOT_RUN if is_runnable else Cell("–", "absent")
        if value is not None:
            chosen.append((" ".join(filter(None, words)), f"{value:.1f}", here))
    return chosen


def _name_column(column: str) -> str:
    """A column's name as in print: "testdev_map50_95" is test-dev mAP@[.5,.95]."""
    subject, _, measure = column.partition("map")
    if measure or column == "map":
        subject = subject.strip("_")
        return " ".join(filter(None, (WORDS.get(subject, subject), WORDS[f"map{measure}"])))
    return column.replace("_", " ")
