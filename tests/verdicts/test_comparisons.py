"""A comparison names the worse net first, whatever the direction of its metric."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from replication.tasks import Metric
from replication.verdicts import rule
from replication.verdicts.comparisons import (
    Comparison,
    Measure,
    compare,
    compare_alike,
    compare_bound,
    compare_gaps,
    compare_not_better,
    compare_trend,
)
from replication.verdicts.rule import verdict
from replication.verdicts.seeds_needed import seeds_to_settle

ERROR = Measure("miss rate", "dense", Metric("miss_rate", "miss rate"))
PRECISION = Measure("mAP", "dense", Metric("map", "mAP", better="higher"))
ERRORS = {"bad": (9.0, 9.2, 9.1), "fair": (8.0, 8.3, 8.1), "good": (7.0, 7.1, 7.3), "near": (7.1, 7.2, 7.0)}

Compare = Callable[[SimpleNamespace, Measure], Comparison]


def sample(net: str, protocol: str, metric: str) -> rule.Sample:
    """The same nets by both metrics: mAP is 100 less the miss rate."""
    errors = ERRORS[net]
    return rule.of_errors(errors if metric == "miss_rate" else [100 - error for error in errors], 10_000)


STUDY = SimpleNamespace(sample=sample)


@pytest.mark.parametrize(
    ("comparison", "expected"),
    [
        (lambda study, measure: compare(study, measure, "bad", "good", 2.0), "supported"),
        (lambda study, measure: compare(study, measure, "good", "bad", 2.0), "contradicted"),
        (lambda study, measure: compare(study, measure, "near", "good", 0.1), "inconclusive"),
        (lambda study, measure: compare_gaps(study, measure, ("bad", "good"), ("fair", "good"), 1.0), "supported"),
        (lambda study, measure: compare_gaps(study, measure, ("fair", "good"), ("bad", "good"), 1.0), "contradicted"),
        (lambda study, measure: compare_trend(study, measure, ["bad", "fair", "good"]), "supported"),
        (lambda study, measure: compare_trend(study, measure, ["good", "fair", "bad"]), "contradicted"),
        (lambda study, measure: compare_not_better(study, measure, "near", "good", 0.8), "supported"),
        (lambda study, measure: compare_not_better(study, measure, "good", "bad", 0.8), "contradicted"),
        (lambda study, measure: compare_alike(study, measure, "near", "good", 0.8, "similar"), "supported"),
    ],
)
def test_mirrored_numbers_of_a_metric_that_is_better_when_higher_have_the_same_verdict(
    comparison: Compare, expected: str
) -> None:
    lower, higher = comparison(STUDY, ERROR), comparison(STUDY, PRECISION)
    for one in (lower, higher):
        assert verdict([one.evidence], [True])[0] == expected
    assert float(abs(lower.evidence.value)) == pytest.approx(float(abs(higher.evidence.value)))
    assert seeds_to_settle(lower) == seeds_to_settle(higher)


def test_a_difference_is_positive_where_the_first_net_is_worse_and_its_words_say_so() -> None:
    lower, higher = (compare(STUDY, measure, "bad", "good", 2.0) for measure in (ERROR, PRECISION))
    assert float(lower.evidence.value) == pytest.approx(float(higher.evidence.value)) and lower.evidence.value > 0
    assert lower.what.startswith("bad − good") and higher.what.startswith("good − bad")


@pytest.mark.parametrize(("level", "expected"), [(8.0, "supported"), (10.2, "contradicted")])
def test_a_bound_is_a_value_of_the_metric_and_its_side_follows_from_the_direction(level: float, expected: str) -> None:
    lower = compare_bound(STUDY, ERROR, "bad", "", worse_than=level)
    higher = compare_bound(STUDY, PRECISION, "bad", "", worse_than=100 - level)
    assert verdict([lower.evidence], [True])[0] == verdict([higher.evidence], [True])[0] == expected
    assert float(higher.evidence.value) == pytest.approx(100 - 9.1), "it is shown as it was measured"
    assert " above " in lower.what and " below " in higher.what
