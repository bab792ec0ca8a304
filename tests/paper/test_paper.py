"""The paper's data agrees with itself, so that a slip in copying would show."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from replication.nets.complexity import complexity
from replication.paper import claim, curve, figure, protocol, table

PROFILES = Path(__file__).parents[2] / "pipeline/profiles"
DEPTHS = (20, 32, 44, 56)


def test_table_6_has_the_papers_errors() -> None:
    own = {row["layers"]: row["error"] for row in table(6) if row["kind"] == "own"}
    assert own == {20: 8.75, 32: 7.51, 44: 7.17, 56: 6.97, 110: 6.43, 1202: 7.93}


@pytest.mark.parametrize("depth", [*DEPTHS, 110])
def test_figure_6_ends_at_table_6(depth: int) -> None:
    row = next(r for r in table(6) if r["kind"] == "own" and r["layers"] == depth)
    iteration, error = curve("fig6", "test", f"resnet-{depth}")[-1]
    assert iteration == pytest.approx(64_000, rel=0.01)
    assert error == pytest.approx(row.get("mean", row["error"]), abs=0.1)


def test_figure_1_shows_the_runs_of_figure_6() -> None:
    for net in ("plain-20", "plain-56"):
        assert curve("fig1", "test", net)[-1][1] == pytest.approx(curve("fig6", "test", net)[-1][1], abs=0.1)


def test_printed_sizes_are_those_of_our_nets() -> None:
    for row in table(6):
        if row["kind"] == "own":
            parameters = complexity(f"resnet-{row['layers']}", 32).parameters / 1e6
            assert parameters == pytest.approx(row["params_m"], abs=0.05 if row["params_m"] > 1 else 0.006)


def test_the_profile_paper_has_the_protocols_schedule() -> None:
    schedule = YAML(typ="safe").load((PROFILES / "paper.yaml").read_text())["cifar"]["schedule"]
    facts = protocol("cifar10", "C3")
    assert schedule["iterations"] == facts["stop_iter"] and schedule["drops"] == facts["lr_drops_iter"]
    assert (schedule["batch_size"], schedule["learning_rate"]) == (facts["batch"], facts["lr_start"])


def test_claims_come_with_what_supports_them() -> None:
    assert claim("K02").support == ("F1", "F6 left")
    assert "several seeds" in claim("K14").caveat


def test_a_net_that_the_paper_did_not_draw_has_no_curve() -> None:
    assert curve("fig6", "train", "plain-110") == []
    assert set(figure(6)["digitised"]["test_final"]) >= {f"plain-{d}" for d in DEPTHS}
