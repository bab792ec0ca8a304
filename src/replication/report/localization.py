"""Tables 13 and 14 of appendix C beside ours, with baselines that ignore the image."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from replication.paper import table
from replication.report.setups import NOT_RUN, data_name, describe_setup, mean_and_std, runs_id, slug
from replication.report.sources import mean_keys, score_source
from replication.report.templating import render_notes
from replication.report.values import Cell, Figure, Row, Table, shorten
from replication.results.schema import JOINED
from replication.results.studies import Study
from replication.results.tables import SCORES
from replication.tasks.localization import BASELINES, LOCALIZATION
from replication.tasks.rcnn import RCNN
from replication.verdicts.claims.appendix_c import COUNTED, describe_pair, differences

PICTURE = "examples.png"
SEEN = {protocol.name: protocol.label for protocol in LOCALIZATION.protocols}


@dataclass(frozen=True)
class PaperRow:
    """A row of Table 13: the paper's error, and the protocol and method that give ours."""

    label: str
    protocol: str
    error: float | None
    method: str
    kind: str = "own"
    task: str = LOCALIZATION.name
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
        PaperRow("RPN + R-CNN", centred, None, "rcnn", "extra", RCNN.name),
        PaperRow("RPN + R-CNN", five, rcnn["top5_loc_err_predicted_class"], "rcnn", "own", RCNN.name),
        PaperRow(
            "RPN + R-CNN, ensemble", five, ensemble["top5_loc_err_predicted_class"], "rcnn", task=RCNN.name,
            is_ensemble=True,
        ),
    ]  # fmt: skip


def table_13(studies: Sequence[Study], rcnn: Sequence[Study] = ()) -> list[Table]:
    """Table 13: localization errors by method and protocol, mean IoU, baselines; then differences image by image."""
    baselines = [PaperRow(label, "floors", None, name, "comparator") for name, label in BASELINES.items()]
    nets = [(study, net) for study in studies for net in study.nets]
    groups = [
        Cell(f"here: {study.name}, {net}, n = {len(study.runs_of(net))}", tag=study.fidelity_of([net]), columns=2)
        for study, net in nets
    ]
    lines = []
    for row in (*_list_rows(), *baselines):
        cells = [cell for study, net in nets for cell in _measured_cells(study, rcnn, net, row)]
        lines.append(Row([row.label, Cell(SEEN[row.protocol], "words"), _format_printed(row.error), *cells], row.kind))
    shares = any(map(_shares_proposals, rcnn))
    setups = [{"words": describe_setup(study), "baseline": _least_baseline(study, net)} for study, net in nets]
    made = Table(
        id="table-13", caption="Table 13 · Where the object is", source="T13", script=__name__,
        studies=[*studies, *rcnn], data=[SCORES], style="dense", rows=lines,
        groups=["", "", "paper, ResNet-101", *groups],
        columns=["method", Cell("test", "words"), "error (%)", *["error (%)", "mean IoU"] * len(nets)],
        notes=render_notes("table_13", setups=setups, shares=shares),
        open=_shorten("table-13", studies, rcnn, [row for row in _list_rows() if row.kind == "own"]),
    )  # fmt: skip
    pairs = []
    for study, net in nets:
        for part in filter(None, (study, _find_rcnn(study, rcnn))):
            pairs += filter(None, (_compare_pair(part, net, name) for name in COUNTED[part.task.name]))
    if not pairs:
        return [made]
    return [made, Table(
        id="table-13-pairs", caption="Table 13, differences on the same images", script=__name__,
        studies=[*studies, *rcnn], data=[SCORES], style="dense", rows=pairs, notes=render_notes("pairs"),
        columns=["difference, on the same images", "net", "points", "95 % interval over images", "n"],
    )]  # fmt: skip


def _shorten(table_id: str, studies: Sequence[Study], rcnn: Sequence[Study], rows: Sequence[PaperRow]) -> Table:
    """Rows of the paper beside the first net of the closest setup."""
    lines = []
    for row in rows:
        cells = _measured_cells(studies[0], rcnn, studies[0].nets[0], row) if studies else []
        here = cells[0] if cells and cells[0].kind == "here" else NOT_RUN
        lines.append((f"{row.label}, {SEEN[row.protocol]}", _format_printed(row.error), here))
    return shorten(table_id, "localization error (%)", lines, studies[0] if studies else None)


def _shares_proposals(rcnn: Study) -> bool:
    """Whether several runs of R-CNN start from the proposals of one run."""
    starts = [recipe.started_from.get("proposals") for recipe in rcnn.recipes.values()]
    return len(set(starts)) < len(starts)


def _find_rcnn(study: Study, rcnn: Sequence[Study]) -> Study | None:
    """The study of R-CNN under the same profile and override."""
    return next((other for other in rcnn if (other.profile, other.label) == (study.profile, study.label)), None)


def table_14(studies: Sequence[Study], rcnn: Sequence[Study] = ()) -> Table:
    """Table 14: the paper's ensemble and earlier winners; ours on validation images."""
    rows = [Row([row["method"], *map(_format_printed, (row["val"], row["test"]))], row["kind"]) for row in table(14)]
    ours = [row for row in _list_rows() if row.protocol == "predicted_dense"]
    rows += [_row_of_ours(study, rcnn, net, row) for study in studies for net in study.nets for row in ours]
    return Table(
        id="table-14", caption="Table 14 · Localization against earlier winners", source="T14", script=__name__,
        studies=[*studies, *rcnn], data=[SCORES], style="dense", rows=rows, notes=render_notes("table_14"),
        open=_shorten("table-14", studies, rcnn, [row for row in _list_rows() if row.is_ensemble]),
        columns=["method", "validation (%)", "test (%)"],
    )  # fmt: skip


def _row_of_ours(study: Study, rcnn: Sequence[Study], net: str, row: PaperRow) -> Row:
    words = f"here: {net}, {row.label}, {data_name(study)}"
    measured, name, errors = _find_errors(study, rcnn, net, row)
    if errors.empty:
        return Row([words, Cell("not run", "here"), "–"], "extra")
    n = len(name.split(JOINED)) if row.is_ensemble else len(errors)
    keys = [*mean_keys(len(errors)), "members" if row.is_ensemble else "n"]
    source = score_source(keys, measured, name, row.protocol, f"{row.method}_error")
    error = Cell(mean_and_std(errors), "here", runs_id(measured, net), small=f"n = {n}", source=source)
    return Row([Cell(words, tag=measured.fidelity_of([net])), error, "–"], "extra")


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


def _find_errors(study: Study, rcnn: Sequence[Study], net: str, row: PaperRow) -> tuple[Study, str, pd.Series]:
    """The study that measures a row, its net or the ensemble of its seeds, and the errors; none if not measured."""
    measured = study if row.task == LOCALIZATION.name else _find_rcnn(study, rcnn)
    name = measured.ensemble_of(net) if measured and row.is_ensemble else net
    if not measured or not name:
        return study, "", pd.Series(dtype=float)
    return measured, name, measured.errors(name, row.protocol, f"{row.method}_error")


def _measured_cells(study: Study, rcnn: Sequence[Study], net: str, row: PaperRow) -> list[Cell]:
    """Mean ± std over seeds of the error, and the mean of IoU; of an ensemble its one value."""
    measured, name, errors = _find_errors(study, rcnn, net, row)
    if errors.empty:
        return [Cell("not measured", "absent", columns=2)]
    link, baseline = runs_id(measured, net), _least_baseline(study, net)
    ious = measured.errors(name, row.protocol, f"{row.method}_iou")
    is_above = row.protocol.startswith("oracle") and baseline is not None and errors.mean() >= baseline
    number = (measured, name, row.protocol, f"{row.method}_error")
    iou_source = score_source(["share"], *number[:3], f"{row.method}_iou")
    iou = Cell() if ious.empty else Cell(f"{ious.mean() / 100:.3f}", link=link, source=iou_source)
    small, source = "above a baseline" if is_above else "", score_source(mean_keys(len(errors)), *number)
    return [Cell(mean_and_std(errors), "here", link, small, source=source), iou]


def _least_baseline(study: Study, net: str) -> float | None:
    """The least error of a box that ignores the image."""
    baselines = [study.errors(net, "floors", f"{name}_error") for name in BASELINES]
    return None if any(errors.empty for errors in baselines) else min(float(errors.mean()) for errors in baselines)


def _compare_pair(study: Study, net: str, name: str) -> Row | None:
    """The difference of a pair, with its values by seed and the 95 % interval over images; None if not measured."""
    sample = differences(study, net, name)
    if sample is None:
        return None
    mean, error = float(sample.mean), 1.96 * sqrt(float(sample.least))
    seeds, link = ", ".join(f"{value:+.2f}" for value in sample.values), runs_id(study, net)
    points = Cell(f"{mean:+.2f}", "here", link, seeds if sample.n > 1 else "")
    interval = Cell(f"[{mean - error:+.2f}, {mean + error:+.2f}]", "interval")
    return Row([" − ".join(describe_pair(study, name)), f"{net}, {study.name}", points, interval, str(sample.n)])


def _format_printed(error: float | None) -> str:
    return "–" if error is None else f"{error:.1f}"
