"""Inequalities between measured errors: what a claim rests on.

A net goes by its name, "plain-56", or with its variant, "plain-56/three-times-longer".
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isnan
from typing import Literal

from replication.nets.complexity import complexity
from replication.results.schema import TRAINING, TRAINING_ERROR
from replication.results.studies import Study
from replication.verdicts import rule
from replication.verdicts.rule import Evidence, Outcome, Sample

# must: the claim needs it to hold; guard: it may only not be reversed; aside: it is shown, and decides nothing.
Part = Literal["must", "guard", "aside"]
Samples = Mapping[str, Sample]
Weigh = Callable[[Samples], Evidence]

# How a value is written. Of a level or a spread the interval is about what stands in its cell.
POINTS, LEVEL, SPREAD = "{:+.2f}", "{:.2f} %", "{:.2f}"
ITERATIONS, ORDER = "{:+,.0f} iterations", "{:.0%} of pairs of runs in order"


@dataclass(frozen=True)
class Measure:
    """An error of a net: a protocol of scores.csv and one of its metrics, with their words."""

    words: str
    protocol: str
    metric: str = "top1_error"

    def sample(self, study: Study, net: str) -> Sample | None:
        """The errors of a net's seeds, None if it was not run."""
        return study.sample(net, self.protocol, self.metric)


TRAIN = Measure("training error", TRAINING, TRAINING_ERROR)  # of the end of the schedule


@dataclass(frozen=True)
class Comparison:
    """One inequality that a claim rests on, as the paper has it and as it was measured here."""

    what: str
    paper: str
    evidence: Evidence | None = None  # None: it was not measured
    part: Part = "must"
    told: str = ""  # what was counted, or why there is nothing
    form: str = POINTS
    samples: Samples = field(default_factory=dict)  # by net
    weigh: Weigh | None = None  # samples of these nets → evidence; to see what more seeds would tell
    worse: str = ""  # the two nets compared, the one with the larger error in the paper first
    better: str = ""
    measure: Measure | None = None
    elsewhere: bool = False  # no more runs of this study could tell
    outcome: Outcome = "not tested"  # given by `judge`, as it depends on the other comparisons

    @property
    def deciding(self) -> bool:
        return self.part != "aside"

    @property
    def here(self) -> str:
        """What was measured, counted or missing here; with too few seeds for an interval, each value too."""
        if self.evidence is None or not self.evidence.n:
            return self.told
        text = "" if isnan(self.evidence.value) else self.form.format(float(self.evidence.value))
        if self.evidence.state == "single seed":
            text += f" ({'; '.join(f'{net}: {_values(sample, self.form)}' for net, sample in self.samples.items())})"
        if self.evidence.state == "chance":
            text += f"; {' and '.join(net for net, of in self.samples.items() if not of.learned)} no better than chance"
        return text.strip()

    @property
    def interval(self) -> str:
        """The 95 % interval of what `here` says; empty where there is none."""
        found = self.evidence
        if found is None or found.state != "tested" or isnan(found.low):
            return ""
        sign = "+" if self.form.startswith("{:+") else ""
        places = 0 if self.form == ITERATIONS else 2
        return f"[{float(found.low):{sign},.{places}f}, {float(found.high):{sign},.{places}f}]"

    @property
    def n(self) -> int | None:
        """The smallest number of seeds."""
        return self.evidence.n or None if self.evidence else None


def weighed(
    what: str, paper: str, samples: Mapping[str, Sample | None], weigh: Weigh, form: str = POINTS, part: Part = "must"
) -> Comparison:
    """The comparison of samples, by net; a sample is None if its net was not run."""
    absent = [net for net, found in samples.items() if found is None]
    if absent:
        return Comparison(what, paper, part=part, told=f"{' and '.join(absent)} not run")
    return Comparison(what, paper, weigh(samples), part, form=form, samples=samples, weigh=weigh)


def compare(
    study: Study, measure: Measure, worse: str, better: str, paper: float | None, part: Part = "must"
) -> Comparison:
    """Whether `worse` has the larger error; `paper` is by how many points it has there, None if it gives no number."""
    samples = {net: measure.sample(study, net) for net in (worse, better)}
    what, weigh = f"{worse} − {better}, {measure.words}", difference_of({worse: 1, better: -1})
    found = weighed(what, "worse" if paper is None else POINTS.format(paper), samples, weigh, part=part)
    return replace(found, worse=worse, better=better, measure=measure)


def compare_gaps(
    study: Study, measure: Measure, larger: tuple[str, str], smaller: tuple[str, str], paper: float, part: Part = "must"
) -> Comparison:
    """Whether the gap between one pair of nets is larger than that between another."""
    weights: dict[str, int] = {}  # a net may stand in both gaps
    for net, weight in [(larger[0], 1), (larger[1], -1), (smaller[0], -1), (smaller[1], 1)]:
        weights[net] = weights.get(net, 0) + weight
    what = f"({larger[0]} − {larger[1]}) − ({smaller[0]} − {smaller[1]}), {measure.words}"
    samples = {net: measure.sample(study, net) for net in weights}
    return weighed(what, POINTS.format(paper), samples, difference_of(weights), part=part)


def compare_alike(study: Study, measure: Measure, a: str, b: str, band: float, paper: str) -> Comparison:
    """Whether two errors differ by less than `band` points."""
    samples = {net: measure.sample(study, net) for net in (a, b)}
    return weighed(f"{a} − {b}, {measure.words}, less than ± {band:g}", paper, samples, alike_of({a: 1, b: -1}, band))


def compare_trend(study: Study, measure: Measure, nets: Sequence[str]) -> Comparison:
    """Whether the error falls from each net to the next; to show, the steps may stand beside it as guards."""
    samples = {net: measure.sample(study, net) for net in nets}
    what = f"{nets[0]} → {nets[-1]}, {measure.words} falls"
    return weighed(what, "falls", samples, lambda found: rule.trend([found[net] for net in nets]), ORDER)


def compare_bound(study: Study, measure: Measure, net: str, paper: str, why: str = "", **side: float) -> Comparison:
    """Whether a net's error lies above, or below, a bound: `above=60` or `below=60`, in percent; `why` says whose."""
    ((word, value),) = side.items()
    what = f"{net} {word} {value:g} %{f' ({why})' if why else ''}, {measure.words}"
    samples = {net: measure.sample(study, net)}
    return weighed(what, paper, samples, lambda found: rule.bound(found[net], **side), LEVEL)


def difference_of(weights: Mapping[str, float]) -> Weigh:
    """Whether the sum of weight x mean, by net, is positive."""
    return lambda samples: rule.difference([(weight, samples[net]) for net, weight in weights.items()])


def alike_of(weights: Mapping[str, float], band: float) -> Weigh:
    """Whether the sum of weight x mean, by net, lies between -band and band."""
    return lambda samples: rule.alike([(weight, samples[net]) for net, weight in weights.items()], band)


def counted(what: str, paper: str, here: str, true: bool) -> Comparison:
    """An inequality between numbers that are counted on built nets."""
    return Comparison(what, paper, rule.counted(true), told=here)


def equal_cost(plain: str, residual: str, input_size: int, classes: int, paper: str) -> Comparison:
    """Whether two nets have the same parameters and multiply-adds, counted on the built nets."""
    theirs, ours = complexity(plain, input_size, classes), complexity(residual, input_size, classes)
    here = f"{ours.parameters:,} parameters, {ours.macs / 1e6:,.1f} M multiply-adds"
    if theirs != ours:
        here += f"; {plain}: {theirs.parameters:,}, {theirs.macs / 1e6:,.1f} M"
    return counted(f"{plain} = {residual}", paper, here, theirs == ours)


def only_on_its_own_data(study: Study, found: Comparison) -> Comparison:
    """A comparison with numbers that others measured: on another data set it is none."""
    if study.dataset == study.task.datasets[-1]:
        return found
    return Comparison(found.what, found.paper, told=f"{study.task.label} alone can tell", elsewhere=True)


def _values(sample: Sample, form: str) -> str:
    places = 0 if form == ITERATIONS else 2
    return ", ".join(f"{value:,.{places}f}" for value in sample.values)
