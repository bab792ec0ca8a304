"""Inequalities between measured values: what a claim rests on.

A net goes by its name, "plain-56", or with its variant, "plain-56/three-times-longer". The functions take the worse net
first. Whether it has the larger or the smaller value is the metric's to say: `Measure.orient` reads its direction.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isnan
from typing import Literal

from replication.data.sources import DATA_NAMES
from replication.nets.complexity import complexity
from replication.results.schema import TRAINING, TRAINING_ERROR
from replication.results.studies import Study
from replication.tasks.task import TOP1, Metric
from replication.verdicts import rule
from replication.verdicts.rule import Evidence, Outcome, Sample

# must: the claim needs it to hold; guard: it must not be reversed; aside: it is shown and decides nothing.
Part = Literal["must", "guard", "aside"]
Samples = Mapping[str, Sample]
Weigh = Callable[[Samples], Evidence]

# How a value is printed. The interval of a level or a spread is about the printed value.
POINTS, LEVEL, SPREAD = "{:+.2f}", "{:.2f} %", "{:.2f}"
ITERATIONS, ORDER = "{:+,.0f} iterations", "{:.0%} of pairs of runs in order"


@dataclass(frozen=True)
class Measure:
    """What nets are compared by: a protocol of scores.csv and one of its metrics, with its words."""

    words: str
    protocol: str
    metric: Metric = TOP1

    def sample(self, study: Study, net: str) -> Sample | None:
        """The values of a net's seeds, None if it was not run."""
        return study.sample(net, self.protocol, self.metric.name)

    def orient(self, samples: Samples) -> Samples:
        """Samples in which the worse net has the larger value."""
        sign = self.metric.sign
        return {net: replace(sample, values=sign * sample.values, sign=sign) for net, sample in samples.items()}

    def describe_difference(self, worse: str, better: str) -> str:
        """A difference that is positive if the first net is the worse one."""
        return f"{worse} − {better}" if self.metric.sign > 0 else f"{better} − {worse}"


TRAIN = Measure("training error", TRAINING, Metric(TRAINING_ERROR, "training error"))  # at the end of the schedule


@dataclass(frozen=True)
class Comparison:
    """One inequality that a claim rests on: in the paper, and measured here."""

    what: str
    paper: str
    evidence: Evidence | None = None  # None: it was not measured
    part: Part = "must"
    note: str = ""  # what was counted, or why there is nothing
    form: str = POINTS
    samples: Samples = field(default_factory=dict)  # by net
    weigh: Weigh | None = None  # samples of these nets → evidence; `seeds_needed` calls it with more seeds
    worse: str = ""  # the two nets compared, the one with the larger error in the paper first
    better: str = ""
    measure: Measure | None = None
    is_out_of_reach: bool = False  # more runs of this study cannot settle it
    outcome: Outcome = "not tested"  # given by `judge`, as it depends on the other comparisons

    @property
    def is_deciding(self) -> bool:
        return self.part != "aside"

    @property
    def here(self) -> str:
        """What was measured, counted or missing here. With too few seeds for an interval: each value too."""
        if self.evidence is None or not self.evidence.n:
            return self.note
        text = "" if isnan(self.evidence.value) else self.form.format(float(self.evidence.value))
        if self.evidence.state == "single seed":
            text += f" ({'; '.join(f'{net}: {_values(sample, self.form)}' for net, sample in self.samples.items())})"
        if self.evidence.state == "chance":
            unlearned = [net for net, sample in self.samples.items() if not sample.learned]
            text += f"; {' and '.join(unlearned)} no better than chance"
        return text.strip()

    @property
    def interval(self) -> str:
        """The 95 % interval of what `here` says; empty where there is none."""
        evidence = self.evidence
        if evidence is None or evidence.state != "tested" or isnan(evidence.low):
            return ""
        sign = "+" if self.form.startswith("{:+") else ""
        places = 0 if self.form == ITERATIONS else 2
        return f"[{float(evidence.low):{sign},.{places}f}, {float(evidence.high):{sign},.{places}f}]"

    @property
    def n(self) -> int | None:
        """The smallest number of seeds."""
        return self.evidence.n or None if self.evidence else None


def weigh_samples(
    what: str, paper: str, samples: Mapping[str, Sample | None], weigh: Weigh, form: str = POINTS, part: Part = "must",
    measure: Measure | None = None,
) -> Comparison:  # fmt: skip
    """Compare samples, by net; a sample is None if its net was not run.

    Args:
        measure: of the samples; `weigh` gets them oriented by it. None: as they are.
    """
    missing = [net for net, sample in samples.items() if sample is None]
    if missing:
        return Comparison(what, paper, part=part, note=f"{' and '.join(missing)} not run")
    weigh_oriented = weigh if measure is None else lambda values: weigh(measure.orient(values))
    return Comparison(what, paper, weigh_oriented(samples), part, form=form, samples=samples, weigh=weigh_oriented)


def compare(
    study: Study, measure: Measure, worse: str, better: str, paper: float | None, part: Part = "must"
) -> Comparison:
    """Whether `worse` is worse; `paper` is by how many points it is worse there, None if the paper has no number."""
    samples = {net: measure.sample(study, net) for net in (worse, better)}
    what = f"{measure.describe_difference(worse, better)}, {measure.words}"
    expected, weigh = "worse" if paper is None else POINTS.format(paper), weigh_difference({worse: 1, better: -1})
    comparison = weigh_samples(what, expected, samples, weigh, part=part, measure=measure)
    return replace(comparison, worse=worse, better=better, measure=measure)


def compare_gaps(
    study: Study, measure: Measure, larger: tuple[str, str], smaller: tuple[str, str], paper: float, part: Part = "must"
) -> Comparison:
    """Whether the gap between one pair of nets is larger than that between another."""
    weights: dict[str, int] = {}  # a net may stand in both gaps
    for net, weight in [(larger[0], 1), (larger[1], -1), (smaller[0], -1), (smaller[1], 1)]:
        weights[net] = weights.get(net, 0) + weight
    gaps = [measure.describe_difference(*pair) for pair in (larger, smaller)]
    what = f"({gaps[0]}) − ({gaps[1]}), {measure.words}"
    samples = {net: measure.sample(study, net) for net in weights}
    return weigh_samples(what, POINTS.format(paper), samples, weigh_difference(weights), part=part, measure=measure)


def compare_alike(study: Study, measure: Measure, a: str, b: str, band: float, paper: str) -> Comparison:
    """Whether two nets differ by less than `band` points, in either direction."""
    samples = {net: measure.sample(study, net) for net in (a, b)}
    what = f"{a} − {b}, {measure.words}, less than ± {band:g}"
    return weigh_samples(what, paper, samples, weigh_alikeness({a: 1, b: -1}, band))


def compare_not_better(study: Study, measure: Measure, net: str, other: str, band: float) -> Comparison:
    """Whether a net is not better than another one by `band` points or more."""
    samples = {name: measure.sample(study, name) for name in (net, other)}
    what = f"{measure.describe_difference(net, other)} above −{band:g}, {measure.words}"
    weigh = weigh_difference({net: 1, other: -1}, above=-band)
    return weigh_samples(what, "no better", samples, weigh, measure=measure)


def compare_trend(study: Study, measure: Measure, nets: Sequence[str]) -> Comparison:
    """Whether each net is better than the one before it. The steps can stand beside it as guards, to show them."""
    samples = {net: measure.sample(study, net) for net in nets}
    direction = "falls" if measure.metric.sign > 0 else "rises"
    what = f"{nets[0]} → {nets[-1]}, {measure.words} {direction}"

    def weigh(oriented: Samples) -> Evidence:
        return rule.trend([oriented[net] for net in nets])

    return weigh_samples(what, direction, samples, weigh, ORDER, measure=measure)


def compare_bound(
    study: Study, measure: Measure, net: str, paper: str, worse_than: float | None = None,
    better_than: float | None = None, source: str = "",
) -> Comparison:  # fmt: skip
    """Whether a net is worse than a bound in percent, or better than one; `source` says whose bound it is."""
    is_above = (better_than is None) == (measure.metric.sign > 0)
    side, value = "above" if is_above else "below", worse_than if better_than is None else better_than
    what = f"{net} {side} {value:g} %{f' ({source})' if source else ''}, {measure.words}"
    samples = {net: measure.sample(study, net)}
    return weigh_samples(what, paper, samples, lambda values: rule.bound(values[net], **{side: value}), LEVEL)


def weigh_difference(weights: Mapping[str, float], above: float = 0.0) -> Weigh:
    """Whether the sum of weight x mean, by net, is above a bound."""
    return lambda samples: rule.difference([(weight, samples[net]) for net, weight in weights.items()], above)


def weigh_alikeness(weights: Mapping[str, float], band: float) -> Weigh:
    """Whether the sum of weight x mean, by net, lies between -band and band."""
    return lambda samples: rule.alike([(weight, samples[net]) for net, weight in weights.items()], band)


def compare_counts(what: str, paper: str, here: str, is_true: bool) -> Comparison:
    """An inequality between numbers that are counted on built nets."""
    return Comparison(what, paper, rule.counted(is_true), note=here)


def compare_cost(plain: str, residual: str, input_size: int, classes: int, paper: str) -> Comparison:
    """Whether two nets have the same parameters and multiply-adds, counted on the built nets."""
    plain_cost, cost = complexity(plain, input_size, classes), complexity(residual, input_size, classes)
    here = f"{cost.parameters:,} parameters, {cost.macs / 1e6:,.1f} M multiply-adds"
    if plain_cost != cost:
        here += f"; {plain}: {plain_cost.parameters:,}, {plain_cost.macs / 1e6:,.1f} M"
    return compare_counts(f"{plain} = {residual}", paper, here, plain_cost == cost)


def require_paper_data(study: Study, comparison: Comparison, dataset: str = "") -> Comparison:
    """A comparison that is about one data set, by default the paper's of the task; on another one there is none."""
    if study.dataset == (dataset or study.task.paper_data(study.dataset)):
        return comparison
    needed = DATA_NAMES.get(dataset, study.task.label)
    return Comparison(comparison.what, comparison.paper, note=f"needs {needed}", is_out_of_reach=True)


def _values(sample: Sample, form: str) -> str:
    places = 0 if form == ITERATIONS else 2
    return ", ".join(f"{value:,.{places}f}" for value in sample.values)
