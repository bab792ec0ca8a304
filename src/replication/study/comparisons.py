"""Inequalities between measured errors: what a claim rests on."""

from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from replication.nets.complexity import complexity
from replication.study.schema import TRAINING, TRAINING_ERROR
from replication.study.statistics import Interval, Sample, combination, sample
from replication.study.studies import Study

Outcome = Literal["holds", "fails", "open", "missing"]


@dataclass(frozen=True)
class Measure:
    """An error of a net: a protocol of scores.csv and one of its metrics, with their words."""

    words: str
    protocol: str
    metric: str = "top1_error"

    def values(self, study: Study, net: str) -> pd.Series:
        """One value a seed, in percent; empty if the net was not run."""
        return study.errors(net, self.protocol, self.metric)

    def sample(self, study: Study, net: str) -> Sample | None:
        """The errors of a net's seeds, None if it was not run."""
        values = self.values(study, net)
        return None if values.empty else sample(values, study.images(net, self.protocol), study.dataset)


TRAIN = Measure("training error", TRAINING, TRAINING_ERROR)  # of the end of the schedule


@dataclass(frozen=True)
class Comparison:
    """One inequality that a claim rests on, as the paper has it and as it was measured here."""

    what: str
    outcome: Outcome
    paper: str
    here: str
    interval: str = ""  # of 95 %, about what `here` says; empty if it is counted or missing
    n: int | None = None  # the smaller number of seeds
    deciding: bool = True  # False: shown, but the verdict does not rest on it
    worse: str = ""  # the two nets compared, the one with the larger error in the paper first
    better: str = ""
    measure: Measure | None = None
    points: float | None = None  # error of `worse` minus that of `better`, as measured here


def compare(study: Study, measure: Measure, worse: str, better: str, paper: float, deciding: bool = True) -> Comparison:
    """Whether `worse` has the larger error, as the claim says."""
    samples = {net: measure.sample(study, net) for net in (worse, better)}
    found = compare_samples(
        study, f"{worse} − {better}, {measure.words}", {worse: 1, better: -1}, samples, paper, deciding
    )
    return replace(found, worse=worse, better=better, measure=measure)


def compare_gaps(
    study: Study, measure: Measure, larger: tuple[str, str], smaller: tuple[str, str], paper: float
) -> Comparison:
    """Whether the gap between one pair of nets is larger than that between another."""
    weights: dict[str, int] = {}  # a net may stand in both gaps
    for net, weight in [(larger[0], 1), (larger[1], -1), (smaller[0], -1), (smaller[1], 1)]:
        weights[net] = weights.get(net, 0) + weight
    what = f"({larger[0]} − {larger[1]}) − ({smaller[0]} − {smaller[1]}), {measure.words}"
    return compare_samples(study, what, weights, {net: measure.sample(study, net) for net in weights}, paper)


def compare_samples(
    study: Study, what: str, weights: dict[str, int], samples: dict[str, Sample | None], paper: float,
    deciding: bool = True,
) -> Comparison:  # fmt: skip
    """Whether the sum of weight x mean error is positive; a sample is None if its net was not run."""
    absent = [net for net, found in samples.items() if found is None]
    if absent:
        return Comparison(what, "missing", f"{paper:+.2f}", f"{' and '.join(absent)} not run", deciding=deciding)
    interval = combination([(weight, samples[net]) for net, weight in weights.items()])
    here = f"{interval.value:+.2f}"
    chance = [net for net in weights if (study.runs_of(net)["status"] == "chance").any()]
    if chance:
        here += f"; {' and '.join(chance)} no better than chance"
    n = min(found.n for found in samples.values())
    points = round(interval.value, 2)
    return Comparison(what, outcome(interval), f"{paper:+.2f}", here, in_words(interval), n, deciding, points=points)


def equal_cost(plain: str, residual: str, input_size: int, classes: int, paper: str) -> Comparison:
    """Whether two nets have the same parameters and multiply-adds, counted on the built nets."""
    theirs, ours = complexity(plain, input_size, classes), complexity(residual, input_size, classes)
    here = f"{ours.parameters:,} parameters, {ours.macs / 1e6:,.1f} M multiply-adds"
    if theirs != ours:
        here += f"; {plain}: {theirs.parameters:,}, {theirs.macs / 1e6:,.1f} M"
    return Comparison(f"{plain} = {residual}", "holds" if theirs == ours else "fails", paper, here)


def outcome(interval: Interval) -> Outcome:
    """Whether a difference that should be positive is."""
    if interval.low > 0:
        return "holds"
    return "fails" if interval.high < 0 else "open"


def in_words(interval: Interval) -> str:
    """The bounds of a difference, points of error."""
    return f"[{interval.low:+.2f}, {interval.high:+.2f}]"
