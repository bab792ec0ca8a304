"""Verdicts on made-up studies whose outcome is known; each net has three seeds, 0.2 points apart, unless it says so."""

from typing import Any

import pytest
from made_up import PAPER, PAPER_IMAGENET, PAPER_PROFILE, joined, study, with_curves

from replication import claims, paper
from replication.arms import ARMS
from replication.claims import WAITING, judge_claims
from replication.claims.claim import claim, judge
from replication.claims.claim import tests_of as of_arm
from replication.claims.settling import settling
from replication.study.of_paper import study_of_paper
from replication.study.studies import Study

OFFICIAL = {"pixels": "official"}


def seeds(errors: dict[str, tuple[float, float]] = PAPER, count: int = 3, **options: Any) -> Study:
    return study(errors, count, **{"spread": 0.2} | options)


def judged(found: Study, claim_id: str) -> claims.Tested:
    return next(judge(test, found) for test in of_arm(found.arm) if test.claim.id == claim_id)


def verdict(found: Study, claim_id: str) -> str:
    return judged(found, claim_id).words


def outcomes(found: Study, claim_id: str) -> dict[str, str]:
    return {c.what: c.outcome for c in judged(found, claim_id).comparisons}


# --- the rule on claims


@pytest.mark.parametrize("claim_id", ["K02", "K03", "K14", "K15", "K16"])
def test_three_seeds_with_the_papers_means_support_its_claims(claim_id: str) -> None:
    assert verdict(seeds(), claim_id) == "supported"


@pytest.mark.parametrize(
    ("claim_id", "change", "expected"),
    [
        ("K02", {"plain-56": (0.5, 7.0)}, "not supported"),
        ("K02", {"plain-56": (5.63, 9.8)}, "cannot tell yet"),
        ("K03", {"plain-110": (75.0, 59.9)}, "cannot tell yet"),
        ("K03", {"plain-110": (75.0, 50.0)}, "not supported"),
        ("K14", {"resnet-56": (0.1, 9.5)}, "not supported"),
        ("K14", {f"resnet-{d}": (0.5, 7.0) for d in (20, 32, 44, 56, 110)}, "cannot tell yet"),
        ("K15", {"resnet-20": (0.6, 9.7)}, "cannot tell yet"),
        ("K15", {"resnet-20": (0.6, 12.0)}, "not supported"),
        ("K16", {"resnet-110": (0.1, 8.5)}, "not supported"),
        ("K16", {"resnet-110": (0.1, 7.5)}, "cannot tell yet"),
    ],
)
def test_one_net_flips_the_verdict(claim_id: str, change: dict[str, tuple[float, float]], expected: str) -> None:
    assert verdict(seeds(PAPER | change), claim_id) == expected


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_than_three_seeds_give_no_verdict_and_every_value(count: int) -> None:
    found = seeds(count=count)
    assert verdict(found, "K02") == f"no verdict: n = {count}"
    (train, test, *_) = judged(found, "K02").comparisons
    assert test.here.startswith("+3.54 (plain-56: 13.") and test.interval == ""
    assert test.here.count(".") == 1 + 2 * count
    assert (train.outcome, test.outcome) == ("too few", "too few")


def test_one_net_of_two_seeds_is_enough_for_no_verdict() -> None:
    few = joined(seeds({"plain-20": (1, 9)}), seeds({"plain-56": (5, 13)}, count=2))
    assert verdict(few, "K02") == "no verdict: n = 2"


def test_a_verdict_is_provisional_only_at_the_papers_own_recipe_on_official_cifar_10() -> None:
    assert verdict(study(PAPER, **OFFICIAL), "K15") == "provisional: supported"
    shorter = {"schedule": {"iterations": 4000, "drops": [2000, 3000]}}
    for found in (study(PAPER), study(PAPER, **OFFICIAL, **shorter), study(PAPER, **OFFICIAL, train_images=45_000)):
        assert verdict(found, "K15") == "no verdict: n = 1"
    at_once = study(PAPER_IMAGENET, arm="imagenet", **OFFICIAL)
    assert verdict(at_once, "K05") == "no verdict: n = 1", "nobody has published a spread of these"
    assert verdict(seeds(PAPER, **OFFICIAL), "K15") == "supported", "three seeds have a spread of their own"


def test_a_provisional_verdict_is_flipped_as_any_other() -> None:
    worse = PAPER | {"resnet-20": (0.6, 11.5)}
    assert verdict(study(worse, **OFFICIAL), "K15") == "provisional: not supported"
    near = PAPER | {"resnet-20": (0.6, 9.5)}
    assert verdict(study(near, **OFFICIAL), "K15") == "provisional: cannot tell yet"


def test_no_spread_of_training_errors_is_published_so_that_none_is_borrowed() -> None:
    found = judged(study(PAPER, **OFFICIAL), "K02")
    (train, test, *_) = found.comparisons
    assert (found.words, train.outcome, test.outcome) == ("no verdict: n = 1", "too few", "holds")


def test_a_net_that_did_not_learn_decides_nothing() -> None:
    learned, not_learned = seeds({"plain-20": (1, 9)}), seeds({"plain-56": (90, 90)}, status="chance")
    both = joined(learned, not_learned)
    found = judged(both, "K02")
    assert found.words == "cannot tell yet"
    assert "plain-56 no better than chance" in found.comparisons[0].here
    assert settling(found, both) is None, "more seeds are not what it needs"


def test_a_net_of_which_one_seed_did_not_learn_decides_nothing() -> None:
    found = seeds(PAPER)
    found.runs.loc[(found.runs["net"] == "plain-56") & (found.runs["seed"] == 2), "status"] = "chance"
    assert verdict(found, "K02") == "cannot tell yet"


def test_a_net_that_did_not_learn_decides_the_claim_about_not_learning() -> None:
    assert verdict(seeds({"plain-110": (90, 90)}, status="chance"), "K03") == "supported"


def test_a_net_that_was_not_run_is_named_and_leaves_the_claim_open() -> None:
    found = judged(seeds({"plain-20": (1, 9)}), "K02")
    assert (found.words, found.missing) == ("not tested", ("plain-56",))
    part = judged(seeds({"plain-20": (1, 9.7), "resnet-20": (1, 8.0)}), "K15")
    assert (part.words, len(part.missing)) == ("cannot tell yet", 6)


def test_a_counterexample_suffices_whatever_else_was_not_run() -> None:
    assert verdict(seeds({"plain-20": (1, 8.0), "resnet-20": (1, 9.7)}), "K15") == "not supported"


def test_a_short_schedule_may_show_the_cure_without_the_gain_from_depth() -> None:
    short = seeds({"plain-20": (22, 23), "plain-56": (62, 62), "resnet-20": (20, 21), "resnet-56": (28, 29)})
    assert verdict(short, "K02") == "supported"
    assert verdict(short, "K14") == "not supported", "the shallowest and the deepest that were run are reversed"
    assert outcomes(short, "K15")["plain-56 − resnet-56, test error"] == "holds"
    assert outcomes(short, "K15")["plain-32 − resnet-32, test error"] == "missing"


def test_the_trend_is_told_though_single_steps_are_not() -> None:
    near = {"resnet-20": (0, 7.4), "resnet-32": (0, 7.3), "resnet-44": (0, 7.2), "resnet-56": (0, 7.1)}
    found = seeds(near | {"resnet-110": (0, 7.0)}, count=5, spread=0.02)
    assert verdict(found, "K14") == "supported"
    assert outcomes(found, "K14")["resnet-44 − resnet-56, test error"] == "open"


def test_the_order_of_depths_in_between_is_shown_but_decides_nothing() -> None:
    assert verdict(seeds(PAPER | {"plain-32": (1.2, 9.0)}), "K02") == "supported"


# --- what is counted


def test_shortcuts_are_free_by_counting_not_by_training() -> None:
    found = judged(study({"plain-20": (1, 9)}), "K08")
    assert (found.words, found.fidelity, found.test.counted) == ("supported", "exact", True)
    assert any("1,727,962 parameters" in c.here for c in found.comparisons)


def test_the_two_blocks_of_figure_5_cost_alike_and_a_projection_doubles_one() -> None:
    found = judged(study(PAPER_IMAGENET, arm="imagenet"), "K11")
    assert (found.words, found.test.counted) == ("supported", True)
    assert [c.here for c in found.comparisons] == ["0.94 (69,632 ÷ 73,728)", "1.94 (135,168 ÷ 69,632)"]
    drawn = paper.figure(5)["derived"]
    assert drawn["weights_per_block"]["bottleneck_256_with_projection"] == 135_168 and drawn["projection_ratio"] == 1.94


def test_cost_is_counted_not_trained() -> None:
    found = imagenet("K10", {"plain-18": (31.46, 27.94)})
    assert (found.words, found.fidelity) == ("supported", "exact")
    assert found.comparisons[0].here == "+4.19 (15.47 − 11.28)"


# --- section 4.1


def imagenet(
    claim_id: str, errors: dict[str, tuple[float, float]] = PAPER_IMAGENET, later: float = 0, **options: Any
) -> claims.Tested:
    """A claim judged on ImageNet; `later` adds points to plain-18 early on."""
    found = with_curves(seeds(errors, arm="imagenet", **options), [(1 / 12, 20.0), (1.0, 0.0)])
    plain = found.curves["net"].eq("plain-18") & found.curves["iteration"].eq(50_000)
    found.curves.loc[plain, "error"] += later
    return judged(found, claim_id)


@pytest.mark.parametrize("claim_id", ["K01", "K04", "K05", "K07", "K08", "K09", "K10", "K11"])
def test_the_papers_means_support_its_claims_on_imagenet(claim_id: str) -> None:
    assert imagenet(claim_id, count=5, spread=0.05).words == "supported"


@pytest.mark.parametrize(
    ("claim_id", "change", "expected"),
    [
        ("K01", {"plain-34": (20.0, 20.0)}, "not supported"),
        ("K04", {"resnet-34-A": (29.96, 27.88)}, "cannot tell yet"),
        ("K04", {"resnet-34-A": (35.0, 35.0)}, "not supported"),
        ("K05", {"resnet-34-A": (35.0, 35.0)}, "not supported"),
        ("K07", {"resnet-34-C": (24.2, 24.6)}, "cannot tell yet"),
        ("K07", {"resnet-34-C": (24.2, 27.0)}, "not supported"),
        ("K09", {f"resnet-{d}": (20.0, 22.0) for d in ("34-B", 50, 101, 152)}, "cannot tell yet"),
        ("K09", {"resnet-152": (19.0, 24.0)}, "not supported"),
    ],
)
def test_one_net_flips_the_verdict_on_imagenet(
    claim_id: str, change: dict[str, tuple[float, float]], expected: str
) -> None:
    assert imagenet(claim_id, PAPER_IMAGENET | change).words == expected


def test_at_18_layers_both_end_alike_only_if_the_whole_interval_is_small_and_the_start_is_faster() -> None:
    assert imagenet("K06", later=4).words == "supported"
    assert "(iteration 50,000)" in imagenet("K06", later=4).comparisons[1].what
    assert imagenet("K06", later=-4).words == "not supported", "the plain net is the faster one"
    assert imagenet("K06", later=4, spread=1.5).words == "cannot tell yet", "so small a gap needs more seeds"
    apart = imagenet("K06", PAPER_IMAGENET | {"plain-18": (40.0, 35.0)})
    assert (apart.words, apart.comparisons[0].outcome) == ("not supported", "fails")


def test_degradation_is_looked_for_throughout_training_too() -> None:
    assert imagenet("K01").comparisons[-1].here == "at 100 % of 2 points"
    assert imagenet("K01", PAPER_IMAGENET | {"plain-34": (20.0, 20.0)}).comparisons[-1].here == "at 0 % of 2 points"


def test_a_proxy_says_nothing_of_earlier_ensembles_on_imagenet() -> None:
    assert imagenet("K12", top5=0.1).words == "supported", "2.1 % is below 4.82 %"
    assert imagenet("K12", top5=0.3).words == "not supported"
    tiny = imagenet("K12", dataset="tiny_imagenet", top5=0.1)
    assert (tiny.words, tiny.comparisons[0].here) == ("not tested", "ImageNet alone can tell")


# --- nets of 110 and 1202 layers


def test_fitnet_and_highway_are_beaten_on_cifar_10_alone_and_parameters_are_counted() -> None:
    found = judged(seeds(), "K16")
    assert [c.here for c in found.comparisons[1:]] == ["1.73 M", "1.73 M"]
    assert "below 7.54 % (Highway's best)" in found.comparisons[0].what
    digits = seeds(dataset="digits")
    assert verdict(digits, "K16") == "not tested"
    assert settling(judged(digits, "K16"), digits) is None, "no run on digits could tell"


def warmed_up(start: int, without: int, error: float = 6.61) -> Study:
    """ResNet-110, which learns from `start` on, and without its warm-up, from `without` on; 32 points a curve."""
    made = []
    for variant, first, end in (("default", start, 6.61), ("no-warmup", without, error)):
        of = seeds({"resnet-110": (0.1, end)}, 5, variant=variant)
        made.append(with_curves(of, [(i / 32, 0 if 2000 * i >= first else 83) for i in range(1, 33)]))
    return joined(*made)


def test_without_warm_up_110_layers_start_late_and_end_alike() -> None:
    found = judged(warmed_up(2000, 6000), "K17")
    assert (found.words, found.comparisons[0].here) == ("supported", "+4,000 iterations")
    assert verdict(warmed_up(6000, 2000), "K17") == "not supported", "it starts first"
    assert verdict(warmed_up(2000, 6000, error=9.0), "K17") == "not supported", "it ends worse"
    assert verdict(warmed_up(2000, 2000), "K17") == "cannot tell yet", "points of a curve lie apart"
    assert judged(seeds(), "K17").missing == ("resnet-110/no-warmup",)


@pytest.mark.parametrize(
    ("error", "spread", "count", "expected"),
    [
        (6.61, 0.05, 10, "supported"),
        (6.61, 0.1, 5, "cannot tell yet"),
        (8.5, 0.05, 10, "not supported"),
        (6.61, 0.4, 10, "not supported"),
    ],
)
def test_resnet_110_has_the_mean_and_the_spread_of_the_paper(
    error: float, spread: float, count: int, expected: str
) -> None:
    found = seeds({"resnet-110": (0.1, error)}, count, spread=spread, **OFFICIAL)
    assert verdict(found, "K18") == expected


def test_the_spread_of_other_data_is_not_the_papers() -> None:
    assert judged(seeds(), "K18").comparisons[0].here == "the paper's own recipe and data alone can tell"


def test_1202_layers_train_if_their_training_error_is_below_that_of_the_paper() -> None:
    assert verdict(seeds({"resnet-1202": (0.08, 7.9)}), "K19") == "supported"
    assert verdict(seeds({"resnet-1202": (0.5, 7.9)}), "K19") == "not supported"
    assert verdict(seeds({"resnet-1202": (0.1, 7.9)}), "K19") == "cannot tell yet"


def test_1202_layers_overfit_if_they_test_worse_at_a_similar_training_error() -> None:
    both = {"resnet-110": (0.06, 6.61), "resnet-1202": (0.08, 7.93)}
    assert verdict(seeds(both), "K20") == "supported"
    assert verdict(seeds(both | {"resnet-1202": (0.08, 5.5)}), "K20") == "not supported", "as others found"
    assert verdict(seeds(both | {"resnet-1202": (1.0, 7.93)}), "K20") == "not supported", "it did not train as well"
    assert verdict(seeds(both | {"resnet-1202": (0.08, 6.7)}), "K20") == "cannot tell yet"


def test_the_opposite_ranking_of_1202_layers_that_others_found_stands_beside_the_claim() -> None:
    (others,) = [c for c in judged(seeds(), "K20").comparisons if not c.deciding]
    assert "akamaster" in others.what and (others.paper, others.here) == ("+1.32", "-0.14")


# --- side experiments


def with_variant(variant: str, changed: dict[str, tuple[float, float]], **options: Any) -> Study:
    """The paper's nets, and some under a variant, five seeds each; a variant that no profile has is only named so."""
    more = seeds(changed, 5, **options)
    for table in (more.runs, more.scores):
        table["variant"] = variant
    return joined(seeds(PAPER_IMAGENET if options.get("arm") else PAPER, 5, **options), more)


@pytest.mark.parametrize(
    ("claim_id", "variant", "changed", "expected"),
    [
        ("K24", "three-times-longer", {"plain-56": (4.0, 12.0)}, "supported"),
        ("K24", "three-times-longer", {"plain-56": (0.5, 8.0)}, "not supported"),
        ("K24", "three-times-longer", {"plain-56": (4.0, 9.7)}, "cannot tell yet"),
        ("K25", "bottleneck", {"plain-20": (1, 9), "plain-56": (5, 13)}, "supported"),
        ("K25", "bottleneck", {"plain-20": (1, 9), "plain-56": (0.5, 7)}, "not supported"),
        ("K26", "one-layer-blocks", {"resnet-20": (1, 10.0), "resnet-56": (5, 13.5)}, "supported"),
        ("K26", "one-layer-blocks", {"resnet-20": (1, 9.7), "resnet-56": (1, 8.0)}, "not supported"),
        ("K26", "one-layer-blocks", {"resnet-20": (1, 9.3), "resnet-56": (5, 13.2)}, "cannot tell yet"),
    ],
)
def test_a_side_experiment_is_judged_by_its_variant(
    claim_id: str, variant: str, changed: dict[str, tuple[float, float]], expected: str
) -> None:
    assert verdict(with_variant(variant, changed), claim_id) == expected
    assert verdict(seeds(), claim_id) == "not tested"


def test_longer_training_is_tried_on_imagenet_too() -> None:
    longer = with_variant("three-times-longer", {"plain-34": (32.4, 28.5)}, arm="imagenet")
    assert verdict(longer, "K24") == "supported"


def test_claims_rest_on_the_default_variant_unless_they_name_another() -> None:
    longer = seeds({"plain-56": (5.63, 60.0)}, variant="three-times-longer")
    assert judged(joined(seeds(), longer), "K02").comparisons[1].here == "+3.54"
    assert judged(joined(seeds({"plain-20": (1, 9)}), longer), "K02").missing == ("plain-56",)


# --- fidelity, the paper, and what would settle it


def test_the_fidelity_of_a_verdict_is_the_worst_of_the_runs_that_it_needs() -> None:
    exact = study({"plain-20": (1, 9), "resnet-20": (1, 9)}, pixels="official")
    jpeg = study({"plain-56": (5, 13)})
    assert judged(joined(exact, jpeg), "K02").fidelity == "proxy"
    assert judged(study({"plain-20": (1, 9), "plain-56": (5, 13)}, pixels="official"), "K02").fidelity == "exact"


@pytest.mark.parametrize(
    ("arm", "expected"),
    [
        (
            "cifar",
            {
                "K02": "no verdict: n = 1", "K03": "not tested", "K14": "provisional: supported",
                "K15": "provisional: supported", "K16": "supported", "K17": "not tested", "K18": "cannot tell yet",
                "K19": "no verdict: n = 1", "K20": "no verdict: n = 1",
            },
        ),
        ("imagenet", dict.fromkeys(["K01", "K04", "K05", "K06", "K07", "K09", "K12"], "no verdict: n = 1")),
    ],
)  # fmt: skip
def test_what_the_rule_says_of_the_papers_own_numbers(arm: str, expected: dict[str, str]) -> None:
    found = study_of_paper(ARMS[arm], PAPER_PROFILE)
    assert {key: verdict(found, key) for key in expected} == expected


def test_the_papers_own_numbers_are_those_that_it_prints() -> None:
    found = study_of_paper(ARMS["cifar"], PAPER_PROFILE)
    own = found.errors("resnet-110", "single_view", "top1_error")
    assert (len(own), own.mean(), own.std()) == (5, pytest.approx(6.61), pytest.approx(0.16))
    assert found.errors("resnet-56", "single_view", "top1_error").tolist() == [6.97]
    for c in judged(study_of_paper(ARMS["imagenet"], PAPER_PROFILE), "K09").comparisons:
        assert c.part == "must" or c.here.startswith(c.paper), c.what


def test_without_a_verdict_three_seeds_are_the_least() -> None:
    found = study({"plain-20": (1, 9.7), "plain-56": (5, 13.2)})
    needed = settling(judged(found, "K02"), found)
    assert (needed.seeds, needed.runs, needed.measured) == ({"plain-20": 3, "plain-56": 3}, 4, False)
    assert needed.hours == pytest.approx(4 * 600 / 3600)


def test_what_cannot_be_told_yet_needs_more_seeds_of_its_nets_and_no_others() -> None:
    found = seeds(PAPER | {"resnet-20": (0.6, 9.3)})
    needed = settling(judged(found, "K15"), found)
    assert needed.measured and needed.seeds.keys() == {"plain-20", "resnet-20"}
    assert 3 < needed.seeds["plain-20"] < 30
    assert needed.runs == 2 * (needed.seeds["plain-20"] - 3) and needed.hours == pytest.approx(needed.runs / 6)
    alike = seeds(PAPER | {"resnet-20": (0.6, 9.69)})
    assert settling(judged(alike, "K15"), alike).too_many
    assert settling(judged(seeds(), "K15"), seeds()) is None


# --- the list of claims


def test_each_of_the_32_claims_is_tested_or_says_what_it_needs() -> None:
    tested = {test.claim.id for arm in ARMS.values() for test in of_arm(arm)}
    assert sorted(tested | WAITING.keys()) == paper.claim_ids() == [f"K{n:02}" for n in range(1, 33)]
    assert not tested & WAITING.keys(), "what is tested does not wait"


@pytest.mark.parametrize("title", ["", "  "])
def test_a_claim_without_a_title_fails_where_it_is_written(title: str) -> None:
    with pytest.raises(ValueError, match="claim K21 needs a title"):
        claim("K21", title, arm=ARMS["cifar"])
    with pytest.raises(TypeError):
        claim("K21", arm=ARMS["cifar"])


def test_a_claim_is_one_of_the_papers_and_is_tested_once_an_arm() -> None:
    with pytest.raises(KeyError, match="no claim K99"):
        claim("K99", "A claim of nobody.", arm=ARMS["cifar"])
    with pytest.raises(ValueError, match="K02 has a test of the arm cifar already"):
        claim("K02", "Twice.", arm=ARMS["cifar"])
    ids = [t.test.claim.id for t in judge_claims(study({"plain-20": (1, 9)}))]
    assert ids[:5] == ["K02", "K03", "K08", "K14", "K15"], "in the order of their file, each of this arm"
