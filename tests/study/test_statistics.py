"""When a difference counts, on cases that can be worked out by hand."""

import math

import pytest
from scipy import stats

from replication.study.statistics import ASSUMED_SPREAD, above, combination, difference, sample


def test_mean_and_sample_standard_deviation() -> None:
    seeds = sample([6.0, 7.0, 8.0], 10_000, "cifar10")
    assert (seeds.n, seeds.mean, seeds.std) == (3, 7.0, 1.0)
    assert sample([7.0], 10_000, "cifar10").std is None


def test_three_seeds_give_welchs_interval() -> None:
    a, b = [23.1, 22.4, 24.0, 23.5], [21.0, 21.9, 20.6]
    ours = difference(sample(a, 10_000, "cifar10"), sample(b, 10_000, "cifar10"))
    theirs = stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))
    assert ours.value == pytest.approx(23.25 - 21.1667, abs=1e-3)


def test_one_seed_is_given_the_assumed_spread_and_the_chance_in_drawing_images() -> None:
    a, b = sample([66.0], 360, "cifar10"), sample([2.0], 360, "cifar10")
    variance = sum((ASSUMED_SPREAD["cifar10"] * e) ** 2 + e * (100 - e) / 360 for e in (66.0, 2.0))
    interval = difference(a, b)
    assert interval.value == 64
    assert interval.high - interval.value == pytest.approx(1.959964 * math.sqrt(variance))
    assert interval.low > 0, "degradation as large as this is no chance, even with one seed"


def test_two_seeds_are_too_few_for_a_spread_of_their_own() -> None:
    same = sample([7.0, 7.0], 10_000, "cifar10")
    assert same.variance_of_mean > 0


def test_the_papers_44_and_56_layers_cannot_be_told_apart_with_one_seed() -> None:
    interval = difference(sample([7.17], 10_000, "cifar10"), sample([6.97], 10_000, "cifar10"))
    assert interval.low < 0 < interval.high


def test_no_error_at_all_still_has_an_interval() -> None:
    interval = difference(sample([0.0], 360, "cifar10"), sample([0.0], 360, "cifar10"))
    assert interval.low < 0 < interval.high


def test_above_a_bound() -> None:
    assert above(sample([75.0], 10_000, "cifar10"), 60).low > 0
    assert above(sample([62.0], 10_000, "cifar10"), 60).low < 0


def test_one_seed_of_imagenet_is_given_a_smaller_spread_than_one_of_cifar() -> None:
    large, small = sample([30.0], 50_000, "imagenet"), sample([30.0], 50_000, "cifar10")
    assert large.variance_of_mean == pytest.approx(0.3**2 + 30 * 70 / 50_000)
    assert large.variance_of_mean < small.variance_of_mean


def test_a_gap_of_gaps_adds_all_four_variances() -> None:
    errors = [28.54, 25.03, 27.94, 27.88]
    terms = [(weight, sample([e], 50_000, "imagenet")) for weight, e in zip((1, -1, -1, 1), errors, strict=True)]
    interval = combination(terms)
    assert interval.value == pytest.approx(3.45)
    variance = sum((0.01 * e) ** 2 + e * (100 - e) / 50_000 for e in errors)
    assert interval.high - interval.value == pytest.approx(1.959964 * math.sqrt(variance))


def test_a_net_that_stands_in_both_gaps_counts_twice() -> None:
    a, b, c = (sample([e - d, e, e + d], 10_000, "cifar10") for e, d in ((9.0, 0.3), (7.0, 0.2), (6.0, 0.1)))
    interval = combination([(1, a), (-2, b), (1, c)])
    variances = [0.3**2 / 3, 4 * 0.2**2 / 3, 0.1**2 / 3]
    freedom = sum(variances) ** 2 / sum(v**2 / 2 for v in variances)
    assert interval.value == pytest.approx(1.0)
    assert interval.high - 1.0 == pytest.approx(math.sqrt(sum(variances)) * stats.t.ppf(0.975, freedom))
