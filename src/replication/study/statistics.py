"""Means, spreads, and when a difference is more than chance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy import stats

# One seed says nothing of the spread between seeds. Six published runs of one ResNet-56 (7.4, 7.29, 7.4, 6.89, 8.42,
# 7.95 %: issue 18 of akamaster/pytorch_resnet_cifar10) spread by 7 % of their mean; the paper's five of ResNet-110 by
# 2 %. Below three seeds we assume the larger.
ASSUMED_SPREAD = 0.07
SEEDS_FOR_OWN_SPREAD = 3
LEVEL = 0.95


@dataclass(frozen=True)
class Sample:
    """Errors in percent of n seeds, each over `images` images."""

    values: tuple[float, ...]
    images: int

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
        return ((ASSUMED_SPREAD * self.mean) ** 2 + share * (100 - share) / self.images) / self.n


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % interval, points of error."""

    value: float
    low: float
    high: float


def difference(a: Sample, b: Sample) -> Interval:
    """mean(a) - mean(b), with Welch's interval where both have three seeds or more, else the normal one."""
    variances = (a.variance_of_mean, b.variance_of_mean)
    half = math.sqrt(sum(variances))
    if min(a.n, b.n) >= SEEDS_FOR_OWN_SPREAD and half > 0:
        freedom = sum(variances) ** 2 / sum(v**2 / (s.n - 1) for v, s in zip(variances, (a, b), strict=True))
        half *= stats.t.ppf((1 + LEVEL) / 2, freedom)
    else:
        half *= stats.norm.ppf((1 + LEVEL) / 2)
    return Interval(a.mean - b.mean, a.mean - b.mean - half, a.mean - b.mean + half)


def above(a: Sample, bound: float) -> Interval:
    """mean(a) - bound, with its 95 % interval."""
    half = math.sqrt(a.variance_of_mean) * stats.norm.ppf((1 + LEVEL) / 2)
    return Interval(a.mean - bound, a.mean - bound - half, a.mean - bound + half)


def sample(values: Sequence[float], images: int) -> Sample:
    """A sample from any sequence of errors."""
    return Sample(tuple(float(v) for v in values), images)
