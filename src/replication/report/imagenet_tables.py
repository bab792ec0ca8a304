"""Tables 1 to 5 of section 4.1 beside ours."""

from dataclasses import dataclass

from replication.nets.complexity import complexity, layers
from replication.nets.imagenet import NETS
from replication.nets.names import depth_of
from replication.paper import table
from replication.report.html import data_name, render, schedule_share, shown
from replication.study.cost import GPU_FLOP_PER_SECOND, gpu_hours
from replication.study.fidelity import RANK
from replication.study.imagenet_claims import our_name
from replication.study.results import Study

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


def table_2(studies: list[Study], profile: str) -> str:
    """Table 2: plain against residual nets of 18 and 34 layers, 10-crop top-1 error."""
    rows = []
    for row in table(2):
        rows.append(Row(f"plain, {row['layers']} layers", "own", f"plain-{row['layers']}", (row["plain"],)))
        rows.append(Row(f"ResNet, {row['layers']} layers", "own", f"resnet-{row['layers']}-A", (row["resnet"],)))
    return _errors(rows, studies, profile, "ten_crop", ("top1_error",))


def table_3(studies: list[Study], profile: str) -> str:
    """Table 3: shortcut options and deeper nets, 10-crop errors, with comparators; then nets that the paper lacks."""
    rows = [
        Row(row["model"], row["kind"], _net(row["model"], row["kind"]), (row["top1"], row["top5"])) for row in table(3)
    ]
    return _errors(rows, studies, profile, "ten_crop", ("top1_error", "top5_error"), extra=True)


def table_4(studies: list[Study], profile: str) -> str:
    """Table 4: single models, fully convolutional at five scales."""
    rows = [
        Row(row["method"], row["kind"], _net(row["method"], row["kind"]), (row["top1"], row["top5"]))
        for row in table(4)
    ]
    return _errors(rows, studies, profile, "fully_convolutional", ("top1_error", "top5_error"))


def table_5(studies: list[Study], profile: str) -> str:
    """Table 5: ensembles. The paper's are scored on the closed test server, ours on the validation images."""
    rows = [Row(row["method"], row["kind"], None, (row["top5_test"],)) for row in table(5)]
    joined = {net for study in shown(studies, profile) for net in study.evaluations["net"] if " + " in net}
    rows += [Row(net, "extra", net, (None,)) for net in sorted(joined)]
    return _errors(rows, studies, profile, "fully_convolutional", ("top5_error",))


def _net(name: str, kind: str) -> str | None:
    """What a row is called here; the paper's comparators count only where the same net can be built."""
    net = our_name(name)
    return net if kind == "own" or net in ("vgg-16", "googlenet") else None


def _errors(
    rows: list[Row], studies: list[Study], profile: str, protocol: str, metrics: tuple[str, ...], extra: bool = False
) -> str:
    seen = shown(studies, profile)
    if extra:  # what was run here and is not in the paper's table
        listed = {row.net for row in rows}
        own = {net for study in seen for net in study.runs["net"]} - listed - {"plain-18", "resnet-18-A"}
        rows = rows + [Row(net, "extra", net, (None,) * len(metrics)) for net in sorted(own, key=depth_of)]
    lines, absent = [], {}
    for row in rows:
        cells = [_cell(study, row.net, protocol, metrics) for study in seen]
        paper = ["–" if error is None else f"{error:.2f}" for error in row.paper]
        lines.append({"label": row.label, "kind": row.kind, "paper": paper, "cells": cells})
        if any(cell and cell["errors"] is None for cell in cells):
            absent[row.net] = {"hours": _hours(row.net), "command": paper_command(row.net)}
    heads = [
        {
            "profile": study.profile,
            "data": data_name(study),
            "schedule": schedule_share(study),
            "images": int(study.runs["test_images"].max()),
        }
        for study in seen
    ]
    names = {"top1_error": "top-1", "top5_error": "top-5"}
    return render(
        "errors.html", rows=lines, studies=heads, metrics=[names[m] for m in metrics], absent=absent,
        teraflops=GPU_FLOP_PER_SECOND / 1e12,
    )  # fmt: skip


def _cell(study: Study, net: str | None, protocol: str, metrics: tuple[str, ...]) -> dict[str, object] | None:
    """Mean ± std over seeds for each metric; `errors` is None if the net was not run, the cell None if it cannot be."""
    if net is None:
        return None
    rows = study.evaluations[(study.evaluations["net"] == net) & (study.evaluations["protocol"] == protocol)]
    if rows.empty:
        return {"errors": None, "hours": _hours(net)} if set(_members(net)) <= set(NETS) else None
    texts = []
    for metric in metrics:
        spread = f" ± {rows[metric].std():.2f}" if len(rows) > 1 else ""
        texts.append(f"{rows[metric].mean():.2f}{spread}")
    members = study.runs[study.runs["net"].isin(_members(net))]
    return {
        "errors": texts,
        "n": len(rows),
        "fidelity": max(members["fidelity"], key=RANK.__getitem__),
        "diverged": bool((members["status"] == "diverged").any()),
    }


def _members(net: str) -> list[str]:
    """The nets of an ensemble, or the one net."""
    return net.split(" + ")


def _hours(net: str) -> str:
    return f"{sum(gpu_hours(member) for member in _members(net)):,.0f}"


def paper_command(net: str) -> str:
    """The command that runs a net, or all of an ensemble, by the paper's own protocol."""
    return f"dvc exp run -S profile=paper -S 'imagenet.nets=[{','.join(_members(net))}]' tabulate@imagenet"
