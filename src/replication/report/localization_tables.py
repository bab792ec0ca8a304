"""Tables 13 and 14 of appendix C beside ours, with the floors below which an error says something."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import pandas as pd

from replication.paper import table
from replication.report.html import mean_and_std, render, runs_id, study_header
from replication.results.fidelity import RANK
from replication.results.schema import JOINED
from replication.results.studies import Study
from replication.tasks.imagenet import IMAGENET
from replication.tasks.localization import BASELINES, LOCALIZATION
from replication.tasks.rcnn import RCNN
from replication.verdicts.claims.appendix_c import COUNTED, describe_pair, differences

PICTURE = "examples.png"
SEEN = {protocol.name: protocol.label for protocol in LOCALIZATION.protocols}


@dataclass(frozen=True)
class Row:
    """A row of Table 13: the paper's error, and the protocol and method that give ours."""

    label: str
    protocol: str
    paper: float | None
    method: str
    kind: str = "own"
    task: str = LOCALIZATION.name
    together: bool = False  # all seeds, averaged


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
        Row("RPN + R-CNN", centred, None, "rcnn", "extra", RCNN.name),
        Row("RPN + R-CNN", five, rcnn["top5_loc_err_predicted_class"], "rcnn", "own", RCNN.name),
        Row("RPN + R-CNN, ensemble", five, ensemble["top5_loc_err_predicted_class"], "rcnn", "own", RCNN.name, True),
    ]  # fmt: skip


def table_13(studies: Sequence[Study], rcnn: Sequence[Study] = ()) -> str:
    """Table 13: localization errors by method and protocol, mean IoU, baselines; then differences image by image."""
    floors = [Row(label, "floors", None, name, "comparator") for name, label in BASELINES.items()]
    nets = [(study, net) for study in studies for net in study.nets]
    judged = {study: _same_setup(study, rcnn) for study in studies}
    rows = [
        {"label": row.label, "seen": SEEN[row.protocol], "kind": row.kind, "paper": _paper(row.paper),
         "cells": [_cell(study, judged[study], net, row) for study, net in nets]}
        for row in (*_rows(), *floors)
    ]  # fmt: skip
    heads = [_head(study, net) for study, net in nets]
    both = [(part, net) for study, net in nets for part in (study, judged[study]) if part]
    pairs = [_pair(study, net, name) for study, net in both for name in COUNTED[study.task.name]]
    return render("table13.html", rows=rows, heads=heads, pairs=[pair for pair in pairs if pair], command=_command())


def _same_setup(study: Study, rcnn: Sequence[Study]) -> Study | None:
    """The study of R-CNN under the same profile and override."""
    return next((other for other in rcnn if (other.profile, other.label) == (study.profile, study.label)), None)


def _head(study: Study, net: str) -> dict[str, object]:
    """What is the same down a column of a study's net."""
    runs = study.runs_of(net)
    fidelity = max(runs["fidelity"], key=RANK.__getitem__)
    return study_header(study) | {
        "net": net, "n": len(runs), "fidelity": fidelity, "least": _least_floor(study, net),
    }  # fmt: skip


def table_14(studies: Sequence[Study], rcnn: Sequence[Study] = ()) -> str:
    """Table 14: the paper's ensemble and earlier winners; ours on validation images."""
    found = [row for row in _rows() if row.protocol == "predicted_dense"]
    rows = [row | {"val": _paper(row["val"]), "test": _paper(row["test"])} for row in table(14)]
    ours = [
        study_header(study) | {"net": net, "label": row.label, "cell": _cell(study, _same_setup(study, rcnn), net, row)}
        for study in studies
        for net in study.nets
        for row in found
    ]
    return render("table14.html", rows=rows, ours=ours)


def box_examples(studies: Sequence[Study], results: Path) -> str:
    """The picture of twelve test images of each study that keeps one."""
    files = [(study, results / study.folder / PICTURE) for study in studies]
    kept = [
        study_header(study)
        | {"net": study.nets[0], "folder": study.folder, "png": base64.b64encode(file.read_bytes()).decode()}
        for study, file in files
        if file.exists()
    ]
    return render("box_examples.html", pictures=kept)


def _cell(localized: Study, judged: Study | None, net: str, row: Row) -> dict[str, object] | None:
    """Mean ± std over seeds of error and of IoU, of an ensemble its one value; None where nothing was measured."""
    study = localized if row.task == LOCALIZATION.name else judged
    if study is None:
        return None
    name = study.ensemble_of(net) if row.together else net
    errors = study.errors(name, row.protocol, f"{row.method}_error") if name else pd.Series(dtype=float)
    if errors.empty:
        return None
    ious, least = study.errors(name, row.protocol, f"{row.method}_iou"), _least_floor(localized, net)
    return {
        "error": mean_and_std(errors),
        "iou": "" if ious.empty else f"{ious.mean() / 100:.3f}",
        "runs": runs_id(study, net),
        "n": len(name.split(JOINED)) if row.together else len(errors),
        "fidelity": max(study.runs_of(net)["fidelity"], key=RANK.__getitem__),
        "floored": row.protocol.startswith("oracle") and least is not None and errors.mean() >= least,
    }


def _least_floor(study: Study, net: str) -> float | None:
    found = [study.errors(net, "floors", f"{floor}_error") for floor in BASELINES]
    return None if any(of.empty for of in found) else min(float(of.mean()) for of in found)


def _pair(study: Study, net: str, name: str) -> dict[str, object] | None:
    """The difference of a pair, with the 95 % interval over images; a value a seed."""
    sample = differences(study, net, name)
    if sample is None:
        return None
    error = 1.96 * sqrt(float(sample.least))
    return {
        "study": study.name, "net": net, "runs": runs_id(study, net),
        "what": " − ".join(describe_pair(study, name)),
        "n": sample.n, "mean": f"{float(sample.mean):+.2f}",
        "interval": f"[{float(sample.mean) - error:+.2f}, {float(sample.mean) + error:+.2f}]",
        "of_seeds": ", ".join(f"{value:+.2f}" for value in sample.values),
    }  # fmt: skip


def _paper(error: float | None) -> str:
    return "–" if error is None else f"{error:.1f}"


def _command() -> str:
    """The command that fills the tables by the paper's own protocol."""
    tasks = (IMAGENET, LOCALIZATION, RCNN)
    lists = "".join(f" -S '{task.name}.nets=[resnet-101]' -S '{task.name}.seeds=[0,1,2]'" for task in tasks)
    return f"dvc exp run -S profile=paper{lists} tabulate@{RCNN.name}"
