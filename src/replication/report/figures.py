"""The training curves of figures 1, 4 and 6: small panels, the paper beside the closest setup; folded, the chart."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
from markupsafe import Markup
from matplotlib.axes import Axes

from replication import paper
from replication.report.curves import Panel, curves_json
from replication.report.drawing import INK, STYLE, write_svg
from replication.report.numbers import list_curves
from replication.report.palette import look
from replication.report.setups import slug
from replication.report.templating import render
from replication.report.values import Figure
from replication.results.fidelity import RANK
from replication.results.studies import Study
from replication.results.tables import CURVES

SMALL = (2.9, 2.2)  # inches of a panel: four a row, with text of 7 pt in print


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
    """The paper's panels beside those of one setup, and those of other setups; each with axes of its own.

    Of the setups that are equally close to the paper, the one that lacks fewest of its nets stands beside it.
    """
    studies = sorted(studies, key=lambda study: (RANK[study.fidelity], len(_list_absent(study, panels))))
    schedule, figure_id = studies[0].paper_recipe.schedule, f"figure-{number}"
    drops = [drop / schedule.iterations for drop in schedule.drops]
    theirs, ours = [], {study: [] for study in studies}
    for panel in panels:
        lines = _paper_lines(panel, schedule.iterations)
        names = f"{panel.title}, paper", slug(figure_id, "paper", panel.title)
        theirs.append(_draw_panel(*names, lines, studies[0].task.curve_limit, schedule.iterations, drops))
        for study in studies:
            lines = [line for net in panel.nets for split in panel.splits if (line := _our_line(study, net, split))]
            names = f"{panel.title}, here", slug(figure_id, study.folder, panel.title)
            top = _find_top(lines, study.task.curve_limit)
            ours[study].append(_draw_panel(*names, lines, top, study.iterations, study.drops, f": {study.name}"))
    nearest, *others = ours
    groups = [{"name": study.name, "fidelity": study.fidelity, "panels": ours[study], "absent": []} for study in others]
    pairs = [drawing for pair in zip(theirs, ours[nearest], strict=True) for drawing in pair]
    return Figure(
        id=figure_id, caption=f"Figure {number} · {title}", source=f"F{number}", script=__name__, studies=studies,
        data=[CURVES], numbers=numbers, is_wide=True,
        open=render("multiples.html", panels=pairs, study=nearest, absent=_list_absent(nearest, panels)),
        drawing=render(
            "panels.html", name=f"Figure {number}", groups=groups, curves=curves_json(studies, panels)
        ),
    )  # fmt: skip


def _list_absent(study: Study, panels: Sequence[Panel]) -> list[str]:
    """The nets that the paper draws and that were not run."""
    nets = {net: None for panel in panels for net in panel.nets if paper.curve(panel.figure, panel.splits[0], net)}
    return [net for net in nets if net not in study.nets]


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
    title: str, name: str, lines: list[Line], top: float, iterations: int, drops: Sequence[float], more: str = ""
) -> Markup:
    """A panel of curves.

    Args:
        more: follows the title for those who do not see the drawing.
    """
    with plt.style.context(["default", STYLE]):  # whatever the user's matplotlibrc says
        figure, axes = plt.subplots(figsize=SMALL)
        figure.subplots_adjust(left=0.11, right=0.74, bottom=0.2, top=0.85)
        for drop in drops:
            axes.axvline(drop, color=INK, alpha=0.35, lw=0.8, ls=(0, (1, 2)))
        labels: dict[str, tuple[float, str, str]] = {}
        for line in lines:
            _draw_line(axes, line)
            if line.split == "test" or line.net not in labels:
                end = line.points[-1][1]
                labels[line.net] = (end, f"{line.net.partition('-')[2]}: {end:.1f}", look(line.net).light)
        if not lines:
            axes.text(0.5, top / 2, "not run", ha="center", alpha=0.7)
        unit, word = (1000, "thousand iterations") if iterations >= 1000 else (1, "iterations")
        axes.set(xlim=(0, 1), ylim=(0, top), xticks=[0, 0.5, 1], xlabel=word)
        axes.set_yticks(range(0, int(top) + 1, 5 if top <= 20 else 20))
        axes.set_xticklabels([f"{tick * iterations / unit:g}" for tick in (0, 0.5, 1)])
        axes.set_title(title, loc="left", x=-0.12, pad=9)
        _label_ends(axes, list(labels.values()), top)
        return write_svg(figure, f"{title}{more}: error in percent. {_describe(lines)}", name)


def _describe(lines: Sequence[Line]) -> str:
    """Where the curves end, for those who do not see them."""
    return "; ".join(f"{line.net}, {line.split}: {line.points[-1][1]:.1f}" for line in lines) or "Not run"


def _draw_line(axes: Axes, line: Line) -> None:
    colour = look(line.net).light
    x, y = zip(*line.points, strict=True)
    style = {"lw": 1.0, "ls": (0, (3.5, 1.6)), "alpha": 0.9} if line.split == "train" else {"lw": 1.7}
    style |= {"marker": look(line.net).mark, "markevery": 0.2, "ms": 3.5, "solid_joinstyle": "round"}
    axes.plot(x, y, color=colour, mfc=colour if line.net.startswith("resnet") else "none", **style)
    if line.band:
        band_x, low, high = zip(*line.band, strict=True)
        axes.fill_between(band_x, low, high, color=colour, alpha=0.18, lw=0)


def _label_ends(axes: Axes, labels: list[tuple[float, str, str]], top: float) -> None:
    """Layers and last errors at the right end of the curves, pushed apart where they would overlap."""
    gap, labels = top * 0.1, sorted(labels)
    heights: list[float] = []
    for y, _, _ in labels:
        heights.append(max(y, heights[-1] + gap) if heights else y)
    for index in reversed(range(len(heights))):  # and back down from the top of the panel
        heights[index] = min(heights[index], top - gap * (len(heights) - 1 - index))
    for height, (_, text, colour) in zip(heights, labels, strict=True):
        style = {"textcoords": "offset points", "va": "center", "annotation_clip": False}
        axes.annotate("■", (1, height), xytext=(3, 0), color=colour, **style)
        axes.annotate(text, (1, height), xytext=(12, 0), **style)  # in the page's own colour, legible on any
