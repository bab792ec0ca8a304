"""The claims on section 4.3, on made-up studies."""

import pytest
from made_up_detection import detected

from replication.verdicts.claim import Tested
from replication.verdicts.claims import judge_claims


def judged(claim: str, **options: object) -> Tested:
    (tested,) = (one for one in judge_claims(detected(**options)) if one.test.claim.id == claim)
    return tested


@pytest.mark.parametrize(("vgg", "verdict"), [(44.0, "supported"), (27.0, "inconclusive"), (12.0, "contradicted")])
def test_the_deeper_detector_must_be_better_by_more_than_3_points_on_voc(vgg: float, verdict: str) -> None:
    assert judged("K27", setup=("paper", "voc"), vgg=vgg).verdict == verdict


def test_other_data_do_not_test_it() -> None:
    assert judged("K27", setup=("paper", "coco"), vgg=30.0).verdict == "not tested"
    assert judged("K28", setup=("paper", "voc"), vgg=30.0, has_steps=True).verdict == "not tested"


def test_plain_against_residual_nets_decide_nothing_and_are_shown() -> None:
    tested = judged("K27")
    (aside,) = (comparison for comparison in tested.comparisons if not comparison.is_deciding)
    assert tested.verdict == "not tested"
    assert (aside.worse, aside.better, aside.outcome) == ("plain-18", "resnet-18-A", "supported")
    assert aside.evidence is not None and aside.evidence.value == 10


def test_on_coco_both_measures_must_gain() -> None:
    tested = judged("K28", setup=("coco", "coco"), vgg=44.0, has_steps=True)
    assert tested.verdict == "supported" and [one.paper for one in tested.comparisons] == ["+6.90", "+6.00"]
    assert judged("K28", setup=("coco", "coco"), vgg=8.0, has_steps=True).verdict == "contradicted"
