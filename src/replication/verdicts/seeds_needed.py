"""How many seeds would settle an inconclusive inequality."""

from dataclasses import replace

import numpy as np
from scipy import special

from replication.verdicts.comparisons import Comparison
from replication.verdicts.rule import LEVEL, SEEDS, Array, Sample

POWER = 0.8  # share of such studies that would settle it, if means and spreads are as measured
MAX_SEEDS = 300  # seeds; more are reported as "more than 300"


def seeds_to_settle(comparison: Comparison) -> int | None:
    """Seeds a net that would settle an inequality, one way or the other, at the measured means and spreads.

    The rule itself weighs made-up samples. So many seeds settle it with `POWER` if the score exceeds the quantile of
    the level by the quantile of the power. None: more than `MAX_SEEDS`.
    """
    low, high = SEEDS - 1, MAX_SEEDS + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _settles(comparison, middle) else (middle, high)
    return high if high <= MAX_SEEDS else None


def make_typical_values(mean: float, std: float, seeds: int) -> Array:
    """Made-up values with exactly this mean and standard deviation, spread like the quantiles of a normal."""
    quantiles = special.ndtri((np.arange(seeds) + 0.5) / seeds)
    return mean + std * (quantiles / quantiles.std(ddof=1) if seeds > 1 else quantiles)


def _settles(comparison: Comparison, seeds: int) -> bool:
    evidence = comparison.weigh({name: _resize(sample, seeds) for name, sample in comparison.samples.items()})
    needed = special.stdtrit(evidence.freedom, 1 - LEVEL) + special.stdtrit(evidence.freedom, POWER)
    return bool(abs(evidence.score) >= needed)


def _resize(sample: Sample, seeds: int) -> Sample:
    """A made-up sample of so many seeds with the mean and the spread of this one."""
    std = sample.std if sample.n >= SEEDS else np.sqrt(sample.published.variance)
    return replace(sample, values=make_typical_values(float(sample.mean), float(std), seeds), published=None)
