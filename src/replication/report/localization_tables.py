"""Tables 13 and 14 of appendix C beside ours, with the floors below which an error says something."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

from replication.arms.localization import FLOORS, LOCALIZATION, PAIRS, WAYS
from replication.claims.appendix_c import differences
from replication.paper import table
from replication.report.html import render, runs_id, study_header
from replication.study.fidelity import RANK
from replication.study.studies import Study

PICTURE = "examples.png"
WORDS = {"oracle_centre": "true class, centre crop", "oracle_dense": "true class, dense"}


@dataclass(frozen=True)
class Row:
    """A row of Table 13: the paper's error, and the protocol and way that give ours; "" where there is none yet."""

    label: str
    seen: str
    paper: float | None
    protocol: str = ""
    way: str = ""
    kind: str = "own"


def _rows() -> list[Row]:
    vgg, centre, dense, guessed, rcnn, ensemble = table(13)
    return [
        Row("per-class regression (paper: VGG-16)", "true class, centre crop", vgg["loc_err_gt_class"], "oracle_centre",
            "pcr"),
        Row("single-class regression", "true class, centre crop", None, "oracle_centre", "scr", "extra"),
        Row("per-class RPN", "true class, centre crop", centre["loc_err_gt_class"], "oracle_centre", "per_class_rpn"),
        Row("RPN, the same for all classes", "true class, centre crop", None, "oracle_centre", "rpn", "extra"),
        Row("per-class RPN", "true class, dense", dense["loc_err_gt_class"], "oracle_dense", "per_class_rpn"),
        Row("RPN, the same for all classes", "true class, dense", None, "oracle_dense", "rpn", "extra"),
        Row("per-class RPN", "five guessed classes, dense", guessed["top5_loc_err_predicted_class"], "predicted_dense",
            "per_class_rpn"),
        Row("RPN + R-CNN", "five guessed classes, dense", rcnn["top5_loc_err_predicted_class"]),
        Row("RPN + R-CNN, ensemble", "five guessed classes, dense", ensemble["top5_loc_err_predicted_class"]),
    ]  # fmt: skip


def table_13(studies: Sequence[Study]) -> str:
    """Table 13: localization errors by way and protocol, mean IoU, and the floors; then differences image by image."""
    floors = [Row(words, "no look at the image", None, "floors", of, "comparator") for of, words in FLOORS.items()]
    nets = [(study, net) for study in studies for net in study.nets]
    rows = [
        {"label": row.label, "seen": row.seen, "kind": row.kind, "paper": _paper(row.paper), "built": row.protocol,
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
        "error": f"{errors.mean():.2f}" + (f" ± {errors.std():.2f}" if len(errors) > 1 else ""),
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
        f"{WAYS[first]} − {WAYS[second]}, {WORDS[of_first]}"
        if one_test
        else f"{WAYS[first]}: {WORDS[of_first]} − {WORDS[of_second]}"
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
