"""The claims on responses and gradients, on made-up tables and on the paper's own points."""

from dataclasses import replace

import pandas as pd
import pytest
from made_up import PAPER, PAPER_PROFILE, study

from replication.results.studies import Study
from replication.tasks import TASKS
from replication.verdicts.claim import Tested
from replication.verdicts.claims import judge_claims
from replication.verdicts.paper_study import make_paper_study

DEPTHS = {"plain-20": 1.8, "plain-56": 1.5, "resnet-20": 1.6, "resnet-56": 1.1, "resnet-110": 1.0}


def layers(values: dict[str, list[float]], seeds: int, iteration: int, spread: float = 0.01) -> pd.DataFrame:
    """Values of the layers of nets; those of a seed differ from another's by `spread`."""
    rows = [
        {"net": net, "variant": "default", "seed": seed, "iteration": iteration, "layer": i, "value": v + spread * seed}
        for net, of_net in values.items()
        for seed in range(seeds)
        for i, v in enumerate(of_net, start=1)
    ]
    return pd.DataFrame(rows)


def judged(found: Study, claim: str) -> Tested:
    return next(tested for tested in judge_claims(found) if tested.test.claim.id == claim)


def responding(means: dict[str, float], seeds: int = 3) -> Study:
    return replace(study(PAPER, seeds=seeds), responses=layers({n: [m, m] for n, m in means.items()}, seeds, 64_000))


@pytest.mark.parametrize(
    ("claim", "changes", "verdict"),
    [
        ("K21", {}, "supported"),
        ("K21", {"resnet-56": 1.9}, "contradicted"),
        ("K22", {}, "supported"),
        ("K22", {"resnet-110": 1.3}, "contradicted"),
    ],
)
def test_a_verdict_follows_from_the_mean_responses(claim: str, changes: dict[str, float], verdict: str) -> None:
    assert judged(responding(DEPTHS | changes), claim).verdict == verdict
    assert judged(responding(DEPTHS | changes, seeds=1), claim).kind == "single seed"


@pytest.mark.parametrize(("first", "verdict"), [(0.5, "supported"), (0.001, "contradicted")])
def test_a_gradient_that_vanishes_on_its_way_to_the_input_is_no_healthy_one(first: float, verdict: str) -> None:
    early, end = (
        layers({net: [first] * 3 + [0.7] * 3 + [1.0] * 3 for net in ("plain-56", "resnet-56")}, 3, at, spread=0.0001)
        for at in (6_400, 64_000)
    )
    found = judged(replace(study(PAPER, seeds=3), gradients=pd.concat([early, end])), "K23")
    assert found.verdict == verdict
    assert [c.is_deciding for c in found.comparisons] == [True, True, False, False]


def test_where_nothing_was_measured_there_is_no_verdict_but_that() -> None:
    for claim in ("K21", "K22", "K23"):
        found = judged(study(PAPER, seeds=3), claim)
        assert found.verdict == "not tested" and {c.here for c in found.comparisons} == {"not measured"}


def test_the_papers_own_points_are_weighed_by_the_same_rule() -> None:
    printed = make_paper_study(TASKS["cifar"], PAPER_PROFILE)
    found = judged(printed, "K21")
    assert found.kind == "single seed"
    assert [c.here.split(" ")[0] for c in found.comparisons] == ["+0.20", "+0.38"]
