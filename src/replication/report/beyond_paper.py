"""Figures that the paper has not: other replications of Table 6, and how differences shrink with longer training."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import matplotlib.pyplot as plt
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from replication import paper
from replication.report.answer import net_name
from replication.report.drawing import INK, STYLE, write_svg
from replication.report.palette import FAMILY_STEP, GREY, LIGHT, look
from replication.report.values import Figure
from replication.results.studies import Study
from replication.results.tables import SCORES
from replication.verdicts.claims.findings import findings
from replication.verdicts.comparisons import Comparison

# The nets of the table of replications.
COMPARED = ["plain-20", "plain-56", "resnet-20", "resnet-32", "resnet-44", "resnet-56", "resnet-110", "resnet-1202"]
FULL = 1  # share of the paper's schedule
EVEN = 2  # points on either side of zero on an even scale


def draw_replications(studies: Sequence[Study]) -> Markup:
    """Test errors of others and of the paper by net; in a second panel those of the closest setup here.

    A setup with the paper's full schedule stands in both.
    """
    printed = paper.end_errors("4.2")["test"]  # as drawn, for nets that no table has
    printed |= {row["net"]: row.get("mean", row["error"]) for row in paper.table(6) if row["kind"] == "own"}
    others = {net: [one["errors"][net] for one in paper.replications() if net in one["errors"]] for net in COMPARED}
    full = {net: _errors([study for study in studies if study.share == FULL], net) for net in COMPARED}
    here = {net: _errors(studies[:1], net) for net in COMPARED}
    with plt.style.context(["default", STYLE, {"axes.grid.axis": "both"}]):
        figure, (left, right) = plt.subplots(1, 2, figsize=(4.8, 2.9), sharey=True, width_ratios=(1.3, 1))
        figure.subplots_adjust(left=0.25, right=0.98, bottom=0.17, top=0.9, wspace=0.08)
        for place, net in enumerate(COMPARED):
            style = {"ls": "", "color": look(net).light, "ms": 6, "alpha": 0.85}
            left.plot(others[net], [place] * len(others[net]), marker="o", ls="", color=GREY[0], ms=4.5, alpha=0.7)
            left.plot(full[net], [place] * len(full[net]), marker="o", **style)
            right.plot(here[net], [place] * len(here[net]), marker="o", **style)
            if net in printed:
                left.plot(printed[net], place, marker="D", color=INK, ls="", ms=5)
        left.set(yticks=range(len(COMPARED)), yticklabels=map(net_name, COMPARED), ylim=(len(COMPARED) - 0.4, -0.6))
        largest = max((error for errors in here.values() for error in errors), default=1)
        right.set(xlim=(0, 1.08 * largest))  # no dot is cut
        left.set_title("◆ paper, ● others", loc="left")
        right.set_title("here", loc="left")
        for axes in (left, right):
            axes.set_xlabel("test error (%)")
        label = "Test error in percent. " + ". ".join(
            f"{net}: paper {printed.get(net, 'none')}, others {_list(others[net])}, here {_list(here[net])}"
            for net in COMPARED
        )
        setup = Markup('<p class="note">Here: {}, one dot per seed. The axes differ.</p>').format(studies[0].name)
        return _in_figure(write_svg(figure, label, "replications")) + setup


def _errors(studies: Sequence[Study], net: str) -> list[float]:
    return [error for study in studies for error in study.errors(net, study.task.headline, study.task.metric.name)]


def _list(errors: Sequence[float]) -> str:
    return ", ".join(f"{error:.2f}" for error in errors) or "none"


def gap_by_schedule(studies: Sequence[Study]) -> Figure:
    """Differences in test error between nets against the length of training, in all setups on the paper's own data."""
    own = [study for study in studies if study.has_paper_data]
    numbers = []
    for study in own:
        for one in _list_differences(study):
            name = f"{net_name(one.worse)} − {net_name(one.better)}"
            row = {"who": study.name, "share": round(study.share, 4), "difference": name, "n": one.n}
            numbers.append(row | {"points": round(float(one.evidence.value), 2), "paper": float(one.paper)})
    lines = {row["difference"]: [] for row in numbers}
    for row in sorted(numbers, key=lambda row: row["share"]):
        lines[row["difference"]].append(row)
    with plt.style.context(["default", STYLE]):
        figure, axes = plt.subplots(figsize=(4.8, 2.9))
        figure.subplots_adjust(left=0.1, right=0.6, bottom=0.17, top=0.88)
        _draw_differences(axes, lines)
        label = "; ".join(f"{row['difference']} at {row['share']:g}: {row['points']:+.2f}" for row in numbers)
        drawing = write_svg(figure, f"Difference in points by share of the schedule: {label}", "gaps")
    return Figure(
        id="gap-by-schedule", caption="Differences by length of training", script=__name__, studies=own, data=[SCORES],
        open=_in_figure(drawing), numbers=numbers,
    )  # fmt: skip


def _list_differences(study: Study) -> list[Comparison]:
    """The measured differences in test error that the main findings rest on."""
    by_name = {
        one.what: one for finding in findings(study) for one in finding.tested.comparisons
        if one.worse and one.evidence and one.measure and one.measure.metric == study.task.metric
    }  # fmt: skip
    return list(by_name.values())


def _draw_differences(axes: Axes, lines: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """A line a difference, to the paper's number, a diamond; a single seed is hollow."""
    ends = []
    for name, rows in lines.items():
        families = {net.partition("-")[0].lower() for net in name.split(" − ")}
        style = {"color": LIGHT[min(families)][FAMILY_STEP] if len(families) == 1 else GREY[0]}
        paper = rows[0]["paper"]
        points = [(row["share"], row["points"]) for row in rows if row["share"] < FULL]
        axes.plot(*zip(*points, (FULL, paper), strict=True), lw=1.3, **style)
        axes.plot(FULL, paper, marker="D", ms=5, **style)
        for row in rows:
            axes.plot(row["share"], row["points"], "o", mfc="none" if row["n"] == 1 else None, ms=5.5, **style)
        ends.append((paper, name, style["color"]))
    shares = sorted({FULL, *(row["share"] for rows in lines.values() for row in rows)})
    axes.axhline(0, color=INK, lw=0.8)
    axes.set_xscale("log")
    axes.set_yscale("symlog", linthresh=EVEN)
    axes.xaxis.set_major_locator(FixedLocator(shares))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([str(Fraction(share).limit_denominator(100)) for share in shares])
    axes.set_yticks([-50, -10, -2, 0, 2, 10, 50], ["−50", "−10", "−2", "0", "+2", "+10", "+50"])
    axes.yaxis.set_minor_locator(NullLocator())
    axes.margins(0.08, 0.12)
    axes.set_xlabel("share of the paper's schedule")
    axes.set_title("points of test error (◆ paper)", loc="left", x=-0.2)
    for place, (_, name, colour) in enumerate(sorted(ends)):
        at = (1.04, 0.4 + 0.1 * place)
        axes.annotate(name, at, xycoords="axes fraction", color=colour, va="center", annotation_clip=False)


def _in_figure(drawing: Markup) -> Markup:
    return Markup("<figure>{}</figure>").format(drawing)
