"""Tables 7, 8 and 10 to 12: the paper's rows, what their tests need, and the detectors here on the same data."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from replication import paper
from replication.data.sources import VOC
from replication.report.detection_steps import measure_classes
from replication.report.setups import NOT_RUN, describe_setup, mean_and_std, runs_id
from replication.report.sources import mean_keys, score_source
from replication.report.templating import render_notes
from replication.report.values import Cell, Row, Table, shorten
from replication.results.studies import Study
from replication.results.tables import SCORES
from replication.tasks.detection import COCO, MAP_11_POINTS


class Headline(NamedTuple):
    """One of these tables: its title, the column that stands open on the page, and what fills it here."""

    title: str
    column: str
    measured: str
    dataset: str = ""  # of the studies that fill it; none does if it is empty
    scores: Mapping[str, tuple[str, str]] = MappingProxyType({})  # by column: protocol, metric of 100 − its number


ON_VOC = (MAP_11_POINTS, "map_error")
HEADLINES = {
    7: Headline(
        "Detection on VOC", "voc07_test_trained_on_07plus12", "VOC 2007 test, trained on 07+12, mAP (%)",
        "voc", {"voc07_test_trained_on_07plus12": ON_VOC},
    ),
    8: Headline(
        "Detection on COCO", "map50", "COCO val, mAP@.5 (%)",
        "coco", {"map50": (COCO, "map50_error"), "map50_95": (COCO, "map_error")},
    ),
    10: Headline("VOC 2007, class by class", "map", "VOC 2007 test, mAP (%)", "voc", {"map": ON_VOC}),
    11: Headline("VOC 2012, class by class", "map", "VOC 2012 test, mAP (%)"),
    12: Headline("ImageNet DET", "val2", "ImageNet DET val2, mAP@.5 (%)"),
}  # fmt: skip
FILLED = {headline.dataset for headline in HEADLINES.values()}  # data sets whose studies are in these tables
CLASSES = dict(zip(paper.about_table(10)["columns"][4:], VOC.class_names, strict=True))  # by column of Table 10
RUNNABLE = (7, 8, 10)  # of the nets below
NETS = {"vgg-16": "VGG-16", "resnet-101": "ResNet-101"}
# What it takes to fill a table, where no claim says it.
TAKES = {
    10: "The last row takes a detector that starts from one on MS COCO, which does not exist yet",
    11: "It takes the test server of VOC 2012; the last row a detector that starts from one on MS COCO too",
    12: "It takes a reader of ImageNet DET, which does not exist yet: 200 classes, and validation images split in two "
    "(val1, val2); the last column takes its test server",
}
WORDS = {"map": "mAP", "map50": "mAP@.5", "map50_95": "mAP@[.5,.95]", "testdev": "test-dev"}


def detection_table(number: int, studies: Sequence[Study] = ()) -> Table:
    """The paper's rows of one of these tables, with its metric, its data and its test; then each net here.

    Args:
        studies: of the task, the closest one first; those on other data are left out.
    """
    printed = paper.about_table(number)
    columns, headline = printed["columns"], HEADLINES[number]
    measured = [study for study in studies if study.dataset == headline.dataset]
    takes = [TAKES[number]] if number in TAKES else []
    more = ["n", "here"] if measured else []
    rows = [["–" if row.get(name) is None else str(row[name]) for name in columns] for row in printed["rows"]]
    ours = [_row_of_net(study, net, headline, columns) for study in measured for net in study.nets]
    return Table(
        id=f"table-{number}", caption=f"Table {number} · {headline.title}", source=f"T{number}", script=__name__,
        studies=measured, data=[SCORES] if measured else ["src/replication/paper/paper.yaml"], style="dense",
        columns=[*map(_name_column, columns), *more], rows=[*(Row([*row, *[""] * len(more)]) for row in rows), *ours],
        open=shorten(f"table-{number}", headline.measured, _choose_rows(number, measured), next(iter(measured), None)),
        notes=render_notes(
            "detection", setups=list(map(describe_setup, measured)),
            facts=[printed[key] for key in ("metric", "dataset", "test_protocol")] + takes,
        ),
    )  # fmt: skip


def _row_of_net(study: Study, net: str, headline: Headline, columns: Sequence[str]) -> Row:
    """A net of a study: its name, its numbers in the columns that are measured here, n, and its setup."""
    cells = [_measure(study, net, headline, column) for column in columns[1:]]
    n = len(study.errors(net, *next(iter(headline.scores.values()))))
    source = score_source(["n"], study, net, *next(iter(headline.scores.values())))
    setup = Cell(study.name, "words", tag=study.fidelity_of([net]))
    return Row([f"here: {net}", *cells, Cell(str(n), source=source), setup], "extra")


def _measure(study: Study, net: str, headline: Headline, column: str) -> Cell:
    """Average precision of a net in percent, mean ± standard deviation over seeds."""
    if column in CLASSES:
        of_class = measure_classes(study, net).get(CLASSES[column])
        return Cell("–", "absent") if of_class is None else Cell(mean_and_std(of_class), "here", runs_id(study, net))
    errors = study.errors(net, *headline.scores[column]) if column in headline.scores else []
    if not len(errors):
        return Cell("–", "absent")
    source = score_source(mean_keys(len(errors), "complement"), study, net, *headline.scores[column])
    return Cell(mean_and_std(100 - errors), "here", runs_id(study, net), source=source)


def _choose_rows(number: int, measured: Sequence[Study]) -> list[tuple[str, str, Cell]]:
    """The paper's own rows of a table that have a number in its main column, as what stands open."""
    rows = [row for row in paper.table(number) if row.get("kind") != "comparator"]
    chosen = []
    for row in rows:
        value = row[HEADLINES[number].column]
        words = [NETS.get(row.get("net"), ""), row.get("system", "").removeprefix("baseline").strip()]
        is_runnable = number in RUNNABLE and row["net"] in NETS and row.get("data") != "COCO+07+12"
        here = NOT_RUN if is_runnable else Cell("–", "absent")
        if is_runnable and measured and row["net"] in measured[0].nets:
            here = _measure(measured[0], row["net"], HEADLINES[number], HEADLINES[number].column)
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
