"""The claim on appendix B, on made-up studies."""

from made_up_detection import GAINS, detected

from replication.tasks.detection import MULTI_SCALE
from replication.verdicts.claim import Tested
from replication.verdicts.claims import judge_claims
from replication.verdicts.rule import Sample


def judged(**options: object) -> Tested:
    (tested,) = (one for one in judge_claims(detected(has_steps=True, **options)) if one.test.claim.id == "K29")
    return tested


def test_every_row_must_gain_by_both_measures() -> None:
    outcomes = [comparison.outcome for comparison in judged().comparisons]
    assert len(outcomes) == 6
    # Steps of one net are compared image by image; the net with context is another one, of 200 images.
    assert [outcomes[place] for place in (0, 2, 3, 5)] == ["supported"] * 4
    assert [outcomes[place] for place in (1, 4)] == ["inconclusive"] * 2
    assert judged().verdict == "inconclusive"


def test_a_row_that_loses_contradicts_the_claim() -> None:
    worse = judged(gains=GAINS | {MULTI_SCALE: (-6.0, -6.0)})
    assert worse.verdict == "contradicted" and worse.comparisons[2].outcome == "contradicted"


def test_fewer_than_three_seeds_decide_nothing() -> None:
    assert judged(seeds=2).verdict == "single seed"


def test_the_variance_of_a_gain_is_that_over_images_where_seeds_spread_less() -> None:
    sample: Sample = judged().comparisons[0].samples["resnet-18-A"]
    assert sample.values.tolist() == [1.5] * 3 and sample.least == 0.25
    assert sample.source == ("difference", "resnet-18-A", "default", "coco", "map50_error", "refined", "map50_error")


def test_a_study_without_these_steps_does_not_test_it() -> None:
    (tested,) = (one for one in judge_claims(detected()) if one.test.claim.id == "K29")
    assert tested.verdict == "not tested"
