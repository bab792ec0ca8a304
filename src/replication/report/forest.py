"""Every comparison between errors that a verdict rests on, paper and ours, in one plot."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import matplotlib.pyplot as plt
from markupsafe import Markup
from matplotlib.axes import Axes

from replication.report.claims import WORDS
from replication.report.drawing import INK, STYLE, write_svg
from replication.report.values import Figure
from replication.results.studies import Study
from replication.results.tables import SCORES
from replication.verdicts.claims import judge_claims, signals
from replication.verdicts.comparisons import POINTS, Comparison
from replication.verdicts.rule import Outcome

EVEN = 2.0  # points on either side of zero on an even scale; compressed beyond
LIMIT = 130.0
LEFT, RIGHT = -1.17, 1.32  # where the words beside the axes start and end, in widths of the axes
LINE, MARGIN = 0.165, 0.75  # height of a row, and of what is above and below them, inches
# Colour, marker and whether it is filled: no two outcomes are told apart by colour alone.
MARKS: dict[Outcome, tuple[str, str, str]] = {
    "supported": ("#1b7f4b", "o", "full"), "contradicted": ("#b3261e", "^", "full"),
    "inconclusive": ("#b07a00", "o", "left"), "single seed": ("#7f8790", "x", "full"),
    "chance": ("#7f8790", "o", "none"),
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """A comparison with the claim that rests on it, and the paper's number."""

    claim: str
    comparison: Comparison
    paper: float


def forest(studies: Sequence[Study]) -> list[Figure]:
    """The differences in error that were measured in each study, in points; no figure if there are none."""
    groups = [(study, lines) for study in studies if (lines := _list_lines(study))]
    if not groups:
        return []
    drawing = Markup('<figure class="wide tall" tabindex="0">{}</figure>').format(_draw(groups))
    return [Figure(
        id="comparisons", caption="All comparisons", script=__name__, studies=studies, data=[SCORES], drawing=drawing,
        numbers=[_describe(study, line) for study, lines in groups for line in lines],
    )]  # fmt: skip


def _list_lines(study: Study) -> list[Line]:
    """The deciding and measured differences of a study, but for those between signals, and where the paper has none."""
    lines = []
    for tested in judge_claims(study):
        is_of_errors = tested.test.compare.__module__ != signals.__name__
        for one in tested.comparisons:
            if is_of_errors and one.is_deciding and one.evidence and one.evidence.n and one.form == POINTS:
                with suppress(ValueError):  # "worse": the paper gives no number
                    lines.append(Line(tested.test.claim.id, one, float(one.paper)))
    return lines


def _draw(groups: Sequence[tuple[Study, Sequence[Line]]]) -> Markup:
    height = MARGIN + LINE * sum(len(lines) + 2 for _, lines in groups)
    with plt.style.context(["default", STYLE, {"axes.grid.axis": "x"}]):
        figure, axes = plt.subplots(figsize=(7.6, height))
        figure.subplots_adjust(left=0.47, right=0.87, bottom=0.45 / height, top=1 - 0.3 / height)
        y = 0.0
        for study, lines in groups:
            _write(axes, LEFT, y, f"section {study.task.section} · {study.name}", "left", weight="bold")
            for line in lines:
                y += 1
                _draw_line(axes, y, line)
            y += 2
        axes.axvline(0, color=INK, lw=0.8)
        axes.set_xscale("symlog", linthresh=EVEN, linscale=1.2)
        ticks = [-50, -10, -2, -1, 0, 1, 2, 10, 50]
        axes.set(xlim=(-LIMIT, LIMIT), ylim=(y - 1, -1), yticks=[], xticks=ticks, xlabel="points of error")
        axes.set_xticklabels([f"{tick:+d}" if tick else "0" for tick in ticks])
        axes.spines["left"].set_visible(False)
        _draw_legend(axes)
        return write_svg(figure, _label(groups), "comparisons")


def _draw_line(axes: Axes, y: float, line: Line) -> None:
    comparison, evidence = line.comparison, line.comparison.evidence
    value = float(evidence.value)
    if comparison.interval:
        colour = MARKS[comparison.outcome][0]
        axes.plot([float(evidence.low), float(evidence.high)], [y, y], color=colour, lw=1.6, solid_capstyle="butt")
    _draw_mark(axes, [value], [y], comparison.outcome)
    axes.plot(line.paper, y, marker="D", ms=3.6, color=INK, ls="")
    _write(axes, LEFT, y, f"{line.claim}  {comparison.what}", "left")
    _write(axes, RIGHT, y, f"{value:+.2f} ({line.paper:+.2f})", "right")


def _draw_mark(axes: Axes, x: Sequence[float], y: Sequence[float], outcome: Outcome, label: str = "") -> None:
    colour, marker, fill = MARKS[outcome]
    style = {"markerfacecoloralt": "#ffffff"} if fill == "left" else {}
    style |= {"label": label} if label else {}
    axes.plot(x, y, marker=marker, ms=6, mew=1.3, color=colour, fillstyle=fill, ls="", **style)


def _write(axes: Axes, x: float, y: float, words: str, align: str, **style: str) -> None:
    """Words at a height of the axes, `x` axes' widths from their left end."""
    axes.text(x, y, words, transform=axes.get_yaxis_transform(), va="center", ha=align, fontsize=7, **style)


def _draw_legend(axes: Axes) -> None:
    axes.plot([], [], marker="D", ms=3.6, color=INK, ls="", label="paper")
    for outcome in MARKS:
        _draw_mark(axes, [], [], outcome, WORDS[outcome])
    axes.figure.legend(loc="upper left", ncols=6, frameon=False, fontsize=7.5, handletextpad=0.2)


def _describe(study: Study, line: Line) -> dict[str, object]:
    """A comparison in words and numbers."""
    one = line.comparison
    return {
        "who": study.name, "claim": line.claim, "comparison": one.what, "paper": one.paper,
        "here": POINTS.format(float(one.evidence.value)), "interval": one.interval, "n": one.n,
        "outcome": WORDS[one.outcome],
    }  # fmt: skip


def _label(groups: Sequence[tuple[Study, Sequence[Line]]]) -> str:
    """The plot's values, for those who do not see it."""
    form = "{claim} {comparison}: {here} (paper {paper}), {outcome}"
    by_study = {study: "; ".join(form.format(**_describe(study, line)) for line in lines) for study, lines in groups}
    return ". ".join(f"{study.name}: {words}" for study, words in by_study.items())
