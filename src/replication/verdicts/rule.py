"""The rule by which a verdict is made. It is fixed before the runs that it judges: the page prints its hash.

A claim is a set of inequalities between errors of nets. Each is weighed as `Evidence`; `verdict` sums them up.

1. A net of fewer than three seeds decides nothing: its values are printed, and the verdict is *single seed*. One
   exception: where others have published how far seeds spread at the same schedule, data and protocol, their pooled
   variance with its degrees of freedom stands in, and the verdict is called *provisional*.
2. The variance of a net is the larger of its sample variance and the binomial e(100 - e)/images, so that no spread is
   ever zero. Student's t with Welch's degrees of freedom everywhere, for one net against a bound too.
3. *Supported*: every inequality that must hold does, at one-sided 2.5 %. *Contradicted*: one of the inequalities is
   reversed at one-sided 2.5 % after Holm's correction over all that are measured. Else *inconclusive*.
4. "Falls with depth" is one ordered-trend test (Jonckheere and Terpstra), and no step may be reversed. "Alike" is two
   one-sided tests (TOST) inside the stated band.
5. A net of which a seed did not learn decides nothing but the claims about not learning: leaving that seed out would
   be choosing.

Where these words leave freedom, `benchmarks/verdicts.py` decided, which counts false verdicts under equal nets. The
binomial is a lower bound of the published variance too, or one seed could tell more than three. A binomial variance is
given the n - 1 degrees of freedom of its net, not infinitely many. The trend test is corrected for continuity: without
it two nets of three seeds are "ordered" by chance in 5.0 % of cases, not in 2.5. An inequality that was not measured
leaves a claim open, but does not save it from one that is reversed: a counterexample suffices.

All works on arrays whose last axis is the seeds, so that the simulation weighs thousands of studies at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

LEVEL = 0.025  # of a one-sided test; an interval of 95 % has this much on either side
SEEDS = 3  # fewer say nothing of their spread

State = Literal["tested", "single seed", "chance"]
Outcome = Literal["supported", "contradicted", "inconclusive", "single seed", "chance", "not tested"]
Verdict = Literal["supported", "contradicted", "inconclusive", "single seed", "not tested"]
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    """A variance between seeds, in squared points, with its degrees of freedom."""

    variance: float
    freedom: int


def pooled(published: Sequence[tuple[float, int]]) -> Spread:
    """The pooled variance of several nets, each given as (standard deviation in points, seeds)."""
    freedom = sum(seeds - 1 for _, seeds in published)
    return Spread(sum((seeds - 1) * std**2 for std, seeds in published) / freedom, freedom)


@dataclass(frozen=True)
class Sample:
    """One value a seed of a net, in percent unless said otherwise; seeds are the last axis of `values`."""

    values: Array
    least: ArrayLike  # the variance of one value is no smaller: binomial, of images
    learned: bool = True  # False: a seed ended no better than chance
    published: Spread | None = None  # stands in for the spread of fewer than three seeds
    source: tuple[Any, ...] = ()  # where the values are from, for those who recount: see docs/verify.md
    sign: int = 1  # of the values: -1 where the larger value of the source is the better one

    @property
    def n(self) -> int:
        return self.values.shape[-1]

    @property
    def mean(self) -> Array:
        return self.values.mean(-1)

    @property
    def std(self) -> Array | None:
        """Sample standard deviation between seeds; None for one seed."""
        return self.values.std(-1, ddof=1) if self.n > 1 else None

    @property
    def variance(self) -> Array:
        """Of one value; nan where nothing is known of it."""
        if self.n >= SEEDS:
            return np.maximum(self.values.var(-1, ddof=1), self.least)
        return np.maximum(self.published.variance if self.published else np.nan, self.least)

    @property
    def state(self) -> State:
        if self.n < SEEDS and not self.published:
            return "single seed"
        return "tested" if self.learned else "chance"


def of_errors(errors: ArrayLike, images: int, learned: bool = True, published: Spread | None = None) -> Sample:
    """A sample of errors in percent, each over `images` images."""
    values = np.asarray(errors, dtype=float)
    share = np.clip(values.mean(-1), 100 / images, 100 - 100 / images)  # never quite 0 or 100 %
    return Sample(values, share * (100 - share) / images, learned, published)


@dataclass(frozen=True)
class Evidence:
    """What an inequality comes to: its value, the 95 % interval about it, and how far it is on the claim's side."""

    value: Array
    low: Array  # nan where there is no interval
    high: Array
    score: ArrayLike  # standard errors on the claim's side, negative on the other
    freedom: ArrayLike  # of Student's t
    n: int  # the smallest number of seeds; 0 if it is counted, not measured
    state: State = "tested"
    provisional: bool = False  # a published spread stood in
    test: tuple[Any, ...] = ()  # the function below, and its numbers
    samples: tuple[Sample, ...] = ()  # what it weighs

    @property
    def holds(self) -> Array:
        """One-sided p value for the claim."""
        return special.stdtr(self.freedom, -np.asarray(self.score))

    @property
    def reversed(self) -> Array:
        """One-sided p value against the claim."""
        return special.stdtr(self.freedom, np.asarray(self.score))


def counted(true: bool) -> Evidence:
    """An inequality between numbers that are counted: there is no chance in it."""
    return Evidence(
        *[np.asarray(np.nan)] * 3, score=np.inf if true else -np.inf, freedom=np.inf, n=0, test=("counted", true)
    )


def difference(terms: Sequence[tuple[float, Sample]], above: float = 0.0) -> Evidence:
    """Whether the sum of weight x mean is above a bound."""
    value, error, freedom = _contrast(terms)
    return _evidence("difference", terms, (above,), value, error, freedom, (value - above) / error)


def alike(terms: Sequence[tuple[float, Sample]], band: float) -> Evidence:
    """Whether the sum of weight x mean lies between -band and band: by two one-sided tests."""
    value, error, freedom = _contrast(terms)
    return _evidence("alike", terms, (band,), value, error, freedom, (band - np.abs(value)) / error)


def bound(sample: Sample, *, above: float | None = None, below: float | None = None) -> Evidence:
    """Whether a mean lies above, or below, a bound; value and interval are of the mean."""
    value, error, freedom = _contrast([(1, sample)])
    score = (value - above if below is None else below - value) / error
    limit = ("above", above) if below is None else ("below", below)
    return _evidence(limit[0], [(1, sample)], limit[1:], value, error, freedom, score)


def spread(sample: Sample, low: float, high: float) -> Evidence:
    """Whether the standard deviation between seeds lies between two: by two one-sided chi-square tests."""
    made = {"test": ("spread", (1,), low, high), "samples": (sample,)}
    if sample.n < SEEDS:
        nan = np.asarray(np.nan)
        return Evidence(nan, nan, nan, score=np.nan, freedom=np.nan, n=sample.n, state="single seed", **made)
    freedom, squares = sample.n - 1, (sample.n - 1) * sample.values.var(-1, ddof=1)
    not_above, not_below = special.chdtrc(freedom, squares / low**2), special.chdtr(freedom, squares / high**2)
    score = -special.ndtri(np.maximum(not_above, not_below))
    low_end, high_end = (np.sqrt(squares / special.chdtri(freedom, level)) for level in (LEVEL, 1 - LEVEL))
    return Evidence(sample.std, low_end, high_end, score, np.inf, sample.n, sample.state, **made)


def trend(samples: Sequence[Sample]) -> Evidence:
    """Whether errors fall from each net to the next, by the test of Jonckheere and Terpstra.

    The value is the share of pairs of runs of different nets that are in that order. Its variance is Kendall's, with
    ties: his S over tied groups is their statistic.
    """
    values = np.concatenate([sample.values for sample in samples], axis=-1)
    place = np.repeat(np.arange(len(samples)), [sample.n for sample in samples])
    above = values[..., :, None] > values[..., None, :]
    first = place[:, None] < place[None, :]
    s = (above & first).sum((-1, -2)) - (above & first.T).sum((-1, -2))
    size = values.shape[-1]
    in_group = np.array([sample.n for sample in samples], dtype=float)
    tied = (size - above.sum(-1) - above.sum(-2)).astype(float)  # how many values equal each, itself included
    group_pairs, tied_pairs = (in_group * (in_group - 1)).sum(), (tied - 1).sum(-1)
    group_triples, tied_triples = (in_group * (in_group - 1) * (in_group - 2)).sum(), ((tied - 1) * (tied - 2)).sum(-1)
    spent = (in_group * (in_group - 1) * (2 * in_group + 5)).sum() + ((tied - 1) * (2 * tied + 5)).sum(-1)
    variance = (size * (size - 1) * (2 * size + 5) - spent) / 18 + group_pairs * tied_pairs / (2 * size * (size - 1))
    if size > 2:
        variance = variance + group_triples * tied_triples / (9 * size * (size - 1) * (size - 2))
    score = np.sign(s) * np.maximum(np.abs(s) - 1, 0) / np.sqrt(np.maximum(variance, 1))
    terms = [(1, sample) for sample in samples]
    return _evidence("trend", terms, (), (s / first.sum() + 1) / 2, np.nan, np.inf, score)


def _contrast(terms: Sequence[tuple[float, Sample]]) -> tuple[Array, Array, Array]:
    """Sum of weight x mean, its standard error, and Welch's degrees of freedom."""
    value = sum(weight * sample.mean for weight, sample in terms)
    parts = [(weight**2 * sample.variance / sample.n, sample.n - 1) for weight, sample in terms if sample.n >= SEEDS]
    few = [(weight**2 * sample.variance / sample.n, sample.published) for weight, sample in terms if sample.n < SEEDS]
    if few:  # they share one estimate
        parts.append((sum(part for part, _ in few), few[0][1].freedom if few[0][1] else np.nan))
    variance = sum(part for part, _ in parts)
    return np.asarray(value), np.sqrt(variance), variance**2 / sum(part**2 / freedom for part, freedom in parts)


def _evidence(
    test: str, terms: Sequence[tuple[float, Sample]], limits: tuple[float, ...], value: Array, error: ArrayLike,
    freedom: ArrayLike, score: ArrayLike,
) -> Evidence:  # fmt: skip
    samples = tuple(sample for _, sample in terms)
    states, n = {sample.state for sample in samples}, min(sample.n for sample in samples)
    half = special.stdtrit(freedom, 1 - LEVEL) * error
    state = "single seed" if "single seed" in states else "chance" if "chance" in states else "tested"
    made = (test, tuple(weight for weight, _ in terms), *limits)
    is_provisional = state == "tested" and n < SEEDS
    return Evidence(value, value - half, value + half, score, freedom, n, state, is_provisional, made, samples)


def holm(p: Array) -> Array:
    """p values, along the first axis, corrected for being several (Holm 1979)."""
    order, count = np.argsort(p, axis=0), len(p)
    times = np.arange(count, 0, -1).reshape(-1, *[1] * (p.ndim - 1))
    corrected = np.minimum(np.maximum.accumulate(np.take_along_axis(p, order, axis=0) * times, axis=0), 1)
    return np.take_along_axis(corrected, np.argsort(order, axis=0), axis=0)


def decide(evidence: Sequence[Evidence]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which inequalities of a claim hold, and which are reversed after Holm's correction; one untested is neither.

    Those that are counted are no tests, and are not corrected for.
    """
    tested = [one.state == "tested" for one in evidence]
    holds, reversed_ = (
        np.stack(np.broadcast_arrays(*(p if is_tested else 1.0 for is_tested, p in zip(tested, values, strict=True))))
        for values in ([one.holds for one in evidence], [one.reversed for one in evidence])
    )
    if measured := [place for place, one in enumerate(evidence) if one.n]:
        reversed_[measured] = holm(reversed_[measured])
    return holds < LEVEL, reversed_ < LEVEL


def verdict(evidence: Sequence[Evidence | None], must: Sequence[bool]) -> tuple[Verdict, list[Outcome]]:
    """The verdict on a claim, and the outcome of each inequality; its evidence is None if it was not measured.

    Args:
        must: whether the claim needs the inequality to hold; if not, it may only not be reversed.
    """
    measured = [one for one in evidence if one]
    if not measured:
        return "not tested", ["not tested"] * len(evidence)
    decisions = iter(zip(measured, *decide(measured), strict=True))
    outcomes: list[Outcome] = ["not tested" if one is None else _outcome(*next(decisions)) for one in evidence]
    if "contradicted" in outcomes:
        return "contradicted", outcomes
    enough = [
        outcome == "supported" or (outcome == "inconclusive" and not need)
        for outcome, need in zip(outcomes, must, strict=True)
    ]
    if all(enough):
        return "supported", outcomes
    if not any(one.n for one in measured):
        return "not tested", outcomes  # what was counted alone does not test it
    return "single seed" if "single seed" in outcomes else "inconclusive", outcomes


def _outcome(evidence: Evidence, holds: bool, reversed_: bool) -> Outcome:
    if evidence.state != "tested":
        return evidence.state
    return "contradicted" if reversed_ else "supported" if holds else "inconclusive"
