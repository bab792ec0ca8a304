"""Inequalities between measured errors: what a claim rests on."""

from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from replication.nets.complexity import complexity
from replication.study.results import END_OF_TRAINING, Study
from replication.study.statistics import Interval, Sample, combination, sample

Outcome = Literal["holds", "fails", "open", "missing"]


@dataclass(frozen=True)
class Comparison:
    """One inequality that a claim rests on, as the paper has it and as it was measured here."""

    what: str
    outcome: Outcome
    paper: str
    here: str
    n: int | None = None  # the smaller number of seeds
    deciding: bool = True  # False: shown, but the verdict does not rest on it
    worse: str = ""  # the two nets compared, the one with the larger error in the paper first
    better: str = ""
    kind: str = ""  # of the `Measure` compared
    points: float | None = None  # error of `worse` minus that of `better`, as measured here


@dataclass(frozen=True)
class Measure:
    """An error of a net: "test" and "train" as in runs.csv, or a protocol of evaluations.csv with its metric."""

    name: str
    kind: str
    metric: str = "top1_error"

    def values(self, study: Study, net: str) -> pd.Series:
        """One value a seed, in percent; empty if the net was not run."""
        if self.kind in ("test", "train"):
            return errors_of(study, net, self.kind)
        rows = study.evaluations
        return rows.loc[(rows["net"] == net) & (rows["protocol"] == self.kind), self.metric]

    def images(self, study: Study, net: str) -> int:
        """Images behind one value: the test set, or the training images of the end of the schedule."""
        row = study.runs[study.runs["net"] == net].iloc[0]
        if self.kind == "train":
            return int(row["iterations"] * row["batch_size"] * END_OF_TRAINING)
        return int(row["test_images"])

    def sample(self, study: Study, net: str) -> Sample | None:
        """The errors of a net's seeds, None if it was not run."""
        values = self.values(study, net)
        return None if values.empty else sample(values, self.images(study, net), study.dataset)


TEST, TRAIN = Measure("test error", "test"), Measure("training error", "train")


def errors_of(study: Study, net: str, split: str) -> pd.Series:
    """Errors of a net's seeds in percent: `split` is "test" (last iteration) or "train" (end of the schedule)."""
    return study.runs.loc[study.runs["net"] == net, f"{split}_error"]


def compare(study: Study, measure: Measure, worse: str, better: str, paper: float, deciding: bool = True) -> Comparison:
    """Whether `worse` has the larger error, as the claim says."""
    samples = {net: measure.sample(study, net) for net in (worse, better)}
    found = compare_samples(
        study, f"{worse} − {better}, {measure.name}", {worse: 1, better: -1}, samples, paper, deciding
    )
    return replace(found, worse=worse, better=better, kind=measure.kind)


def compare_gaps(
    study: Study, measure: Measure, larger: tuple[str, str], smaller: tuple[str, str], paper: float
) -> Comparison:
    """Whether the gap between one pair of nets is larger than that between another."""
    weights: dict[str, int] = {}  # a net may stand in both gaps
    for net, weight in [(larger[0], 1), (larger[1], -1), (smaller[0], -1), (smaller[1], 1)]:
        weights[net] = weights.get(net, 0) + weight
    what = f"({larger[0]} − {larger[1]}) − ({smaller[0]} − {smaller[1]}), {measure.name}"
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
    here = f"{interval.value:+.2f} [{interval.low:+.2f}, {interval.high:+.2f}]"
    diverged = [net for net in weights if (study.runs.loc[study.runs["net"] == net, "status"] == "diverged").any()]
    if diverged:
        here += f"; {' and '.join(diverged)} no better than chance"
    n = min(found.n for found in samples.values())
    return Comparison(what, outcome(interval), f"{paper:+.2f}", here, n, deciding, points=round(interval.value, 2))


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
