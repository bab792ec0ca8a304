"""Verdicts on made-up studies whose outcome is known."""

import pytest
from made_up import PAPER, PAPER_IMAGENET, joined, study, with_curves

from replication import claims
from replication.arms import ARMS
from replication.claims import judge_claims
from replication.claims.claim import claim
from replication.study.studies import Study


def judged(found: Study, claim_id: str) -> claims.Tested:
    return next(t for t in judge_claims(found) if t.test.claim.id == claim_id)


def verdict(found: Study, claim_id: str) -> str:
    return judged(found, claim_id).verdict


def test_the_papers_own_numbers_support_degradation_and_its_cure_at_56_layers() -> None:
    paper = study(PAPER)
    assert verdict(paper, "K02") == "supported"
    assert verdict(paper, "K03") == "supported"
    outcomes = {c.what: c.outcome for c in judged(paper, "K15").comparisons}
    assert outcomes["plain-56 − resnet-56, test error"] == "holds"


def test_one_seed_cannot_order_44_and_56_layers_but_many_can() -> None:
    assert verdict(study(PAPER), "K14") == "cannot tell yet"
    assert verdict(study(PAPER, seeds=5, spread=0.02), "K14") == "supported"


def test_shortcuts_are_free_by_counting_not_by_training() -> None:
    found = judged(study({"plain-20": (1, 9)}), "K08")
    assert (found.verdict, found.fidelity) == ("supported", "exact")
    assert any("1,727,962 parameters" in c.here for c in found.comparisons)


def test_a_net_that_was_not_run_is_named_and_leaves_the_claim_open() -> None:
    found = judged(study({"plain-20": (1, 9)}), "K02")
    assert found.verdict == "cannot tell yet"
    assert found.missing == ("plain-56",)


def test_a_short_schedule_shows_the_cure_without_the_gain_from_depth() -> None:
    short = study({"plain-20": (22, 23), "plain-56": (62, 62), "resnet-20": (20, 21), "resnet-56": (28, 29)})
    assert verdict(short, "K02") == "supported"
    assert verdict(short, "K14") == "not supported"
    cure = {c.what: c.outcome for c in judged(short, "K15").comparisons}
    assert cure["plain-56 − resnet-56, test error"] == "holds"
    assert cure["plain-32 − resnet-32, test error"] == "missing"


def test_no_degradation_is_a_negative_result_and_stays() -> None:
    assert verdict(study(PAPER | {"plain-56": (0.5, 7.0)}), "K02") == "not supported"


def test_a_net_no_better_than_chance_is_counted_and_said() -> None:
    found = study({"plain-20": (1, 9), "plain-56": (90, 90)}, status="chance")
    k02 = judged(found, "K02")
    assert k02.verdict == "supported"
    assert "plain-56 and plain-20 no better than chance" in k02.comparisons[0].here


def test_the_order_of_depths_in_between_is_shown_but_decides_nothing() -> None:
    tie = study(PAPER | {"plain-32": (1.2, 9.0)})
    assert verdict(tie, "K02") == "supported"


def imagenet(
    claim_id: str, errors: dict[str, tuple[float, float]] = PAPER_IMAGENET, **columns: object
) -> claims.Tested:
    curves = [(1 / 12, 20.0), (1.0, 0.0)]
    found = with_curves(study(errors, arm="imagenet", **columns), curves)
    return judged(found, claim_id)


@pytest.mark.parametrize("claim", ["K01", "K04", "K05", "K07", "K08", "K09", "K10"])
def test_the_papers_own_imagenet_numbers_support_its_claims(claim: str) -> None:
    assert imagenet(claim, seeds=5, spread=0.02).verdict == "supported"


def test_one_seed_cannot_tell_neighbouring_shortcut_options_apart_but_tells_them_from_the_plain_net() -> None:
    found = imagenet("K07")
    outcomes = {c.what: c.outcome for c in found.comparisons}
    assert found.verdict == "cannot tell yet"
    assert outcomes["resnet-34-B − resnet-34-C, 10-crop top-1 error"] == "open"
    assert outcomes["plain-34 − resnet-34-C, 10-crop top-1 error"] == "holds"
    assert outcomes["(plain-34 − resnet-34-A) − (resnet-34-A − resnet-34-C), 10-crop top-1 error"] == "holds"


def test_at_18_layers_both_end_alike_only_if_the_whole_interval_is_small_and_the_start_is_faster() -> None:
    def k06(errors: dict[str, tuple[float, float]], later: float = 4, seeds: int = 5) -> claims.Tested:
        found = with_curves(study(errors, seeds=seeds, spread=0.02, arm="imagenet"), [(1 / 12, 20.0), (1.0, 0.0)])
        plain = found.curves["net"].eq("plain-18") & found.curves["iteration"].eq(50_000)
        found.curves.loc[plain, "error"] += later
        return judged(found, "K06")

    assert k06(PAPER_IMAGENET).verdict == "supported"
    assert "(iteration 50,000)" in k06(PAPER_IMAGENET).comparisons[1].what
    assert k06(PAPER_IMAGENET, later=-4).verdict == "not supported", "the plain net is the faster one"
    assert k06(PAPER_IMAGENET, seeds=1).verdict == "cannot tell yet", "one seed cannot show so small a gap"
    apart = k06(PAPER_IMAGENET | {"plain-18": (40.0, 35.0)}, seeds=1)
    assert (apart.verdict, apart.comparisons[0].outcome) == ("not supported", "fails")


def test_degradation_is_looked_for_throughout_training_too() -> None:
    assert imagenet("K01").comparisons[-1].here == "at 100 % of 2 points"
    reverse = PAPER_IMAGENET | {"plain-34": (20.0, 20.0)}
    found = imagenet("K01", reverse)
    assert (found.verdict, found.comparisons[-1].outcome) == ("not supported", "fails")


def test_a_proxy_says_nothing_of_earlier_ensembles_on_imagenet() -> None:
    assert imagenet("K12", top5=0.1).verdict == "supported", "2.1 % is below 4.82 %"
    assert imagenet("K12", top5=0.3).verdict == "not supported"
    tiny = imagenet("K12", dataset="tiny_imagenet", top5=0.1)
    assert (tiny.verdict, tiny.comparisons[0].here) == ("cannot tell yet", "ImageNet alone can tell")


def test_cost_is_counted_not_trained() -> None:
    found = imagenet("K10", {"plain-18": (31.46, 27.94)})
    assert (found.verdict, found.fidelity) == ("supported", "exact")
    assert found.comparisons[0].here == "+4.19 (15.47 − 11.28)"


def test_a_net_that_does_not_train_is_above_60_percent_by_its_whole_interval() -> None:
    (train, test) = judged(study({"plain-110": (75.0, 62.0)}), "K03").comparisons
    assert (train.here, train.outcome) == ("75.0 %", "holds")
    assert (test.here, test.outcome) == ("62.0 %", "open")
    low, high = (float(bound) for bound in test.interval.strip("[]").split(","))
    assert low < 60 < 62 < high and low + high == pytest.approx(124, abs=0.1), "about what the cell says"


def test_claims_rest_on_the_default_variant_alone() -> None:
    default = study(PAPER | {"plain-56": (0.5, 7.0)})
    variant = study({"plain-56": (5.63, 60.0)}, variant="three-times-longer")
    assert verdict(default, "K02") == "not supported"
    assert verdict(joined(default, variant), "K02") == "not supported"
    assert "plain-56" in judged(joined(study({"plain-20": (1, 9)}), variant), "K02").missing


def test_the_fidelity_of_a_verdict_is_the_worst_of_the_runs_that_it_needs() -> None:
    exact = study({"plain-20": (1, 9), "resnet-20": (1, 9)}, pixels="official")
    jpeg = study({"plain-56": (5, 13)})
    assert judged(joined(exact, jpeg), "K02").fidelity == "proxy"
    assert judged(study({"plain-20": (1, 9), "plain-56": (5, 13)}, pixels="official"), "K02").fidelity == "exact"


@pytest.mark.parametrize("title", ["", "  "])
def test_a_claim_without_a_title_fails_where_it_is_written(title: str) -> None:
    with pytest.raises(ValueError, match="claim K16 needs a title"):
        claim("K16", title, arm=ARMS["cifar"])
    with pytest.raises(TypeError):
        claim("K16", arm=ARMS["cifar"])


def test_a_claim_is_one_of_the_papers_and_is_tested_once_an_arm() -> None:
    with pytest.raises(KeyError, match="no claim K99"):
        claim("K99", "A claim of nobody.", arm=ARMS["cifar"])
    with pytest.raises(ValueError, match="K02 has a test of the arm cifar already"):
        claim("K02", "Twice.", arm=ARMS["cifar"])
    ids = [t.test.claim.id for t in judge_claims(study({"plain-20": (1, 9)}))]
    assert ids == ["K02", "K03", "K08", "K14", "K15"], "in the order of their file, each of this arm"
