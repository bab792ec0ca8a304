"""The training curves of figures 1, 4 and 6 beside ours, as SVG text.

Panels are drawn without a background, and their text takes the colour of the page around it, so that one file serves
light, dark and print. Equal input gives equal bytes.
"""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from replication import paper
from replication.report.curves import curves_json
from replication.report.html import render, study_header
from replication.report.palette import look, on_the_page
from replication.results.studies import Study

INK = "#010203"  # stands for the page's text colour until the SVG is written
STYLE = {
    "svg.hashsalt": "replication",
    "svg.fonttype": "none",
    "text.parse_math": False,  # a profile may be called $a$
    "font.family": "sans-serif",
    "font.sans-serif": ["Inter", "Helvetica Neue", "Arial", "DejaVu Sans"],
    "font.size": 9.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": INK,
    "grid.alpha": 0.12,
    "grid.linewidth": 0.7,
}


@dataclass(frozen=True)
class Line:
    """A curve of one net: points (share of the schedule, error in %), with a band if there are several seeds."""

    net: str
    split: str
    points: Sequence[tuple[float, float]]
    band: Sequence[tuple[float, float, float]] = ()


def figure_1(studies: Sequence[Study]) -> str:
    """Figure 1: plain nets of 20 and 56 layers, training error left, test error right."""
    nets = ["plain-20", "plain-56"]
    panels = [("training error", "fig1", nets, ["train"]), ("test error", "fig1", nets, ["test"])]
    return _figure("Figure 1", studies, panels)


def figure_4(studies: Sequence[Study]) -> str:
    """Figure 4: plain nets left, residual nets right; dashed: training error, solid: validation error."""
    own = {net for study in studies for net in study.nets}
    plain, residual = ["plain-18", "plain-34"], ["resnet-18-A", "resnet-34-A"]
    residual += sorted(net for net in own if net.startswith("resnet-") and net not in residual)
    both = ["train", "test"]
    panels = [("plain nets", "fig4", plain, both), ("residual nets", "fig4", residual, both)]
    return _figure("Figure 4", studies, panels)


def figure_6(studies: Sequence[Study]) -> str:
    """Figure 6: plain nets, residual nets, then the two deepest; dashed training error, solid test error."""
    plain = [f"plain-{d}" for d in (20, 32, 44, 56)]
    residual = [f"resnet-{d}" for d in (20, 32, 44, 56, 110)]
    own = {net for study in studies for net in study.nets}
    residual += sorted(net for net in own if net.startswith("resnet-") and net not in residual)
    plain += sorted(net for net in own if net.startswith("plain-") and net not in plain)
    both = ["train", "test"]
    panels = [
        ("plain nets", "fig6", plain, both),
        ("residual nets", "fig6", residual, both),
        ("110 and 1202 layers", "fig6r", ["resnet-110", "resnet-1202"], both),
    ]
    return _figure("Figure 6", studies, panels)


def _figure(name: str, studies: Sequence[Study], panels: list[tuple[str, str, list[str], list[str]]]) -> str:
    """The paper's panels once, then each study's, with the paper's curves thin beneath them, over the share of the
    schedule.
    """
    task, schedule = studies[0].task, studies[0].paper_recipe.schedule
    drops = [drop / schedule.iterations for drop in schedule.drops]
    theirs = {
        title: [
            Line(net, split, [(x / schedule.iterations, y) for x, y in points])
            for net in nets
            for split in splits
            if (points := paper.curve(figure_id, split, net))
        ]
        for title, figure_id, nets, splits in panels
    }
    printed = [
        _panel(f"{title}, the paper", lines, task.curve_limit, schedule.iterations, drops)
        for title, lines in theirs.items()
    ]
    groups = [{"name": "The paper", "fidelity": "", "panels": printed, "absent": []}]
    for study in studies:
        drawn, absent = [], []
        for title, figure_id, nets, splits in panels:
            ours = [line for net in nets for split in splits if (line := _line(study, net, split))]
            drawn.append(
                _panel(
                    f"{title}, here: {study.name}", ours, _top(ours, task.curve_limit), study.iterations, study.drops,
                    beneath=theirs[title],
                )
            )  # fmt: skip
            absent += [net for net in nets if net not in study.nets and paper.curve(figure_id, splits[0], net)]
        groups.append(study_header(study) | {"panels": drawn, "absent": list(dict.fromkeys(absent))})
    return render("figure.html", name=name, groups=groups, curves=curves_json(studies, panels))


def _line(study: Study, net: str, split: str) -> Line | None:
    """The mean curve of a net's seeds over the share of the schedule, with ± one standard deviation."""
    rows = study.curve(net, split)
    if rows.empty:
        return None
    length = study.runs_of(net)["iterations"].max()
    stats = rows.groupby("iteration")["error"].agg(["mean", "std", "count"])
    points = [(i / length, row["mean"]) for i, row in stats.iterrows()]
    band = [(i / length, r["mean"] - r["std"], r["mean"] + r["std"]) for i, r in stats.iterrows() if r["count"] > 1]
    return Line(net, split, points, band)


def _top(lines: list[Line], cut: float) -> float:
    """Upper end of the error axis: where the paper's figure ends, or what the second half of our curves needs."""
    highest = max((y for line in lines for x, y in line.points if x >= 0.5), default=0)
    return cut if highest <= cut else min(100.0, 20 * (int(highest * 1.08) // 20 + 1))


def _panel(
    title: str, lines: list[Line], top: float, iterations: int, drops: Sequence[float], beneath: Sequence[Line] = ()
) -> str:
    with plt.style.context(["default", STYLE]):  # whatever the user's matplotlibrc says
        figure, axes = plt.subplots(figsize=(4.3, 3.1), layout="constrained")
        for drop in drops:
            axes.axvline(drop, color=INK, alpha=0.35, lw=0.8, ls=(0, (1, 2)))
        for line in beneath:
            x, y = zip(*line.points, strict=True)
            axes.plot(x, y, color=look(line.net).light, lw=0.8, alpha=0.55, ls=(0, (1, 1.2)))
        labels: dict[str, tuple[float, str, str]] = {}
        for line in lines:
            colour = look(line.net).light
            x, y = zip(*line.points, strict=True)
            style = {"lw": 1.1, "ls": (0, (3.5, 1.6)), "alpha": 0.9} if line.split == "train" else {"lw": 1.9}
            style |= {"marker": look(line.net).mark, "markevery": 0.15, "ms": 3.5, "solid_joinstyle": "round"}
            axes.plot(x, y, color=colour, mfc=colour if line.net.startswith("resnet") else "none", **style)
            if line.band:
                bx, low, high = zip(*line.band, strict=True)
                axes.fill_between(bx, low, high, color=colour, alpha=0.18, lw=0)
            if line.split == "test" or line.net not in labels:
                labels[line.net] = (y[-1], f"{line.net.replace('resnet', 'ResNet')} {y[-1]:.1f}", colour)
        if not lines:
            axes.text(0.5, top / 2, "not run yet", ha="center", alpha=0.7)
        ticks = [0, 0.25, 0.5, 0.75, 1]
        unit, word = (1000, "iterations (thousands)") if iterations >= 1000 else (1, "iterations")
        axes.set(xlim=(0, 1), ylim=(0, top), xticks=ticks, xlabel=word, ylabel="error (%)")
        axes.set_yticks(range(0, int(top) + 1, 5 if top <= 20 else 20))
        axes.set_xticklabels([f"{tick * iterations / unit:g}" for tick in ticks])
        axes.set_title(title.partition(":")[0], loc="left", fontsize=9.5)  # whose it is stands above
        _end_labels(axes, list(labels.values()), 1, top)
        return on_the_page(svg(figure, title))


def _end_labels(axes: Axes, labels: list[tuple[float, str, str]], x: float, top: float) -> None:
    """Names at the right end of the curves, pushed apart where they would overlap."""
    gap, labels = top * 0.058, sorted(labels)
    heights: list[float] = []
    for y, _, _ in labels:
        heights.append(max(y, heights[-1] + gap) if heights else y)
    for index in reversed(range(len(heights))):  # and back down from the top of the panel
        heights[index] = min(heights[index], top - gap * (len(heights) - 1 - index))
    for height, (_, text, colour) in zip(heights, labels, strict=True):
        beside = {"textcoords": "offset points", "va": "center", "fontsize": 8.5, "annotation_clip": False}
        axes.annotate("■", (x, height), xytext=(6, 0), color=colour, **beside)
        axes.annotate(text, (x, height), xytext=(15, 0), **beside)  # in the page's own colour, legible on any


PLACES = re.compile(r' (?:x|y|d)="[^"]+"')  # attributes that place things
NUMBER = re.compile(r"-?\d+\.\d{3,}")


def _rounded(places: re.Match[str]) -> str:
    """To a hundredth of a point, which is a third less to load."""
    numbers = NUMBER.sub(lambda of: f"{float(of[0]):.2f}".rstrip("0").rstrip("."), places[0])
    return numbers.replace(" \n", " ")


def svg(figure: plt.Figure, label: str) -> str:
    """The figure as SVG text that takes its colour from the page; closes it."""
    buffer = io.StringIO()
    figure.savefig(
        buffer, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type"))
    )
    plt.close(figure)
    text = buffer.getvalue()
    text = PLACES.sub(_rounded, text[text.index("<svg") :].replace(INK, "currentColor"))
    return text.replace("<svg ", f'<svg role="img" aria-label="{escape(label)}" ', 1)
