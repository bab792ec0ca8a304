"""K32 on made-up studies."""

from dataclasses import replace

import pytest
from made_up import PAPER_PROFILE
from made_up_boxes import LOCALIZATION, judged_again, located

from replication.results.studies import Study
from replication.verdicts.claims import judge_claims
from replication.verdicts.claims.appendix_c import differences
from replication.verdicts.claims.settling import plan_settling
from replication.verdicts.paper_study import make_paper_study


def judged(study: Study) -> tuple[str, dict[str, str]]:
    (found,) = judge_claims(study)
    return found.kind, {c.what.partition(": ")[2] or c.what: c.outcome for c in found.comparisons}


PCR, DENSE = (
    "per-class regression, centre crop − per-class RPN, centre crop, error",
    "per-class RPN, centre crop − per-class RPN, dense, error",
)
RCNN = "its proposals, guessed classes − R-CNN, guessed classes, error"


def test_one_seed_gives_no_verdict() -> None:
    words, outcomes = judged(located())
    assert words == "single seed" and outcomes[PCR] == outcomes[DENSE] == "single seed"


def test_three_seeds_with_the_papers_numbers_support_it() -> None:
    words, outcomes = judged(located(seeds=3))
    assert (words, outcomes[PCR], outcomes[DENSE]) == ("supported", "supported", "supported")
    words, outcomes = judged(judged_again())
    assert words == "supported" and outcomes[RCNN] == "supported"
    words, outcomes = judged(judged_again(rcnn_error=19.0))
    assert words == "contradicted" and outcomes[RCNN] == "contradicted"
    assert judged(judged_again(seeds=1))[1][RCNN] == "single seed"


def test_the_ensemble_is_shown_and_decides_nothing() -> None:
    for together, gained in ((8.9, "+1.70 of 3 seeds"), (20.0, "-9.40 of 3 seeds")):
        (tested,) = judge_claims(judged_again(together=together))
        (ensemble,) = (c for c in tested.comparisons if "ensemble of its seeds" in c.what)
        assert tested.kind == "supported" and not ensemble.is_deciding and ensemble.note.startswith(gained)
    (tested,) = judge_claims(judged_again(seeds=1, together=None))
    assert "needs two seeds of R-CNN" in [c.note for c in tested.comparisons]


def test_what_would_settle_it_is_its_seeds() -> None:
    study = located()
    (tested,) = judge_claims(study)
    assert plan_settling(tested, study).seeds == {"resnet-18-A": 3}
    study = judged_again(seeds=1, together=None)
    (tested,) = judge_claims(study)
    assert plan_settling(tested, study).seeds == {"resnet-18-A": 3} and plan_settling(tested, study).runs == 2


def test_an_ensemble_of_fewer_seeds_than_there_are_is_not_compared_with_them() -> None:
    study = judged_again(seeds=4)
    scores = study.scores.replace({"net": {" + ".join(["resnet-18-A"] * 4): " + ".join(["resnet-18-A"] * 3)}})
    (tested,) = judge_claims(replace(study, scores=scores))
    assert all(c.outcome == "not tested" for c in tested.comparisons if c.part == "aside")


def test_a_regression_that_beats_the_anchors_contradicts_it() -> None:
    words, outcomes = judged(located(seeds=3, oracle_centre={"pcr_error": 10.0}))
    assert (words, outcomes[PCR]) == ("contradicted", "contradicted")


def test_a_net_above_a_floor_has_learnt_nothing_and_decides_nothing() -> None:
    words, outcomes = judged(located(seeds=3, oracle_centre={"per_class_rpn_error": 41.6}, spread=0.3))
    assert words == "inconclusive" and outcomes[PCR] == "chance", "one seed at 41.9 is above the least floor"


def test_seeds_are_compared_in_pairs_and_never_more_alike_than_images_allow() -> None:
    sample = differences(located(seeds=3), "resnet-18-A", "pcr_or_per_class_rpn")
    assert sample.values.tolist() == pytest.approx([20.0, 19.8, 19.6])
    expected = (100 * (24.8 + 5.0) - 19.8**2) / 10_000
    assert float(sample.least) == pytest.approx(expected), "the variance of a mean of -1, 0 and 1 over the images"


def test_the_variance_over_images_is_that_of_a_bootstrap() -> None:
    import numpy as np

    random = np.random.default_rng(0)
    first, second = random.random(2000) < 0.3, random.random(2000) < 0.2
    drawn = random.integers(0, 2000, (4000, 2000))
    of_bootstrap = 100 * (first.astype(int) - second)[drawn].mean(1)
    alone = {f"centre_or_dense_{of}_alone_wrong": 100 * value.mean()
             for of, value in (("first", first & ~second), ("second", second & ~first))}  # fmt: skip
    study = located(pairs=alone)
    study = replace(study, scores=study.scores.assign(images=2000))
    assert float(differences(study, "resnet-18-A", "centre_or_dense").least) ** 0.5 == pytest.approx(
        of_bootstrap.std(), rel=0.05
    )


def test_the_papers_own_numbers_are_of_one_net() -> None:
    (found,) = judge_claims(make_paper_study(LOCALIZATION, PAPER_PROFILE))
    assert found.kind == "single seed"
    assert [c.here.partition(" ")[0] for c in found.comparisons[:2]] == ["+19.80", "+1.60"]
