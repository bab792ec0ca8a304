"""Verdicts on made-up studies whose outcome is known."""

from pathlib import Path

import pandas as pd
import pytest
from made_up import PAPER, study

from replication.errors import UserError
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
    assert "plain-56 and plain-20 diverged" in k02.comparisons[0].here


def test_the_order_of_depths_in_between_is_shown_but_decides_nothing() -> None:
    tie = study(PAPER | {"plain-32": (1.2, 9.0)})
    assert verdict(tie, "K02") == "supported"


def write(folder: Path, found: Study) -> None:
    folder.mkdir(parents=True)
    found.runs.to_csv(folder / "runs.csv", index=False)
    pd.DataFrame({"net": [], "split": []}).to_csv(folder / "curves.csv", index=False)


def test_the_study_nearest_to_the_paper_comes_first(tmp_path: Path) -> None:
    write(tmp_path / "quick", study(PAPER, dataset="digits"))
    write(tmp_path / "cpu", study(PAPER, iterations=4_000))
    write(tmp_path / "cpu-long", study(PAPER, iterations=16_000))
    write(tmp_path / "paper", study({"plain-20": (1, 9)}, fidelity="exact"))
    assert [s.profile for s in read_studies(tmp_path)] == ["paper", "cpu-long", "cpu", "quick"]


def test_no_results_or_broken_ones_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no study; make one with `dvc repro`"):
        read_studies(tmp_path)
    write(tmp_path / "quick", study(PAPER))
    (tmp_path / "quick/curves.csv").unlink()
    with pytest.raises(UserError, match="is incomplete"):
        read_studies(tmp_path)
