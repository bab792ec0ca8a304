"""Verdicts on made-up studies whose outcome is known."""

from pathlib import Path

import pytest
from made_up import PAPER, PAPER_IMAGENET, study, with_curves

from replication.errors import UserError
from replication.study import claims
from replication.study.claims import judge_claims
from replication.study.results import Study, read_studies


def verdict(found: Study, claim: str) -> str:
    return next(t.verdict for t in judge_claims(found) if t.claim.id == claim)


def test_the_papers_own_numbers_support_degradation_and_its_cure_at_56_layers() -> None:
    paper = study(PAPER)
    assert verdict(paper, "K02") == "supported"
    assert verdict(paper, "K03") == "supported"
    outcomes = {c.what: c.outcome for t in judge_claims(paper) if t.claim.id == "K15" for c in t.comparisons}
    assert outcomes["plain-56 − resnet-56, test error"] == "holds"


def test_one_seed_cannot_order_44_and_56_layers_but_many_can() -> None:
    assert verdict(study(PAPER), "K14") == "cannot tell yet"
    assert verdict(study(PAPER, seeds=5, spread=0.02), "K14") == "supported"


def test_shortcuts_are_free_by_counting_not_by_training() -> None:
    found = next(t for t in judge_claims(study({"plain-20": (1, 9)})) if t.claim.id == "K08")
    assert (found.verdict, found.fidelity) == ("supported", "exact")
    assert any("1,727,962 parameters" in c.here for c in found.comparisons)


def test_a_net_that_was_not_run_is_named_and_leaves_the_claim_open() -> None:
    found = next(t for t in judge_claims(study({"plain-20": (1, 9)})) if t.claim.id == "K02")
    assert found.verdict == "cannot tell yet"
    assert found.missing == ("plain-56",)


def test_a_short_schedule_shows_the_cure_without_the_gain_from_depth() -> None:
    short = study({"plain-20": (22, 23), "plain-56": (62, 62), "resnet-20": (20, 21), "resnet-56": (28, 29)})
    assert verdict(short, "K02") == "supported"
    assert verdict(short, "K14") == "not supported"
    cure = {c.what: c.outcome for t in judge_claims(short) if t.claim.id == "K15" for c in t.comparisons}
    assert cure["plain-56 − resnet-56, test error"] == "holds"
    assert cure["plain-32 − resnet-32, test error"] == "missing"


def test_no_degradation_is_a_negative_result_and_stays() -> None:
    assert verdict(study(PAPER | {"plain-56": (0.5, 7.0)}), "K02") == "not supported"


def test_a_diverged_net_is_counted_and_said() -> None:
    found = study({"plain-20": (1, 9), "plain-56": (90, 90)}, status="diverged")
    k02 = next(t for t in judge_claims(found) if t.claim.id == "K02")
    assert k02.verdict == "supported"
    assert "plain-56 and plain-20 no better than chance" in k02.comparisons[0].here


def test_the_order_of_depths_in_between_is_shown_but_decides_nothing() -> None:
    tie = study(PAPER | {"plain-32": (1.2, 9.0)})
    assert verdict(tie, "K02") == "supported"


def imagenet(claim: str, errors: dict[str, tuple[float, float]] = PAPER_IMAGENET, **columns: object) -> claims.Tested:
    curves = [(1 / 12, 20.0), (1.0, 0.0)]
    found = with_curves(study(errors, arm="imagenet", **columns), curves)
    return next(t for t in judge_claims(found) if t.claim.id == claim)


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
        return next(t for t in judge_claims(found) if t.claim.id == "K06")

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


def write(folder: Path, found: Study) -> None:
    folder.mkdir(parents=True)
    found.runs.to_csv(folder / "runs.csv", index=False)
    found.curves.to_csv(folder / "curves.csv", index=False)
    found.evaluations.to_csv(folder / "evaluations.csv", index=False)


def test_the_study_nearest_to_the_paper_comes_first(tmp_path: Path) -> None:
    write(tmp_path / "quick/cifar", study(PAPER, dataset="digits"))
    write(tmp_path / "cpu/cifar", study(PAPER, iterations=4_000))
    write(tmp_path / "cpu-long/cifar", study(PAPER, iterations=16_000))
    write(tmp_path / "paper/cifar", study({"plain-20": (1, 9)}, fidelity="exact"))
    write(tmp_path / "quick/imagenet", study(PAPER_IMAGENET, arm="imagenet", dataset="digits"))
    assert [s.profile for s in read_studies(tmp_path, "cifar")] == ["paper", "cpu-long", "cpu", "quick"]
    assert [s.profile for s in read_studies(tmp_path, "imagenet")] == ["quick"]


def test_no_results_or_broken_ones_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no study of the arm cifar; make one with `dvc repro tabulate@cifar`"):
        read_studies(tmp_path, "cifar")
    write(tmp_path / "quick/cifar", study(PAPER))
    (tmp_path / "quick/cifar/curves.csv").unlink()
    with pytest.raises(UserError, match="is incomplete"):
        read_studies(tmp_path, "cifar")
