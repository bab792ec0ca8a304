"""Tables 13 and 14 of appendix C beside ours, with the floors that an error must be below to say something."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from replication.config.profiles import DEFAULT, named
from replication.paper import table
from replication.report.html import render_notes
from replication.report.setups import data_name, describe_setup, mean_and_std, runs_id, slug
from replication.report.values import Cell, Figure, Row, Table
from replication.results.schema import JOINED
from replication.results.studies import Study
from replication.results.tables import SCORES
from replication.tasks.localization import FLOORS, LOCALIZATION, REGIONS
from replication.verdicts.claims.appendix_c import ALL_PAIRS, differences, named_run, words_of

PICTURE = "examples.png"
SEEN = {protocol.name: protocol.words for protocol in LOCALIZATION.protocols}


@dataclass(frozen=True)
class PaperRow:
    """A row of Table 13: the paper's error, and the protocol, way and variant that give ours."""

    label: str
    protocol: str
    error: float | None
    way: str
    kind: str = "own"
    variant: str = DEFAULT
    is_ensemble: bool = False  # all seeds, averaged


def _list_rows() -> list[PaperRow]:
    vgg, centre, dense, guessed, rcnn, ensemble = table(13)
    centred, slid, five = "oracle_centre", "oracle_dense", "predicted_dense"
    return [
        PaperRow("per-class regression (paper: VGG-16)", centred, vgg["loc_err_gt_class"], "pcr"),
        PaperRow("single-class regression", centred, None, "scr", "extra"),
        PaperRow("per-class RPN", centred, centre["loc_err_gt_class"], "per_class_rpn"),
        PaperRow("RPN, the same for all classes", centred, None, "rpn", "extra"),
        PaperRow("per-class RPN", slid, dense["loc_err_gt_class"], "per_class_rpn"),
        PaperRow("RPN, the same for all classes", slid, None, "rpn", "extra"),
        PaperRow("per-class RPN", five, guessed["top5_loc_err_predicted_class"], "per_class_rpn"),
        PaperRow("RPN + R-CNN", centred, None, "rcnn", "extra", REGIONS),
        PaperRow("RPN + R-CNN", five, rcnn["top5_loc_err_predicted_class"], "rcnn", "own", REGIONS),
        PaperRow("RPN + R-CNN, ensemble", five, ensemble["top5_loc_err_predicted_class"], "rcnn", "own", REGIONS, True),
    ]  # fmt: skip


def table_13(studies: Sequence[Study]) -> list[Table]:
    """Table 13: localization errors by way and protocol, mean IoU, and the floors; then differences image by image."""
    rows = _list_rows() + [PaperRow(words, "floors", None, floor, "comparator") for floor, words in FLOORS.items()]
    nets = [(study, net) for study in studies for net in study.nets]
    groups = [
        Cell(f"here: {study.name}, {net}, n = {len(study.runs_of(net))}", tag=study.fidelity_of([net]), columns=2)
        for study, net in nets
    ]
    lines = []
    for row in rows:
        cells = [cell for study, net in nets for cell in _measured_cells(study, net, row)]
        lines.append(Row([row.label, Cell(SEEN[row.protocol], "words"), _format_printed(row.error), *cells], row.kind))
    setups = [{"words": describe_setup(study), "floor": _least_floor(study, net)} for study, net in nets]
    made = Table(
        id="table-13", caption="Table 13 · Where the object is", source="T13", script=__name__, studies=studies,
        data=[SCORES], style="dense", groups=["", "", "paper, ResNet-101", *groups], rows=lines,
        columns=["way to locate", Cell("test", "words"), "error (%)", *["error (%)", "mean IoU"] * len(nets)],
        notes=render_notes("table_13", setups=setups, command=_fill_command()),
    )  # fmt: skip
    pairs = [row for study, net in nets for name in ALL_PAIRS if (row := _compare_pair(study, net, name))]
    if not pairs:
        return [made]
    return [made, Table(
        id="table-13-pairs", caption="Table 13, differences on the same images", script=__name__, studies=studies,
        data=[SCORES], style="dense", rows=pairs, notes=render_notes("pairs"),
        columns=["difference, on the same images", "net", "points", "95 % interval over images", "n"],
    )]  # fmt: skip


def table_14(studies: Sequence[Study]) -> Table:
    """Table 14: the paper's ensemble and earlier winners; ours on validation images."""
    rows = [Row([row["method"], *map(_format_printed, (row["val"], row["test"]))], row["kind"]) for row in table(14)]
    ours = [row for row in _list_rows() if row.protocol == "predicted_dense"]
    rows += [_row_of_ours(study, net, row) for study in studies for net in study.nets for row in ours]
    return Table(
        id="table-14", caption="Table 14 · Localization against earlier winners", source="T14", script=__name__,
        studies=studies, data=[SCORES], style="dense", columns=["method", "validation (%)", "test (%)"], rows=rows,
        notes=render_notes("table_14"),
    )  # fmt: skip


def _row_of_ours(study: Study, net: str, row: PaperRow) -> Row:
    name, errors = _find_errors(study, net, row)
    words, run = f"here: {net}, {row.label}, {data_name(study)}", named(net, row.variant)
    if errors.empty:
        return Row([words, Cell("not run", "here"), "–"], "extra")
    n = len(name.split(JOINED)) if row.is_ensemble else len(errors)
    measured = Cell(mean_and_std(errors), "here", runs_id(study, run), small=f"n = {n}")
    return Row([Cell(words, tag=study.fidelity_of([run])), measured, "–"], "extra")


def box_examples(studies: Sequence[Study], results: Path) -> list[Figure]:
    """The picture of twelve test images of each study that keeps one."""
    figures = []
    for study in studies:
        file, net = results / study.folder / PICTURE, study.nets[0]
        if file.exists():
            words, png = f"{net} on {data_name(study)}, seed 0", base64.b64encode(file.read_bytes()).decode()
            figures.append(Figure(
                id=slug("boxes", study.folder), caption=f"Boxes of {words}", studies=[study], data=[PICTURE],
                script="replication.tasks.localization.examples", notes=render_notes("boxes", words=words),
                drawing=Markup(
                    '<figure class="wide" tabindex="0"><img alt="Twelve images, each with its true box and that of {}" '
                    'src="data:image/png;base64,{}"></figure>'
                ).format(net, png),
            ))  # fmt: skip
    return figures


def _find_errors(study: Study, net: str, row: PaperRow) -> tuple[str, pd.Series]:
    """A net, or the ensemble of its seeds, and its errors; no errors if it was not measured."""
    name = study.ensemble_of(net, row.variant) if row.is_ensemble else net
    if not name:
        return "", pd.Series(dtype=float)
    return name, study.errors(name, row.protocol, f"{row.way}_error", row.variant)


def _measured_cells(study: Study, net: str, row: PaperRow) -> list[Cell]:
    """Mean ± std over seeds of the error, and the mean of IoU; of an ensemble its one value."""
    name, errors = _find_errors(study, net, row)
    if errors.empty:
        return [Cell("not measured", "absent", columns=2)]
    link, floor = runs_id(study, named(net, row.variant)), _least_floor(study, net)
    ious = study.errors(name, row.protocol, f"{row.way}_iou", row.variant)
    is_above = row.protocol.startswith("oracle") and floor is not None and errors.mean() >= floor
    iou = Cell() if ious.empty else Cell(f"{ious.mean() / 100:.3f}", link=link)
    return [Cell(mean_and_std(errors), "here", link, "above a floor" if is_above else ""), iou]


def _least_floor(study: Study, net: str) -> float | None:
    floors = [study.errors(net, "floors", f"{floor}_error") for floor in FLOORS]
    return None if any(errors.empty for errors in floors) else min(float(errors.mean()) for errors in floors)


def _compare_pair(study: Study, net: str, name: str) -> Row | None:
    """The difference of a pair, with its values by seed and the 95 % interval over images; None if not measured."""
    sample = differences(study, net, name)
    if sample is None:
        return None
    mean, error = float(sample.mean), 1.96 * sqrt(float(sample.least))
    seeds, link = ", ".join(f"{value:+.2f}" for value in sample.values), runs_id(study, named_run(net, name))
    points = Cell(f"{mean:+.2f}", "here", link, seeds if sample.n > 1 else "")
    interval = Cell(f"[{mean - error:+.2f}, {mean + error:+.2f}]", "interval")
    return Row([" − ".join(words_of(name)), f"{net}, {study.name}", points, interval, str(sample.n)])


def _format_printed(error: float | None) -> str:
    return "–" if error is None else f"{error:.1f}"


def _fill_command() -> str:
    """The command that fills the tables by the paper's own protocol."""
    lists = (
        f" -S '{LOCALIZATION.starts_from}.nets=[resnet-101]' -S '{LOCALIZATION.name}.nets=[resnet-101,resnet-101/rcnn]'"
    )
    return f"dvc exp run -S profile=paper{lists} -S '{LOCALIZATION.name}.seeds=[0,1,2]' tabulate@{LOCALIZATION.name}"
