"""Tables 13 and 14 of appendix C beside ours, with the floors below which an error says something."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

from replication.arms.localization import FLOORS, LOCALIZATION, PAIRS, WAYS
from replication.claims.appendix_c import differences
from replication.paper import table
from replication.report.html import mean_and_std, render, runs_id, study_header
from replication.study.fidelity import RANK
from replication.study.studies import Study

PICTURE = "examples.png"
SEEN = {protocol.name: protocol.words for protocol in LOCALIZATION.protocols}


@dataclass(frozen=True)
class Row:
    """A row of Table 13: the paper's error, and the protocol and way that give ours; no way where it is not built."""

    label: str
    protocol: str
    paper: float | None
    way: str = ""
    kind: str = "own"


def _rows() -> list[Row]:
    vgg, centre, dense, guessed, rcnn, ensemble = table(13)
    centred, slid, five = "oracle_centre", "oracle_dense", "predicted_dense"
    return [
        Row("per-class regression (paper: VGG-16)", centred, vgg["loc_err_gt_class"], "pcr"),
        Row("single-class regression", centred, None, "scr", "extra"),
        Row("per-class RPN", centred, centre["loc_err_gt_class"], "per_class_rpn"),
        Row("RPN, the same for all classes", centred, None, "rpn", "extra"),
        Row("per-class RPN", slid, dense["loc_err_gt_class"], "per_class_rpn"),
        Row("RPN, the same for all classes", slid, None, "rpn", "extra"),
        Row("per-class RPN", five, guessed["top5_loc_err_predicted_class"], "per_class_rpn"),
        Row("RPN + R-CNN", five, rcnn["top5_loc_err_predicted_class"]),
        Row("RPN + R-CNN, ensemble", five, ensemble["top5_loc_err_predicted_class"]),
    ]  # fmt: skip


def table_13(studies: Sequence[Study]) -> str:
    """Table 13: localization errors by way and protocol, mean IoU, and the floors; then differences image by image."""
    floors = [Row(words, "floors", None, floor, "comparator") for floor, words in FLOORS.items()]
    nets = [(study, net) for study in studies for net in study.nets]
    rows = [
        {"label": row.label, "seen": SEEN[row.protocol], "kind": row.kind, "paper": _paper(row.paper), "built": row.way,
         "cells": [_cell(study, net, row.protocol, row.way) for study, net in nets]}
        for row in (*_rows(), *floors)
    ]  # fmt: skip
    heads = [_head(study, net) for study, net in nets]
    pairs = [_pair(study, net, name) for study, net in nets for name in PAIRS]
    return render("table13.html", rows=rows, heads=heads, pairs=[pair for pair in pairs if pair], command=_command())


def _head(study: Study, net: str) -> dict[str, object]:
    """What is the same down a column of a study's net."""
    runs = study.runs_of(net)
    fidelity = max(runs["fidelity"], key=RANK.__getitem__)
    return study_header(study) | {
        "net": net, "n": len(runs), "fidelity": fidelity, "least": _least_floor(study, net),
    }  # fmt: skip


def table_14(studies: Sequence[Study]) -> str:
    """Table 14: the paper's ensemble and earlier winners; ours, single nets on validation images."""
    rows = [row | {"val": _paper(row["val"]), "test": _paper(row["test"])} for row in table(14)]
    ours = [
        study_header(study) | {"net": net, "cell": _cell(study, net, "predicted_dense", "per_class_rpn")}
        for study in studies
        for net in study.nets
    ]
    return render("table14.html", rows=rows, ours=ours)


def box_examples(studies: Sequence[Study], results: Path) -> str:
    """The picture of twelve test images of each study that keeps one."""
    files = [(study, results / study.folder / PICTURE) for study in studies]
    kept = [
        study_header(study) | {"net": study.nets[0], "png": base64.b64encode(file.read_bytes()).decode()}
        for study, file in files
        if file.exists()
    ]
    return render("box_examples.html", pictures=kept)


def _cell(study: Study, net: str, protocol: str, way: str) -> dict[str, object] | None:
    """Mean ± std over seeds of error and of IoU; None where nothing was measured."""
    errors = study.errors(net, protocol, f"{way}_error")
    if errors.empty:
        return None
    ious = study.errors(net, protocol, f"{way}_iou")
    least = _least_floor(study, net)
    return {
        "error": mean_and_std(errors),
        "iou": "" if ious.empty else f"{ious.mean() / 100:.3f}",
        "runs": runs_id(study, net),
        "n": len(errors),
        "fidelity": max(study.runs_of(net)["fidelity"], key=RANK.__getitem__),
        "floored": protocol.startswith("oracle") and least is not None and errors.mean() >= least,
    }


def _least_floor(study: Study, net: str) -> float | None:
    found = [study.errors(net, "floors", f"{floor}_error") for floor in FLOORS]
    return None if any(of.empty for of in found) else min(float(of.mean()) for of in found)


def _pair(study: Study, net: str, name: str) -> dict[str, object] | None:
    """The difference of a pair: for one seed with the 95 % interval over images, else over seeds."""
    sample = differences(study, net, name)
    if sample is None:
        return None
    (of_first, first), (of_second, second) = PAIRS[name]
    one_test = of_first == of_second
    error = 1.96 * sqrt(float(sample.least))
    what = (
        f"{WAYS[first]} − {WAYS[second]}, {SEEN[of_first]}"
        if one_test
        else f"{WAYS[first]}: {SEEN[of_first]} − {SEEN[of_second]}"
    )
    return {
        "study": study.name, "net": net, "runs": runs_id(study, net), "what": what,
        "n": sample.n, "mean": f"{float(sample.mean):+.2f}",
        "interval": f"[{float(sample.mean) - error:+.2f}, {float(sample.mean) + error:+.2f}]",
        "values": ", ".join(f"{value:+.2f}" for value in sample.values),
    }  # fmt: skip


def _paper(error: float | None) -> str:
    return "–" if error is None else f"{error:.1f}"


def _command() -> str:
    """The command that fills the tables by the paper's own protocol."""
    lists = "".join(f" -S '{arm}.nets=[resnet-101]'" for arm in (LOCALIZATION.starts_from, LOCALIZATION.name))
    return f"dvc exp run -S profile=paper{lists} tabulate@{LOCALIZATION.name}"
