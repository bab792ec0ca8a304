"""The rule of verdicts on claims, their fidelity, and what would settle them; see `judging`."""

import pytest
from judging import judged, outcomes, seeds, verdict
from made_up import PAPER, PAPER_IMAGENET, PAPER_PROFILE, joined, study

from replication import paper
from replication.tasks import TASKS
from replication.verdicts.claim import claim
from replication.verdicts.claim import list_tests as task_folder
from replication.verdicts.claims import WAITING, judge_claims
from replication.verdicts.claims.settling import plan_settling
from replication.verdicts.paper_study import make_paper_study

OFFICIAL = {"pixels": "official"}


# --- the rule on claims


@pytest.mark.parametrize("claim_id", ["K02", "K03", "K14", "K15", "K16"])
def test_three_seeds_with_the_papers_means_support_its_claims(claim_id: str) -> None:
    assert verdict(seeds(), claim_id) == "supported"


@pytest.mark.parametrize(
    ("claim_id", "change", "expected"),
    [
        ("K02", {"plain-56": (0.5, 7.0)}, "contradicted"),
        ("K02", {"plain-56": (5.63, 9.8)}, "inconclusive"),
        ("K03", {"plain-110": (75.0, 59.9)}, "inconclusive"),
        ("K03", {"plain-110": (75.0, 50.0)}, "contradicted"),
        ("K14", {"resnet-56": (0.1, 9.5)}, "contradicted"),
        ("K14", {f"resnet-{d}": (0.5, 7.0) for d in (20, 32, 44, 56, 110)}, "inconclusive"),
        ("K15", {"resnet-20": (0.6, 9.7)}, "inconclusive"),
        ("K15", {"resnet-20": (0.6, 12.0)}, "contradicted"),
        ("K16", {"resnet-110": (0.1, 8.5)}, "contradicted"),
        ("K16", {"resnet-110": (0.1, 7.5)}, "inconclusive"),
    ],
)
def test_one_net_flips_the_verdict(claim_id: str, change: dict[str, tuple[float, float]], expected: str) -> None:
    assert verdict(seeds(PAPER | change), claim_id) == expected


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_than_three_seeds_give_no_verdict_and_every_value(count: int) -> None:
    found = seeds(count=count)
    assert verdict(found, "K02") == "single seed" and {c.n for c in judged(found, "K02").comparisons} == {count}
    (train, test, *_) = judged(found, "K02").comparisons
    assert test.here.startswith("+3.54 (plain-56: 13.") and test.interval == ""
    assert test.here.count(".") == 1 + 2 * count
    assert (train.outcome, test.outcome) == ("single seed", "single seed")


def test_one_net_of_two_seeds_is_enough_for_no_verdict() -> None:
    few = joined(seeds({"plain-20": (1, 9)}), seeds({"plain-56": (5, 13)}, count=2))
    assert verdict(few, "K02") == "single seed"


def test_a_verdict_is_provisional_only_at_the_papers_own_recipe_on_official_cifar_10() -> None:
    assert verdict(study(PAPER, **OFFICIAL), "K15") == "provisional: supported"
    shorter = {"schedule": {"iterations": 4000, "drops": [2000, 3000]}}
    for found in (study(PAPER), study(PAPER, **OFFICIAL, **shorter), study(PAPER, **OFFICIAL, train_images=45_000)):
        assert verdict(found, "K15") == "single seed"
    at_once = study(PAPER_IMAGENET, task="imagenet", **OFFICIAL)
    assert verdict(at_once, "K05") == "single seed", "nobody has published a spread of these"
    assert verdict(seeds(PAPER, **OFFICIAL), "K15") == "supported", "three seeds have a spread of their own"


def test_a_provisional_verdict_is_flipped_as_any_other() -> None:
    worse = PAPER | {"resnet-20": (0.6, 11.5)}
    assert verdict(study(worse, **OFFICIAL), "K15") == "provisional: contradicted"
    near = PAPER | {"resnet-20": (0.6, 9.5)}
    assert verdict(study(near, **OFFICIAL), "K15") == "provisional: inconclusive"


def test_no_spread_of_training_errors_is_published_so_that_none_is_borrowed() -> None:
    found = judged(study(PAPER, **OFFICIAL), "K02")
    (train, test, *_) = found.comparisons
    assert (found.kind, train.outcome, test.outcome) == ("single seed", "single seed", "supported")


def test_a_net_that_did_not_learn_decides_nothing() -> None:
    learned, not_learned = seeds({"plain-20": (1, 9)}), seeds({"plain-56": (90, 90)}, status="chance")
    both = joined(learned, not_learned)
    found = judged(both, "K02")
    assert found.kind == "inconclusive"
    assert "plain-56 no better than chance" in found.comparisons[0].here
    assert plan_settling(found, both) is None, "more seeds are not what it needs"


def test_a_net_of_which_one_seed_did_not_learn_decides_nothing() -> None:
    found = seeds(PAPER)
    found.runs.loc[(found.runs["net"] == "plain-56") & (found.runs["seed"] == 2), "status"] = "chance"
    assert verdict(found, "K02") == "inconclusive"


def test_a_net_that_did_not_learn_decides_the_claim_about_not_learning() -> None:
    assert verdict(seeds({"plain-110": (90, 90)}, status="chance"), "K03") == "supported"


def test_a_net_that_was_not_run_is_named_and_leaves_the_claim_open() -> None:
    found = judged(seeds({"plain-20": (1, 9)}), "K02")
    assert (found.kind, found.missing) == ("not tested", ("plain-56",))
    part = judged(seeds({"plain-20": (1, 9.7), "resnet-20": (1, 8.0)}), "K15")
    assert (part.kind, len(part.missing)) == ("inconclusive", 6)


def test_a_counterexample_suffices_whatever_else_was_not_run() -> None:
    assert verdict(seeds({"plain-20": (1, 8.0), "resnet-20": (1, 9.7)}), "K15") == "contradicted"


def test_a_short_schedule_may_show_the_cure_without_the_gain_from_depth() -> None:
    short = seeds({"plain-20": (22, 23), "plain-56": (62, 62), "resnet-20": (20, 21), "resnet-56": (28, 29)})
    assert verdict(short, "K02") == "supported"
    assert verdict(short, "K14") == "contradicted", "the shallowest and the deepest that were run are reversed"
    assert outcomes(short, "K15")["plain-56 − resnet-56, test error"] == "supported"
    assert outcomes(short, "K15")["plain-32 − resnet-32, test error"] == "not tested"


def test_the_trend_is_told_though_single_steps_are_not() -> None:
    near = {"resnet-20": (0, 7.4), "resnet-32": (0, 7.3), "resnet-44": (0, 7.2), "resnet-56": (0, 7.1)}
    found = seeds(near | {"resnet-110": (0, 7.0)}, count=5, spread=0.02)
    assert verdict(found, "K14") == "supported"
    assert outcomes(found, "K14")["resnet-44 − resnet-56, test error"] == "inconclusive"


def test_the_order_of_depths_in_between_is_shown_but_decides_nothing() -> None:
    assert verdict(seeds(PAPER | {"plain-32": (1.2, 9.0)}), "K02") == "supported"


# --- fidelity, the paper, and what would settle it


def test_the_fidelity_of_a_verdict_is_the_worst_of_the_runs_that_it_needs() -> None:
    exact = study({"plain-20": (1, 9), "resnet-20": (1, 9)}, pixels="official")
    jpeg = study({"plain-56": (5, 13)})
    assert judged(joined(exact, jpeg), "K02").fidelity == "proxy"
    assert judged(study({"plain-20": (1, 9), "plain-56": (5, 13)}, pixels="official"), "K02").fidelity == "exact"


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        (
            "cifar",
            {
                "K02": "single seed", "K03": "not tested", "K14": "provisional: supported",
                "K15": "provisional: supported", "K16": "supported", "K17": "not tested", "K18": "inconclusive",
                "K19": "single seed", "K20": "single seed",
            },
        ),
        ("imagenet", dict.fromkeys(["K01", "K04", "K05", "K06", "K07", "K09", "K12"], "single seed")),
    ],
)  # fmt: skip
def test_what_the_rule_says_of_the_papers_own_numbers(task: str, expected: dict[str, str]) -> None:
    found = make_paper_study(TASKS[task], PAPER_PROFILE)
    assert {key: verdict(found, key) for key in expected} == expected


def test_the_papers_own_numbers_are_those_that_it_prints() -> None:
    found = make_paper_study(TASKS["cifar"], PAPER_PROFILE)
    own = found.errors("resnet-110", "single_view", "top1_error")
    assert (len(own), own.mean(), own.std()) == (5, pytest.approx(6.61), pytest.approx(0.16))
    assert found.errors("resnet-56", "single_view", "top1_error").tolist() == [6.97]
    for c in judged(make_paper_study(TASKS["imagenet"], PAPER_PROFILE), "K09").comparisons:
        assert c.part == "must" or c.here.startswith(c.paper), c.what


def test_without_a_verdict_three_seeds_are_the_least() -> None:
    found = study({"plain-20": (1, 9.7), "plain-56": (5, 13.2)})
    needed = plan_settling(judged(found, "K02"), found)
    assert (needed.seeds, needed.runs, needed.measured) == ({"plain-20": 3, "plain-56": 3}, 4, False)


def test_what_cannot_be_told_yet_needs_more_seeds_of_its_nets_and_no_others() -> None:
    found = seeds(PAPER | {"resnet-20": (0.6, 9.3)})
    needed = plan_settling(judged(found, "K15"), found)
    assert needed.measured and needed.seeds.keys() == {"plain-20", "resnet-20"}
    assert 3 < needed.seeds["plain-20"] < 30
    assert needed.runs == 2 * (needed.seeds["plain-20"] - 3)
    alike = seeds(PAPER | {"resnet-20": (0.6, 9.69)})
    assert plan_settling(judged(alike, "K15"), alike).too_many
    assert plan_settling(judged(seeds(), "K15"), seeds()) is None


# --- the list of claims


def test_each_of_the_32_claims_is_tested_or_says_what_it_needs() -> None:
    tested = {test.claim.id for task in TASKS.values() for test in task_folder(task)}
    assert sorted(tested | WAITING.keys()) == paper.claim_ids() == [f"K{n:02}" for n in range(1, 33)]
    assert not tested & WAITING.keys(), "what is tested does not wait"


@pytest.mark.parametrize("title", ["", "  "])
def test_a_claim_without_a_title_fails_where_it_is_written(title: str) -> None:
    with pytest.raises(ValueError, match="K21"):
        claim("K21", title, task=TASKS["cifar"])
    with pytest.raises(TypeError):
        claim("K21", task=TASKS["cifar"])


def test_a_claim_is_one_of_the_papers_and_is_tested_once_an_arm() -> None:
    with pytest.raises(KeyError, match="K99"):
        claim("K99", "A claim of nobody.", task=TASKS["cifar"])
    with pytest.raises(ValueError, match="K02"):
        claim("K02", "Twice.", task=TASKS["cifar"])
    ids = [t.test.claim.id for t in judge_claims(study({"plain-20": (1, 9)}))]
    assert ids[:5] == ["K02", "K03", "K08", "K14", "K15"], "in the order of their file, each of this task"
