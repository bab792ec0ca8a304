"""Means, spreads, and when a difference is more than chance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

# One seed says nothing of the spread between seeds, so below three seeds we assume one, as a share of the error.
# Small data sets: six published runs of one ResNet-56 (7.4, 7.29, 7.4, 6.89, 8.42, 7.95 %: issue 18 of
# akamaster/pytorch_resnet_cifar10) spread by 7 % of their mean; the paper's five of ResNet-110 by 2 %. The larger is
# taken. ImageNet: two sets of three published ResNet-50 runs (accuracy 77.89, 77.92, 77.92 and 77.79, 77.80, 77.82 %:
# pull request 1 of tgilewicz/uniformaugment) spread by 0.1 % of their error. Ten times that is taken.
ASSUMED_SPREAD = {"digits": 0.07, "cifar10": 0.07, "tiny_imagenet": 0.01, "imagenet": 0.01}
SEEDS_FOR_OWN_SPREAD = 3
LEVEL = 0.95


@dataclass(frozen=True)
class Sample:
    """Errors in percent of n seeds, each over `images` images."""

    values: tuple[float, ...]
    images: int
    assumed_spread: float

    @property
    def n(self) -> int:
        return len(self.values)

    @property
    def mean(self) -> float:
        return sum(self.values) / self.n

    @property
    def std(self) -> float | None:
        """Sample standard deviation between seeds; None for one seed."""
        return math.sqrt(sum((v - self.mean) ** 2 for v in self.values) / (self.n - 1)) if self.n > 1 else None

    @property
    def variance_of_mean(self) -> float:
        """From their own spread with three seeds or more; else the assumed spread and the chance in drawing images."""
        if self.n >= SEEDS_FOR_OWN_SPREAD:
            return self.std**2 / self.n
        share = min(max(self.mean, 100 / self.images), 100 - 100 / self.images)  # never quite 0 or 100 %
        return ((self.assumed_spread * self.mean) ** 2 + share * (100 - share) / self.images) / self.n


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % interval, points of error."""

    value: float
    low: float
    high: float


def difference(a: Sample, b: Sample) -> Interval:
    """mean(a) - mean(b), with its 95 % interval."""
    return combination([(1, a), (-1, b)])


def combination(terms: Sequence[tuple[int, Sample]]) -> Interval:
    """Sum of weight x mean, with Welch's interval where all have three seeds or more, else the normal one."""
    value = sum(weight * sample.mean for weight, sample in terms)
    variances = [weight**2 * sample.variance_of_mean for weight, sample in terms]
    half = math.sqrt(sum(variances))
    if all(sample.n >= SEEDS_FOR_OWN_SPREAD for _, sample in terms) and half > 0:
        spent = sum(v**2 / (sample.n - 1) for v, (_, sample) in zip(variances, terms, strict=True))
        half *= stats.t.ppf((1 + LEVEL) / 2, sum(variances) ** 2 / spent)
    else:
        half *= stats.norm.ppf((1 + LEVEL) / 2)
    return Interval(value, value - half, value + half)


def above(a: Sample, bound: float) -> Interval:
    """mean(a) - bound, with its 95 % interval."""
    half = math.sqrt(a.variance_of_mean) * stats.norm.ppf((1 + LEVEL) / 2)
    return Interval(a.mean - bound, a.mean - bound - half, a.mean - bound + half)


def sample(values: Sequence[float], images: int, dataset: str) -> Sample:
    """A sample from any sequence of errors on a data set."""
    return Sample(tuple(float(v) for v in values), images, ASSUMED_SPREAD[dataset])
