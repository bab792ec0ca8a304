"""The training curves of figures 1, 4 and 6 beside ours."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
from markupsafe import Markup
from matplotlib.axes import Axes

from replication import paper
from replication.report.curves import Panel, curves_json
from replication.report.drawing import INK, STYLE, write_svg
from replication.report.html import render
from replication.report.numbers import list_curves
from replication.report.palette import look, use_page_colours
from replication.report.setups import slug
from replication.report.values import Figure
from replication.results.studies import Study
from replication.results.tables import CURVES


@dataclass(frozen=True)
class Line:
    """A curve of one net: points (share of the schedule, error in %), with a band if there are several seeds."""

    net: str
    split: str
    points: Sequence[tuple[float, float]]
    band: Sequence[tuple[float, float, float]] = ()


def figure_1(studies: Sequence[Study]) -> Figure:
    """Figure 1: plain nets of 20 and 56 layers, training error left, test error right."""
    nets = ["plain-20", "plain-56"]
    panels = [Panel("training error", "fig1", nets, ["train"]), Panel("test error", "fig1", nets, ["test"])]
    return _draw(1, "Degradation of plain nets", studies, panels, list_curves(studies, ["fig1"], nets))


def figure_4(studies: Sequence[Study]) -> Figure:
    """Figure 4: plain nets left, residual nets right; dashed: training error, solid: validation error."""
    plain, residual = ["plain-18", "plain-34"], ["resnet-18-A", "resnet-34-A"]
    residual += _more(studies, "resnet-", residual)
    panels = [Panel("plain nets", "fig4", plain), Panel("residual nets", "fig4", residual)]
    return _draw(4, "Training of 18 and 34 layers", studies, panels, list_curves(studies, ["fig4"]))


def figure_6(studies: Sequence[Study]) -> Figure:
    """Figure 6: plain nets, residual nets, then the two deepest; dashed training error, solid test error."""
    plain = [f"plain-{depth}" for depth in (20, 32, 44, 56)]
    residual = [f"resnet-{depth}" for depth in (20, 32, 44, 56, 110)]
    panels = [
        Panel("plain nets", "fig6", plain + _more(studies, "plain-", plain)),
        Panel("residual nets", "fig6", residual + _more(studies, "resnet-", residual)),
        Panel("110 and 1202 layers", "fig6r", ["resnet-110", "resnet-1202"]),
    ]
    return _draw(6, "Plain and residual nets", studies, panels, list_curves(studies, ["fig6", "fig6r"]))


def _more(studies: Sequence[Study], kind: str, nets: Sequence[str]) -> list[str]:
    """The nets of a kind that were run here and are not among these."""
    return sorted({net for study in studies for net in study.nets if net.startswith(kind)}.difference(nets))


def _draw(
    number: int, title: str, studies: Sequence[Study], panels: Sequence[Panel], numbers: list[dict[str, object]]
) -> Figure:
    """The paper's panels once; then each study's over the share of the schedule, the paper's curves thin beneath."""
    task, schedule = studies[0].task, studies[0].paper_recipe.schedule
    drops = [drop / schedule.iterations for drop in schedule.drops]
    name, figure_id = f"Figure {number}", f"figure-{number}"
    printed = {panel.title: _paper_lines(panel, schedule.iterations) for panel in panels}
    drawings = [
        _draw_panel(
            f"{panel}, the paper", slug(figure_id, "paper", panel), lines, task.curve_limit, schedule.iterations, drops
        )
        for panel, lines in printed.items()
    ]
    groups = [{"name": "The paper", "fidelity": "", "panels": drawings, "absent": []}]
    for study in studies:
        drawings, absent = [], []
        for panel in panels:
            lines = [line for net in panel.nets for split in panel.splits if (line := _our_line(study, net, split))]
            drawings.append(_draw_panel(
                f"{panel.title}, here: {study.name}", slug(figure_id, study.folder, panel.title), lines,
                _find_top(lines, task.curve_limit), study.iterations, study.drops, printed[panel.title],
            ))  # fmt: skip
            absent += [
                net for net in panel.nets if net not in study.nets and paper.curve(panel.figure, panel.splits[0], net)
            ]
        absent = list(dict.fromkeys(absent))
        groups.append({"name": study.name, "fidelity": study.fidelity, "panels": drawings, "absent": absent})
    return Figure(
        id=figure_id, caption=f"{name} · {title}", source=f"F{number}", script=__name__, studies=studies, data=[CURVES],
        drawing=render("panels.html", name=name, groups=groups, curves=curves_json(studies, panels)), numbers=numbers,
    )  # fmt: skip


def _paper_lines(panel: Panel, iterations: int) -> list[Line]:
    """The paper's curves of a panel over the share of its schedule."""
    curves = {(net, split): paper.curve(panel.figure, split, net) for net in panel.nets for split in panel.splits}
    return [Line(*key, [(x / iterations, y) for x, y in points]) for key, points in curves.items() if points]


def _our_line(study: Study, net: str, split: str) -> Line | None:
    """The mean curve of a net's seeds over the share of the schedule, with ± one standard deviation."""
    rows = study.curve(net, split)
    if rows.empty:
        return None
    length = study.runs_of(net)["iterations"].max()
    stats = rows.groupby("iteration")["value"].agg(["mean", "std", "count"])
    points = [(at / length, row["mean"]) for at, row in stats.iterrows()]
    several = stats[stats["count"] > 1]
    band = [(at / length, row["mean"] - row["std"], row["mean"] + row["std"]) for at, row in several.iterrows()]
    return Line(net, split, points, band)


def _find_top(lines: list[Line], cut: float) -> float:
    """Upper end of the error axis: where the paper's figure ends, or what the second half of our curves needs."""
    highest = max((y for line in lines for x, y in line.points if x >= 0.5), default=0)
    return cut if highest <= cut else min(100.0, 20 * (int(highest * 1.08) // 20 + 1))


def _draw_panel(
    title: str,
    name: str,
    lines: list[Line],
    top: float,
    iterations: int,
    drops: Sequence[float],
    paper_lines: Sequence[Line] = (),
) -> Markup:
    with plt.style.context(["default", STYLE]):  # whatever the user's matplotlibrc says
        figure, axes = plt.subplots(figsize=(4.3, 3.1), layout="constrained")
        for drop in drops:
            axes.axvline(drop, color=INK, alpha=0.35, lw=0.8, ls=(0, (1, 2)))
        for line in paper_lines:
            x, y = zip(*line.points, strict=True)
            axes.plot(x, y, color=look(line.net).light, lw=0.8, alpha=0.55, ls=(0, (1, 1.2)))
        labels: dict[str, tuple[float, str, str]] = {}
        for line in lines:
            _draw_line(axes, line)
            if line.split == "test" or line.net not in labels:
                end = line.points[-1][1]
                labels[line.net] = (end, f"{line.net.replace('resnet', 'ResNet')} {end:.1f}", look(line.net).light)
        if not lines:
            axes.text(0.5, top / 2, "not run yet", ha="center", alpha=0.7)
        ticks = [0, 0.25, 0.5, 0.75, 1]
        unit, word = (1000, "iterations (thousands)") if iterations >= 1000 else (1, "iterations")
        axes.set(xlim=(0, 1), ylim=(0, top), xticks=ticks, xlabel=word, ylabel="error (%)")
        axes.set_yticks(range(0, int(top) + 1, 5 if top <= 20 else 20))
        axes.set_xticklabels([f"{tick * iterations / unit:g}" for tick in ticks])
        axes.set_title(title.partition(":")[0], loc="left", fontsize=9.5)  # the study's name stands above
        _label_ends(axes, list(labels.values()), 1, top)
        return use_page_colours(write_svg(figure, title, name))


def _draw_line(axes: Axes, line: Line) -> None:
    colour = look(line.net).light
    x, y = zip(*line.points, strict=True)
    style = {"lw": 1.1, "ls": (0, (3.5, 1.6)), "alpha": 0.9} if line.split == "train" else {"lw": 1.9}
    style |= {"marker": look(line.net).mark, "markevery": 0.15, "ms": 3.5, "solid_joinstyle": "round"}
    axes.plot(x, y, color=colour, mfc=colour if line.net.startswith("resnet") else "none", **style)
    if line.band:
        band_x, low, high = zip(*line.band, strict=True)
        axes.fill_between(band_x, low, high, color=colour, alpha=0.18, lw=0)


def _label_ends(axes: Axes, labels: list[tuple[float, str, str]], x: float, top: float) -> None:
    """Names at the right end of the curves, pushed apart where they would overlap."""
    gap, labels = top * 0.058, sorted(labels)
    heights: list[float] = []
    for y, _, _ in labels:
        heights.append(max(y, heights[-1] + gap) if heights else y)
    for index in reversed(range(len(heights))):  # and back down from the top of the panel
        heights[index] = min(heights[index], top - gap * (len(heights) - 1 - index))
    for height, (_, text, colour) in zip(heights, labels, strict=True):
        style = {"textcoords": "offset points", "va": "center", "fontsize": 8.5, "annotation_clip": False}
        axes.annotate("■", (x, height), xytext=(6, 0), color=colour, **style)
        axes.annotate(text, (x, height), xytext=(15, 0), **style)  # in the page's own colour, legible on any
