"""What the rule of verdicts does with a fixed grid of samples: its digest dates the rule.

The digest has verdicts, outcomes and numbers rounded to six places. It has no source text and no word of a verdict, so
that the rule may be reworded.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from types import ModuleType
from typing import Any, get_args

import numpy as np

PLACES = 6
SHAPE = (-1.0, 1.0, 0.2, -0.4, 0.7)  # of the seeds of a net about its mean; the first n are taken
MEANS, COUNTS, SPREADS, IMAGES = (0.0, 7.0, 60.0, 100.0), (1, 2, 3, 4, 5), (0.0, 0.15, 0.6), (360, 10_000)
GAPS = (-9.0, -1.5, -0.7, -0.4, -0.2, 0.0, 0.2, 0.4, 0.7, 1.5, 9.0)  # points between two nets
OTHERS = ((0.16, 5), (0.3, 4), (0.22, 2))  # a published spread: (standard deviation, seeds)


def digest(rule: ModuleType, published: Sequence[Sequence[tuple[float, int]]]) -> str:
    """Twelve digits of what a rule does; `published` are the spreads that others measured and that it may borrow."""
    rows = [[_number(value) for value in row] for row in _behaviour(rule, published)]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:12]


def _number(value: Any) -> float | str:
    """Rounded, so that the last bits of a processor do not count; "nan" and "inf" as text."""
    rounded = round(float(value), PLACES) + 0.0  # no -0.0
    return rounded if np.isfinite(rounded) else str(rounded)


def _behaviour(rule: ModuleType, published: Sequence[Sequence[tuple[float, int]]]) -> Iterator[list[Any]]:
    spreads = [rule.pooled(stds) for stds in (*published, OTHERS) if stds]
    for spread in spreads:
        yield [spread.variance, spread.freedom]
    for mean, n, std, images, learned, spread in product(
        MEANS, COUNTS, SPREADS, IMAGES, (True, False), (None, spreads[-1])
    ):
        yield _describe_sample(rule, _sample(rule, mean, n, std, images, learned, spread))
    evidence = list(_evidence(rule, spreads[-1]))
    for one in evidence:
        yield _describe_evidence(rule, one)
    for p in _p_values():
        yield list(rule.holm(np.array(p)).ravel())
    for members, must in _claims(rule, evidence):
        verdict, outcomes = rule.verdict(members, must)
        yield [
            get_args(rule.Verdict).index(verdict),
            *(get_args(rule.Outcome).index(outcome) for outcome in outcomes),
        ]


def _sample(
    rule: ModuleType, mean: float, n: int, std: float = 0.15, images: int = 10_000, learned: bool = True,
    published: Any = None,
) -> Any:  # fmt: skip
    values = np.clip(mean + std * np.array(SHAPE[:n]), 0, 100)
    return rule.of_errors(values, images, learned, published)


def _describe_sample(rule: ModuleType, sample: Any) -> list[Any]:
    std = np.nan if sample.std is None else sample.std
    return [sample.n, sample.mean, std, sample.variance, get_args(rule.State).index(sample.state)]


def _describe_evidence(rule: ModuleType, one: Any) -> list[Any]:
    numbers = [one.value, one.low, one.high, one.score, one.freedom, one.holds, one.reversed]
    return [*numbers, one.n, one.provisional, get_args(rule.State).index(one.state)]


def _evidence(rule: ModuleType, published: Any) -> Iterator[Any]:
    """All kinds of inequalities, from clearly reversed to clearly fulfilled."""
    yield from (rule.counted(True), rule.counted(False))
    for gap, (n, m), learned, borrowed in product(
        GAPS, ((3, 3), (3, 5), (1, 3), (2, 2), (1, 1)), (True, False), (None, published)
    ):
        a, b = (
            _sample(rule, 8 + gap, n, 0.25, published=borrowed),
            _sample(rule, 8, m, learned=learned, published=borrowed),
        )
        yield rule.difference([(1, a), (-1, b)])
        yield rule.difference([(1, a), (-1, b)], above=-0.5)
        yield rule.difference([(1, a), (-2, b), (1, _sample(rule, 7, 4, published=borrowed))])
        yield rule.alike([(1, a), (-1, b)], 0.5)
        yield rule.alike([(1, a), (-1, b)], 2.0)
        yield rule.bound(a, above=8.3)
        yield rule.bound(a, below=8.3)
        yield rule.trend([a, b])
        yield rule.trend([_sample(rule, 9, 1, published=borrowed), a, b, _sample(rule, 6.5, m, published=borrowed)])
    for n, std, learned in product(COUNTS, (0.02, 0.15, 0.3, 2.0), (True, False)):
        yield rule.spread(_sample(rule, 7, n, std, learned=learned), 0.1, 0.4)
    for values in ([[7, 7, 7]] * 3, [[9, 8, 8], [8, 7, 7], [7, 6, 8]], [[1, 2], [3, 4]], [[5], [4]], [[4], [4]]):
        yield rule.trend([rule.of_errors(seeds, 10_000, True, published) for seeds in values])


def _p_values() -> list[list[Any]]:
    return [
        [0.02],
        [0.01, 0.04, 0.03, 0.005],
        [0.012, 0.013],
        [0.008, 0.6, 0.024],
        [0.5, 0.5, 0.9],
        [0.006] * 4,
        [[0.01, 0.5], [0.04, 0.02]],
    ]


def _claims(rule: ModuleType, evidence: Sequence[Any]) -> Iterator[tuple[list[Any], list[bool]]]:
    """Claims of one to five inequalities; a few are not measured, or need not hold."""
    for one in evidence:
        yield [one], [True]
    palette = [None, *evidence[:: max(1, len(evidence) // 24)]]
    for pair in product(palette, palette):
        yield list(pair), [True, True]
        yield list(pair), [False, True]
    near = [
        rule.difference([(1, _sample(rule, 8 + gap, 3)), (-1, _sample(rule, 8, 3))]) for gap in np.arange(-1, 1, 0.04)
    ]
    for (one, two), count in product(pairwise(near), (1, 2, 4)):
        yield [one, *[two] * count], [True] * (1 + count)
        yield [one, *[near[25]] * count], [True] * (1 + count)
        yield [one, *[rule.counted(True)] * count], [True] * (1 + count)
