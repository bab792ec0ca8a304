"""Every comparison between errors that a verdict rests on, paper and ours, in one plot."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from replication.report.figures import INK, STYLE, svg
from replication.report.html import WORDS
from replication.results.studies import Study
from replication.verdicts.claims import judge_claims, signals
from replication.verdicts.comparisons import POINTS, Comparison
from replication.verdicts.rule import Outcome

EVEN = 2.0  # points on either side of zero on an even scale; compressed beyond
LIMIT = 130.0
LEFT, RIGHT = -1.17, 1.32  # of the words beside the axes, in their widths
LINE, MARGIN = 0.165, 0.75  # height of a row, and of what is above and below them, inches
# Colour, marker and whether it is filled: no two outcomes are told apart by colour alone.
MARKS: dict[Outcome, tuple[str, str, str]] = {
    "supported": ("#1b7f4b", "o", "full"), "contradicted": ("#b3261e", "^", "full"),
    "inconclusive": ("#b07a00", "o", "left"), "single seed": ("#7f8790", "x", "full"),
    "chance": ("#7f8790", "o", "none"),
}  # fmt: skip


@dataclass(frozen=True)
class _Row:
    claim: str
    comparison: Comparison
    paper: float


def forest(studies: Sequence[Study]) -> str:
    """The comparisons in points of error that were measured in each study, as SVG text; "" if there are none."""
    groups = [(study, rows) for study in studies if (rows := _rows(study))]
    if not groups:
        return ""
    lines = sum(len(rows) + 2 for _, rows in groups)
    height = MARGIN + LINE * lines
    with plt.style.context(["default", STYLE, {"axes.grid.axis": "x"}]):
        figure, axes = plt.subplots(figsize=(7.6, height))
        figure.subplots_adjust(left=0.47, right=0.87, bottom=0.45 / height, top=1 - 0.3 / height)
        y = 0.0
        for study, rows in groups:
            words = f"section {study.task.section} · {study.name}"
            _beside(axes, LEFT, y, words, "left", weight="bold")
            for row in rows:
                y += 1
                _draw(axes, y, row)
            y += 2
        axes.axvline(0, color=INK, lw=0.8)
        axes.set_xscale("symlog", linthresh=EVEN, linscale=1.2)
        ticks = [-50, -10, -2, -1, 0, 1, 2, 10, 50]
        axes.set(xlim=(-LIMIT, LIMIT), ylim=(y - 1, -1), yticks=[], xticks=ticks, xlabel="points of error")
        axes.set_xticklabels([f"{tick:+d}" if tick else "0" for tick in ticks])
        axes.spines["left"].set_visible(False)
        _legend(axes)
        return svg(figure, _as_text(groups))


def _rows(study: Study) -> list[_Row]:
    found = []
    of_errors = [of for of in judge_claims(study) if of.test.compare.__module__ != signals.__name__]
    for tested in of_errors:
        for comparison in tested.comparisons:
            if comparison.deciding and comparison.evidence and comparison.evidence.n and comparison.form == POINTS:
                with suppress(ValueError):  # "worse": the paper gives no number
                    found.append(_Row(tested.test.claim.id, comparison, float(comparison.paper)))
    return found


def _draw(axes: Axes, y: float, row: _Row) -> None:
    of, evidence = row.comparison, row.comparison.evidence
    colour, marker, fill = MARKS[of.outcome]
    value = float(evidence.value)
    if of.interval:
        axes.plot([float(evidence.low), float(evidence.high)], [y, y], color=colour, lw=1.6, solid_capstyle="butt")
    style = {"markerfacecoloralt": "#ffffff"} if fill == "left" else {}
    axes.plot(value, y, marker=marker, ms=6, mew=1.3, color=colour, fillstyle=fill, ls="", **style)
    axes.plot(row.paper, y, marker="D", ms=3.6, color=INK, ls="")
    _beside(axes, LEFT, y, f"{row.claim}  {of.what}", "left")
    _beside(axes, RIGHT, y, f"{value:+.2f} ({row.paper:+.2f})", "right")


def _beside(axes: Axes, x: float, y: float, words: str, align: str, **style: str) -> None:
    """Words at a height of the axes, `x` axes' widths from their left end."""
    axes.text(x, y, words, transform=axes.get_yaxis_transform(), va="center", ha=align, fontsize=7, **style)


def _legend(axes: Axes) -> None:
    axes.plot([], [], marker="D", ms=3.6, color=INK, ls="", label="paper")
    for outcome, (colour, marker, fill) in MARKS.items():
        style = {"markerfacecoloralt": "#ffffff"} if fill == "left" else {}
        axes.plot(
            [], [], marker=marker, ms=6, mew=1.3, color=colour, fillstyle=fill, ls="", label=WORDS[outcome], **style
        )
    axes.figure.legend(loc="upper left", ncols=6, frameon=False, fontsize=7.5, handletextpad=0.2)


def _as_text(groups: Sequence[tuple[Study, Sequence[_Row]]]) -> str:
    """The plot's values, for those who do not see it."""
    parts = []
    for study, rows in groups:
        told = "; ".join(
            f"{row.claim} {row.comparison.what}: {float(row.comparison.evidence.value):+.2f} (paper {row.paper:+.2f}), "
            f"{WORDS[row.comparison.outcome]}"
            for row in rows
        )
        parts.append(f"{study.name}: {told}")
    return ". ".join(parts)
