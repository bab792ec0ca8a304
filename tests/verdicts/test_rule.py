"""The rule of verdicts, against scipy's tests and cases that can be worked out by hand."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from replication.paper import published_spread
from replication.verdicts import rule
from replication.verdicts.rule import Evidence, Sample

MANY = 10**9  # images: the chance of drawing them is nothing
PUBLISHED = rule.pooled(published_spread("cifar", "single_view", "top1_error"))
A, B = [23.1, 22.4, 24.0, 23.5], [21.0, 21.9, 20.6]


def errors(*values: float, images: int = MANY, **options: object) -> Sample:
    return rule.of_errors(values, images, **options)


def minus(a: Sample, b: Sample, above: float = 0.0) -> Evidence:
    return rule.difference([(1, a), (-1, b)], above)


# --- samples


def test_mean_and_sample_standard_deviation() -> None:
    seeds = errors(6.0, 7.0, 8.0)
    assert (seeds.n, seeds.mean, seeds.std) == (3, 7.0, 1.0)
    assert errors(7.0).std is None


def test_the_variance_is_the_larger_of_that_of_seeds_and_that_of_drawing_images() -> None:
    assert errors(6.0, 7.0, 8.0, images=10_000).variance == 1.0
    assert errors(6.9, 7.0, 7.1, images=10_000).variance == pytest.approx(7 * 93 / 10_000)
    assert errors(6.9, 7.0, 7.1).variance == pytest.approx(0.01)


@pytest.mark.parametrize("error", [0.0, 7.0, 100.0])
def test_seeds_that_do_not_spread_still_have_an_interval(error: float) -> None:
    found = minus(errors(error, error, error, images=360), errors(error, error, error, images=360))
    assert found.low < 0 < found.high


# --- differences and bounds


def test_three_seeds_give_welchs_interval_and_p_values() -> None:
    ours, theirs = minus(errors(*A), errors(*B)), stats.ttest_ind(A, B, equal_var=False)
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs.confidence_interval(0.95)))
    assert ours.holds == pytest.approx(stats.ttest_ind(A, B, equal_var=False, alternative="greater").pvalue)
    assert ours.reversed == pytest.approx(stats.ttest_ind(A, B, equal_var=False, alternative="less").pvalue)
    shifted = stats.ttest_ind(np.array(A) + 0.5, B, equal_var=False, alternative="greater").pvalue
    assert minus(errors(*A), errors(*B), above=-0.5).holds == pytest.approx(shifted)


def test_a_bound_is_met_by_students_t_and_not_by_a_normal() -> None:
    values = (60.2, 60.9, 60.5)
    found, t = rule.bound(errors(*values), above=60), stats.ttest_1samp(values, 60, alternative="greater")
    assert found.holds == pytest.approx(t.pvalue)
    assert found.holds > rule.LEVEL, "by a normal it would hold"
    assert found.low < 60 < found.value < found.high, "the interval is about the mean"
    assert rule.bound(errors(*values), below=60).reversed == pytest.approx(found.holds)


def test_a_net_that_stands_in_both_gaps_counts_twice() -> None:
    a, b, c = (errors(e - d, e, e + d) for e, d in ((9.0, 0.3), (7.0, 0.2), (6.0, 0.1)))
    found = rule.difference([(1, a), (-2, b), (1, c)])
    variances = [0.3**2 / 3, 4 * 0.2**2 / 3, 0.1**2 / 3]
    freedom = sum(variances) ** 2 / sum(v**2 / 2 for v in variances)
    assert found.value == pytest.approx(1.0)
    assert found.high - 1.0 == pytest.approx(math.sqrt(sum(variances)) * stats.t.ppf(0.975, freedom))


# --- too few seeds


@pytest.mark.parametrize("few", [(9.0,), (9.0, 9.1)])
def test_fewer_than_three_seeds_of_any_net_decide_nothing(few: tuple[float, ...]) -> None:
    found = minus(errors(*few), errors(*B))
    assert (found.state, found.n, found.provisional) == ("single seed", len(few), False)
    assert np.isnan(found.low) and found.value == pytest.approx(np.mean(few) - np.mean(B))
    assert rule.verdict([found], [True]) == ("single seed", ["single seed"])


def test_the_published_spread_is_that_of_five_seeds_of_five_nets() -> None:
    assert math.sqrt(PUBLISHED.variance) == pytest.approx(0.213, abs=0.001)
    assert PUBLISHED.freedom == 20
    assert published_spread("cifar", "training", "top1_error") == [], "nobody has published that"
    assert published_spread("imagenet", "ten_crop", "top1_error") == []


def test_a_published_spread_stands_in_once_for_all_nets_that_borrow_it() -> None:
    a, b = errors(9.0, published=PUBLISHED), errors(8.0, published=PUBLISHED)
    found = minus(a, b)
    assert found.provisional and found.freedom == pytest.approx(20), "one estimate, not two"
    assert found.high - 1.0 == pytest.approx(stats.t.ppf(0.975, 20) * math.sqrt(2 * PUBLISHED.variance))


def test_seeds_of_its_own_come_before_a_published_spread() -> None:
    own = errors(*A, published=PUBLISHED)
    assert own.variance == pytest.approx(np.var(A, ddof=1))
    assert not minus(own, errors(*B)).provisional
    mixed = minus(own, errors(8.0, published=PUBLISHED))
    parts = [(np.var(A, ddof=1) / 4, 3), (PUBLISHED.variance, 20)]
    assert mixed.provisional
    assert mixed.freedom == pytest.approx(sum(v for v, _ in parts) ** 2 / sum(v**2 / f for v, f in parts))


def test_a_borrowed_spread_is_no_less_than_that_of_drawing_images() -> None:
    assert errors(7.0, images=10_000, published=PUBLISHED).variance == pytest.approx(7 * 93 / 10_000)


# --- alike, spread, trend


@pytest.mark.parametrize("band", [0.5, 2.0, 4.0])
def test_alike_is_two_one_sided_tests(band: float) -> None:
    found = rule.alike([(1, errors(*A)), (-1, errors(*B))], band)
    sides = [
        stats.ttest_ind(np.array(A) - shift, B, equal_var=False, alternative=side).pvalue
        for shift, side in ((band, "less"), (-band, "greater"))
    ]
    assert found.holds == pytest.approx(max(sides))
    inside = max(abs(found.low), abs(found.high)) < band
    assert (found.holds < rule.LEVEL) == inside
    assert (found.reversed < rule.LEVEL) == (found.low > band)


def test_a_spread_is_tested_by_chi_square_on_both_sides() -> None:
    values = (6.4, 6.5, 6.6, 6.7, 6.8)
    found, squares = rule.spread(errors(*values), 0.08, 0.32), 4 * np.var(values, ddof=1)
    assert found.holds == pytest.approx(max(stats.chi2.sf(squares / 0.08**2, 4), stats.chi2.cdf(squares / 0.32**2, 4)))
    assert (found.low, found.high) == pytest.approx(tuple(np.sqrt(squares / stats.chi2.ppf([0.975, 0.025], 4))))
    assert rule.spread(errors(6.0, 8.0, 10.0), 0.08, 0.32).reversed < rule.LEVEL
    assert rule.spread(errors(6.4, 6.5, published=PUBLISHED), 0.08, 0.32).state == "single seed", (
        "it is about seeds' own"
    )


@pytest.mark.parametrize("rounded", [False, True])
def test_the_trend_test_has_kendalls_variance_and_a_correction_for_continuity(rounded: bool) -> None:
    values = np.random.default_rng(1).normal(8, 1, (4, 3)) - np.arange(4)[:, None]
    values = values.round() if rounded else values
    found = rule.trend([errors(*of) for of in values])
    kendall = stats.kendalltau(np.repeat(np.arange(4), 3), -values.ravel(), method="asymptotic", alternative="greater")
    pairs = [(a, b) for i, j in itertools.combinations(range(4), 2) for a in values[i] for b in values[j]]
    s = sum(int(a > b) - int(a < b) for a, b in pairs)
    assert found.score == pytest.approx(stats.norm.isf(kendall.pvalue) * (s - 1) / s)
    assert found.value == pytest.approx((s / len(pairs) + 1) / 2)


@pytest.mark.parametrize("sizes", [(3, 3), (1, 1, 1, 1), (2, 2, 2), (1, 1, 1, 1, 1)])
def test_a_perfect_order_counts_if_it_is_rare_among_all_orders(sizes: tuple[int, ...]) -> None:
    values = iter(range(sum(sizes), 0, -1))
    found = rule.trend([errors(*itertools.islice(values, size), published=PUBLISHED) for size in sizes])
    orders = math.factorial(sum(sizes)) / math.prod(map(math.factorial, sizes))
    assert found.value == 1
    assert (found.holds < rule.LEVEL) == (1 / orders < rule.LEVEL)


def test_equal_errors_have_no_trend() -> None:
    found = rule.trend([errors(7.0, 7.0, 7.0)] * 3)
    assert (found.value, found.score) == (0.5, 0)


# --- several inequalities


def test_holms_correction() -> None:
    assert rule.holm(np.array([0.01, 0.04, 0.03, 0.005])) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert rule.holm(np.array([[0.01, 0.5], [0.04, 0.02]])) == pytest.approx(np.array([[0.02, 0.5], [0.04, 0.04]]))


HOLDS, OPEN, REVERSED = (minus(errors(9, 9.1, 9.2), errors(*(9.1 + d - x for x in (0.1, 0, -0.1)))) for d in (-2, 0, 2))
FEW, CHANCE = minus(errors(9.0), errors(8.0)), minus(errors(90, 90, 90, learned=False), errors(8.0, 8.1, 8.2))
COUNTED, MISCOUNTED = rule.counted(True), rule.counted(False)


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [
        ([HOLDS, HOLDS], "supported"),
        ([HOLDS, OPEN], "inconclusive"),
        ([HOLDS, REVERSED], "contradicted"),
        ([HOLDS, None], "inconclusive"),
        ([REVERSED, None], "contradicted"),
        ([HOLDS, FEW], "single seed"),
        ([REVERSED, FEW], "contradicted"),
        ([HOLDS, CHANCE], "inconclusive"),
        ([CHANCE, CHANCE], "inconclusive"),
        ([None, None], "not tested"),
        ([None, COUNTED], "not tested"),
        ([None, MISCOUNTED], "contradicted"),
        ([COUNTED, COUNTED], "supported"),
        ([HOLDS, COUNTED], "supported"),
    ],
)
def test_each_verdict_follows_from_its_inequalities(evidence: list[Evidence | None], verdict: str) -> None:
    assert rule.verdict(evidence, [True] * len(evidence))[0] == verdict


def test_a_guard_need_not_hold_but_may_not_be_reversed() -> None:
    assert rule.verdict([HOLDS, OPEN], [True, False]) == ("supported", ["supported", "inconclusive"])
    assert rule.verdict([HOLDS, REVERSED], [True, False]) == ("contradicted", ["supported", "contradicted"])
    assert rule.verdict([HOLDS, None], [True, False])[0] == "inconclusive"
    assert rule.verdict([HOLDS, CHANCE], [True, False])[0] == "inconclusive"


def test_one_of_many_is_reversed_only_if_it_would_be_among_as_many() -> None:
    slightly = minus(errors(9.0, 9.2, 9.4), errors(9.55, 9.75, 9.95))
    assert rule.LEVEL / 4 < slightly.reversed < rule.LEVEL
    assert rule.verdict([slightly], [True])[0] == "contradicted"
    assert rule.verdict([slightly, *[OPEN] * 3], [True] * 4)[0] == "inconclusive"
    assert rule.verdict([slightly, *[COUNTED] * 3], [True] * 4)[0] == "contradicted", "counting is no test"


def test_thousands_of_studies_are_weighed_as_one() -> None:
    random = np.random.default_rng(0)
    many = random.normal(8, 1, (2, 50, 4))
    together = minus(*(rule.of_errors(values, 10_000) for values in many))
    trends = rule.trend([rule.of_errors(values, 10_000) for values in many])
    for study in range(50):
        a, b = (errors(*values[study], images=10_000) for values in many)
        assert together.holds[study] == pytest.approx(minus(a, b).holds)
        assert trends.score[study] == pytest.approx(rule.trend([a, b]).score)
