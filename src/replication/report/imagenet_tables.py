"""Tables 1 to 5 of section 4.1 beside ours."""

from collections.abc import Sequence
from dataclasses import dataclass

from replication.cost import GPU_FLOP_PER_SECOND, gpu_hours
from replication.nets.complexity import complexity, layers
from replication.nets.names import NETS, depth_of
from replication.paper import table
from replication.report.html import mean_and_std, paper_command, render, runs_id, study_header
from replication.results.fidelity import RANK
from replication.results.schema import JOINED
from replication.results.studies import Study

DENSE, HALVED = "fully_convolutional", 32  # that protocol; how many times smaller the last maps are than the image
BUILT = {18: "resnet-18-A", 34: "resnet-34-A", 50: "resnet-50", 101: "resnet-101", 152: "resnet-152"}


@dataclass(frozen=True)
class Row:
    """A row of tables 2 to 5: `net` is its name here, None for a comparator that cannot be run; `paper` its errors."""

    label: str
    kind: str
    net: str | None
    paper: tuple[float | None, ...]


def table_1() -> str:
    """Table 1, read from the built nets layer by layer; a cell that differs from the printed one shows both."""
    printed = {row["stage"]: row for row in table(1)}
    rows = []
    for stage in ("conv1", "conv2_x", "conv3_x", "conv4_x", "conv5_x"):
        cells = [_stage_cell(BUILT[depth], stage, printed[stage], depth) for depth in BUILT]
        rows.append({"stage": stage, "output_size": printed[stage]["output_size"], "cells": cells})
    macs = [
        {"printed": printed["flops_1e9"][str(depth)], "counted": f"{complexity(net, 224, 1000).macs / 1e9:.3f}"}
        for depth, net in BUILT.items()
    ]
    parameters = [f"{complexity(net, 224, 1000).parameters / 1e6:.2f}" for net in BUILT.values()]
    return render("table1.html", depths=list(BUILT), rows=rows, macs=macs, parameters=parameters)


def _stage_cell(net: str, stage: str, printed: dict, depth: int) -> dict[str, object]:
    """What a stage is in a built net and in print, in the paper's words; `same` if output size and layers agree."""
    own = [layer for layer in layers(net, 224, 1000) if layer.name.startswith(stage.removesuffix("_x"))]
    blocks: dict[str, list[tuple[int, int]]] = {}
    for layer in own:
        if "shortcut" not in layer.name:
            blocks.setdefault(layer.name.rpartition(".")[0], []).append((layer.kernel, layer.channels))
    if stage == "conv1":
        theirs = [[(printed["all_nets"]["kernel"], printed["all_nets"]["channels"])]]
    else:
        theirs = [[tuple(layer) for layer in printed[str(depth)]["block"]]] * printed[str(depth)]["repeat"]
    ours = list(blocks.values())
    same = ours == theirs and own[-1].output_size == printed["output_size"]
    return {"ours": _words(ours), "printed": _words(theirs), "same": same}


def _words(blocks: list[list[tuple[int, int]]]) -> dict[str, object]:
    """The layers of the first block, and how often it is repeated."""
    alike = len(set(map(tuple, blocks))) == 1
    layers_of_block = [f"{kernel}×{kernel}, {channels}" for kernel, channels in blocks[0]]
    return {"layers": layers_of_block, "repeat": len(blocks) if alike else "blocks that differ"}


def table_2(studies: Sequence[Study]) -> str:
    """Table 2: plain against residual nets of 18 and 34 layers, 10-crop top-1 error."""
    rows = []
    for row in table(2):
        kind = "plain" if row["net"].startswith("plain") else "ResNet"
        rows.append(Row(f"{kind}, {row['layers']} layers", "own", row["net"], (row["top1"],)))
    return _errors(rows, studies, "ten_crop", ("top1_error",))


def table_3(studies: Sequence[Study]) -> str:
    """Table 3: shortcut options and deeper nets, 10-crop errors, with comparators; then nets that the paper lacks."""
    rows = [Row(row["model"], row["kind"], row["net"], (row["top1"], row["top5"])) for row in table(3)]
    listed = {row.net for row in rows} | {row["net"] for row in table(2)}
    own = {net for study in studies for net in study.nets} - listed
    rows += [Row(net, "extra", net, (None, None)) for net in sorted(own, key=lambda net: (depth_of(net), net))]
    return _errors(rows, studies, "ten_crop", ("top1_error", "top5_error"))


def table_4(studies: Sequence[Study]) -> str:
    """Table 4: single models, fully convolutional at five scales."""
    rows = [Row(row["method"], row["kind"], row["net"], (row["top1"], row["top5"])) for row in table(4)]
    return _errors(rows, studies, DENSE, ("top1_error", "top5_error"))


def table_5(studies: Sequence[Study]) -> str:
    """Table 5: ensembles. The paper's are scored on the closed test server, ours on the validation images."""
    rows = [Row(row["method"], row["kind"], None, (row["top5_test"],)) for row in table(5)]
    joined = {net for study in studies for net in study.scores["net"] if JOINED in net}
    rows += [Row(net, "extra", net, (None,)) for net in sorted(joined)]
    return _errors(rows, studies, DENSE, ("top5_error",))


def _errors(rows: list[Row], studies: Sequence[Study], protocol: str, metrics: tuple[str, ...]) -> str:
    lines, absent = [], {}
    for row in rows:
        cells = [_cell(study, row.net, protocol, metrics) for study in studies]
        paper = ["–" if error is None else f"{error:.2f}" for error in row.paper]
        lines.append({"label": row.label, "kind": row.kind, "paper": paper, "cells": cells})
        if any(cell and cell["errors"] is None for cell in cells):
            members = row.net.split(JOINED)
            absent[row.net] = {"hours": _hours(row.net), "command": paper_command(studies[0].task, members)}
    heads = [
        study_header(study) | {"images": max(study.images(net, study.task.headline) for net in study.nets)}
        for study in studies
    ]
    names = {"top1_error": "top-1", "top5_error": "top-5"}
    strange = [found for study in studies if protocol == DENSE and (found := _never_slid(study))]
    return render(
        "errors.html", rows=lines, studies=heads, metrics=[names[m] for m in metrics], absent=absent, strange=strange,
        teraflops=GPU_FLOP_PER_SECOND / 1e12,
    )  # fmt: skip


def _never_slid(study: Study) -> dict[str, str] | None:
    """Why a study's fully convolutional test says little, and by how much it errs more than the 10 crops; None if not.

    Where the last maps in training are 1x1, their 3x3 layers have seen nothing but padding around a place. At one pixel
    more the maps are 2x2: resnet-18-A of the quick study erred in 9 % at 32 pixels, in 88 % at 33.
    """
    recipe = study.recipes[study.default["recipe"].iloc[0]]
    if not study.nets or recipe.input_size > HALVED or max(recipe.test.scales) <= recipe.input_size:
        return None
    tests = [[study.errors(net, of, "top1_error").mean() for of in (DENSE, "ten_crop")] for net in study.nets]
    more = sorted(dense - crops for dense, crops in tests)
    return {
        "name": study.name, "runs": runs_id(study, study.nets[0]), "size": recipe.input_size,
        "scales": ", ".join(map(str, recipe.test.scales)), "more": f"{more[0]:.0f} to {more[-1]:.0f}",
    }  # fmt: skip


def _cell(study: Study, net: str | None, protocol: str, metrics: tuple[str, ...]) -> dict[str, object] | None:
    """Mean ± std over seeds for each metric; `errors` is None if the net was not run, the cell None if it cannot be."""
    if net is None:
        return None
    found = [study.errors(net, protocol, metric) for metric in metrics]
    if found[0].empty:
        return {"errors": None, "hours": _hours(net)} if set(net.split(JOINED)) <= set(NETS) else None
    members = study.runs_of(net)
    return {
        "errors": list(map(mean_and_std, found)),
        "runs": runs_id(study, net),
        "n": len(found[0]),
        "fidelity": max(members["fidelity"], key=RANK.__getitem__),
        "chance": bool((members["status"] == "chance").any()),
    }


def _hours(net: str) -> str:
    return f"{sum(gpu_hours(member) for member in net.split(JOINED)):,.0f}"
