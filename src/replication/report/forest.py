"""Every difference in error that a verdict rests on, the paper's and ours, a row each with a small drawing."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from math import copysign, log10

from markupsafe import Markup

from replication.report.claims import KEYS, SYMBOL, WORDS, find_runs
from replication.report.sources import comparison_source
from replication.report.templating import render_notes
from replication.report.values import Cell, Row, Table
from replication.results.studies import Study
from replication.results.tables import SCORES
from replication.verdicts.claim import Tested
from replication.verdicts.claims import judge_claims, signals
from replication.verdicts.comparisons import POINTS, Comparison

EVEN, LIMIT = 2.0, 130.0  # points on either side of zero on an even scale, compressed beyond; the end of the scale
EVEN_SHARE = 0.4  # of half the width
HALF = 100  # half the width of a drawing


def comparisons_table(studies: Sequence[Study]) -> Table:
    """The differences in error that were measured in each study, in points; no rows if there are none."""
    rows = [_make_row(study, *line) for study in studies for line in _list_comparisons(study)]
    return Table(
        id="comparisons", caption="All comparisons", script=__name__, studies=studies, data=[SCORES],
        style="forest words", rows=rows, notes=render_notes("comparisons") if rows else "",
        columns=["setup", "claim", "difference", "points, right of zero agrees", "here", "95 % interval", "paper", "n",
                 "outcome"],
    )  # fmt: skip


def _list_comparisons(study: Study) -> Iterator[tuple[Tested, Comparison, float]]:
    """The deciding and measured differences, with the claim and the paper's number; no signals, none without one."""
    for tested in judge_claims(study):
        is_of_errors = tested.test.compare.__module__ != signals.__name__
        for one in tested.comparisons:
            if is_of_errors and one.is_deciding and one.evidence and one.evidence.n and one.form == POINTS:
                with suppress(ValueError):  # "worse": the paper gives no number
                    yield tested, one, float(one.paper)


def _make_row(study: Study, tested: Tested, one: Comparison, paper: float) -> Row:
    card = f"{tested.test.claim.id}-{study.task.name}"
    value = float(one.evidence.value)
    interval = (float(one.evidence.low), float(one.evidence.high)) if one.interval else None
    words, sources = WORDS[one.outcome], [comparison_source(study, tested, one, *keys) for keys in KEYS]
    cells = [
        Cell(study.name), Cell(card.partition("-")[0], link=card), one.what,
        Cell(drawing=_draw(value, interval, paper)),
        Cell(POINTS.format(value), "here", find_runs(study, one), source=sources[0]),
        Cell(one.interval, "interval", source=sources[1] if interval else ""), one.paper,
        Cell(str(one.n), source=sources[2]),
        Cell(f"{SYMBOL[one.outcome]} {words}", source=sources[3]),
    ]  # fmt: skip
    return Row(cells, one.outcome.replace(" ", "-"))


def _draw(value: float, interval: tuple[float, float] | None, paper: float) -> Markup:
    """A dot with its interval, and the paper's number as a diamond; the cells beside it have the values."""
    low, high = map(_place, interval or (value, value))
    return Markup(
        '<svg class="whisker" viewBox="0 0 {} 14" aria-hidden="true"><path class="zero" d="M{} 0v14"/>'
        '<path class="interval" d="M{:.1f} 7H{:.1f}"/><circle cx="{:.1f}" cy="7" r="4"/>'
        '<path class="paper" d="M{:.1f} 3l4 4-4 4-4-4z"/></svg>'
    ).format(2 * HALF, HALF, low, high, _place(value), _place(paper))


def _place(points: float) -> float:
    """Where a number stands: even up to `EVEN` points, then logarithmic."""
    size = min(abs(points), LIMIT)
    share = EVEN_SHARE * size / EVEN
    if size > EVEN:
        share = EVEN_SHARE + (1 - EVEN_SHARE) * log10(size / EVEN) / log10(LIMIT / EVEN)
    return HALF + copysign(HALF * share, points)
