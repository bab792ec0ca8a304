"""Tables 7, 8 and 10 to 12: the paper's rows, and what their tests need. Nothing here fills them yet."""

from replication import paper
from replication.report.templating import render_notes
from replication.report.values import Row, Table

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
    columns = printed["columns"]
    takes = [TAKES[number]] if number in TAKES else []
    rows = [Row(["–" if row.get(name) is None else str(row[name]) for name in columns]) for row in printed["rows"]]
    return Table(
        id=f"table-{number}", caption=f"Table {number} · {printed['caption']}", source=f"T{number}", script=__name__,
        data=["src/replication/paper/paper.yaml"], style="dense", columns=list(map(_name_column, columns)), rows=rows,
        notes=render_notes("detection", facts=[printed[key] for key in ("metric", "dataset", "test_protocol")] + takes),
    )  # fmt: skip


def _name_column(column: str) -> str:
    """A column's name as in print: "testdev_map50_95" is test-dev mAP@[.5,.95]."""
    subject, _, measure = column.partition("map")
    if measure or column == "map":
        subject = subject.strip("_")
        return " ".join(filter(None, (WORDS.get(subject, subject), WORDS[f"map{measure}"])))
    return column.replace("_", " ")
