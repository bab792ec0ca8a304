"""The claims of sections 4.1 and 4.2, one net or number at a time; see `judging`."""

from typing import Any

import pytest
from judging import judged, seeds, verdict
from made_up import PAPER, PAPER_IMAGENET, joined, study, with_curves

from replication import paper
from replication.results.studies import Study
from replication.verdicts import claims
from replication.verdicts.claims.settling import plan_settling

OFFICIAL = {"pixels": "official"}


# --- what is counted


def test_shortcuts_are_free_by_counting_not_by_training() -> None:
    found = judged(study({"plain-20": (1, 9)}), "K08")
    assert (found.kind, found.fidelity, found.test.is_counted) == ("confirmed", "exact", True)
    assert any("1,727,962 parameters" in c.here for c in found.comparisons)


def test_the_two_blocks_of_figure_5_cost_alike_and_a_projection_doubles_one() -> None:
    found = judged(study(PAPER_IMAGENET, task="imagenet"), "K11")
    assert (found.kind, found.test.is_counted) == ("confirmed", True)
    assert [c.here for c in found.comparisons] == ["0.94 (69,632 ÷ 73,728)", "1.94 (135,168 ÷ 69,632)"]
    drawn = paper.figure(5)["derived"]
    assert drawn["weights_per_block"]["bottleneck_256_with_projection"] == 135_168 and drawn["projection_ratio"] == 1.94


def test_cost_is_counted_not_trained() -> None:
    found = imagenet("K10", {"plain-18": (31.46, 27.94)})
    assert (found.kind, found.fidelity) == ("confirmed", "exact")
    assert found.comparisons[0].here == "+4.19 (15.47 − 11.28)"


# --- section 4.1


def imagenet(
    claim_id: str, errors: dict[str, tuple[float, float]] = PAPER_IMAGENET, later: float = 0, **options: Any
) -> claims.Tested:
    """A claim judged on ImageNet; `later` adds points to plain-18 early on."""
    found = with_curves(seeds(errors, task="imagenet", **options), [(1 / 12, 20.0), (1.0, 0.0)])
    plain = found.curves["net"].eq("plain-18") & found.curves["iteration"].eq(50_000)
    found.curves.loc[plain, "value"] += later
    return judged(found, claim_id)


@pytest.mark.parametrize("claim_id", ["K01", "K04", "K05", "K07", "K08", "K09", "K10", "K11"])
def test_the_papers_means_support_its_claims_on_imagenet(claim_id: str) -> None:
    assert imagenet(claim_id, count=5, spread=0.05).verdict == "supported"


@pytest.mark.parametrize(
    ("claim_id", "change", "expected"),
    [
        ("K01", {"plain-34": (20.0, 20.0)}, "contradicted"),
        ("K04", {"resnet-34-A": (29.96, 27.88)}, "inconclusive"),
        ("K04", {"resnet-34-A": (35.0, 35.0)}, "contradicted"),
        ("K05", {"resnet-34-A": (35.0, 35.0)}, "contradicted"),
        ("K07", {"resnet-34-C": (24.2, 24.6)}, "inconclusive"),
        ("K07", {"resnet-34-C": (24.2, 27.0)}, "contradicted"),
        ("K09", {f"resnet-{d}": (20.0, 22.0) for d in ("34-B", 50, 101, 152)}, "inconclusive"),
        ("K09", {"resnet-152": (19.0, 24.0)}, "contradicted"),
    ],
)
def test_one_net_flips_the_verdict_on_imagenet(
    claim_id: str, change: dict[str, tuple[float, float]], expected: str
) -> None:
    assert imagenet(claim_id, PAPER_IMAGENET | change).kind == expected


def test_at_18_layers_both_end_alike_only_if_the_whole_interval_is_small_and_the_start_is_faster() -> None:
    assert imagenet("K06", later=4).kind == "supported"
    assert "(iteration 50,000)" in imagenet("K06", later=4).comparisons[1].what
    assert imagenet("K06", later=-4).kind == "contradicted", "the plain net is the faster one"
    assert imagenet("K06", later=4, spread=1.5).kind == "inconclusive", "so small a gap needs more seeds"
    apart = imagenet("K06", PAPER_IMAGENET | {"plain-18": (40.0, 35.0)})
    assert (apart.kind, apart.comparisons[0].outcome) == ("contradicted", "contradicted")


def test_degradation_is_looked_for_throughout_training_too() -> None:
    assert imagenet("K01").comparisons[-1].here == "at 100 % of 2 points"
    assert imagenet("K01", PAPER_IMAGENET | {"plain-34": (20.0, 20.0)}).comparisons[-1].here == "at 0 % of 2 points"


def test_a_proxy_says_nothing_of_earlier_ensembles_on_imagenet() -> None:
    assert imagenet("K12", top5=0.1).kind == "supported", "2.1 % is below 4.82 %"
    assert imagenet("K12", top5=0.3).kind == "contradicted"
    tiny = imagenet("K12", dataset="tiny_imagenet", top5=0.1)
    assert tiny.kind == "not tested" and tiny.comparisons[0].is_out_of_reach


# --- nets of 110 and 1202 layers


def test_fitnet_and_highway_are_beaten_on_cifar_10_alone_and_parameters_are_counted() -> None:
    found = judged(seeds(), "K16")
    assert [c.here for c in found.comparisons[1:]] == ["1.73 M", "1.73 M"]
    assert "below 7.54 % (Highway's best)" in found.comparisons[0].what
    digits = seeds(dataset="digits")
    assert verdict(digits, "K16") == "not tested"
    assert plan_settling(judged(digits, "K16"), digits) is None, "no run on digits could tell"


def warmed_up(start: int, without: int, error: float = 6.61) -> Study:
    """ResNet-110, which learns from `start` on, and without its warm-up, from `without` on; 32 points a curve."""
    made = []
    for variant, first, end in (("default", start, 6.61), ("no-warmup", without, error)):
        of = seeds({"resnet-110": (0.1, end)}, 5, variant=variant)
        made.append(with_curves(of, [(i / 32, 0 if 2000 * i >= first else 83) for i in range(1, 33)]))
    return joined(*made)


def test_without_warm_up_110_layers_start_late_and_end_alike() -> None:
    found = judged(warmed_up(2000, 6000), "K17")
    assert (found.kind, found.comparisons[0].here) == ("supported", "+4,000 iterations")
    assert verdict(warmed_up(6000, 2000), "K17") == "contradicted", "it starts first"
    assert verdict(warmed_up(2000, 6000, error=9.0), "K17") == "contradicted", "it ends worse"
    assert verdict(warmed_up(2000, 2000), "K17") == "inconclusive", "points of a curve lie apart"
    assert judged(seeds(), "K17").missing == ("resnet-110/no-warmup",)


@pytest.mark.parametrize(
    ("error", "spread", "count", "expected"),
    [
        (6.61, 0.05, 10, "supported"),
        (6.61, 0.1, 5, "inconclusive"),
        (8.5, 0.05, 10, "contradicted"),
        (6.61, 0.4, 10, "contradicted"),
    ],
)
def test_resnet_110_has_the_mean_and_the_spread_of_the_paper(
    error: float, spread: float, count: int, expected: str
) -> None:
    found = seeds({"resnet-110": (0.1, error)}, count, spread=spread, **OFFICIAL)
    assert verdict(found, "K18") == expected


def test_the_spread_of_other_data_is_not_the_papers() -> None:
    assert judged(seeds(), "K18").comparisons[0].is_out_of_reach


def test_1202_layers_train_if_their_training_error_is_below_that_of_the_paper() -> None:
    assert verdict(seeds({"resnet-1202": (0.08, 7.9)}), "K19") == "supported"
    assert verdict(seeds({"resnet-1202": (0.5, 7.9)}), "K19") == "contradicted"
    assert verdict(seeds({"resnet-1202": (0.1, 7.9)}), "K19") == "inconclusive"


def test_1202_layers_overfit_if_they_test_worse_at_a_similar_training_error() -> None:
    both = {"resnet-110": (0.06, 6.61), "resnet-1202": (0.08, 7.93)}
    assert verdict(seeds(both), "K20") == "supported"
    assert verdict(seeds(both | {"resnet-1202": (0.08, 5.5)}), "K20") == "contradicted", "as others found"
    assert verdict(seeds(both | {"resnet-1202": (1.0, 7.93)}), "K20") == "contradicted", "it did not train as well"
    assert verdict(seeds(both | {"resnet-1202": (0.08, 6.7)}), "K20") == "inconclusive"


def test_the_opposite_ranking_of_1202_layers_that_others_found_stands_beside_the_claim() -> None:
    (others,) = [c for c in judged(seeds(), "K20").comparisons if not c.is_deciding]
    assert "akamaster" in others.what and (others.paper, others.here) == ("+1.32", "-0.14")


# --- side experiments


def with_variant(variant: str, changed: dict[str, tuple[float, float]], **options: Any) -> Study:
    """The paper's nets, and some under a variant, five seeds each; a variant that no profile has is only named so."""
    more = seeds(changed, 5, **options)
    for table in (more.runs, more.scores):
        table["variant"] = variant
    return joined(seeds(PAPER_IMAGENET if options.get("task") else PAPER, 5, **options), more)


@pytest.mark.parametrize(
    ("claim_id", "variant", "changed", "expected"),
    [
        ("K24", "three-times-longer", {"plain-56": (4.0, 12.0)}, "supported"),
        ("K24", "three-times-longer", {"plain-56": (0.5, 8.0)}, "contradicted"),
        ("K24", "three-times-longer", {"plain-56": (4.0, 9.7)}, "inconclusive"),
        ("K25", "bottleneck", {"plain-20": (1, 9), "plain-56": (5, 13)}, "supported"),
        ("K25", "bottleneck", {"plain-20": (1, 9), "plain-56": (0.5, 7)}, "contradicted"),
        ("K26", "one-layer-blocks", {"resnet-20": (1, 10.0), "resnet-56": (5, 13.5)}, "supported"),
        ("K26", "one-layer-blocks", {"resnet-20": (1, 9.7), "resnet-56": (1, 8.0)}, "contradicted"),
        ("K26", "one-layer-blocks", {"resnet-20": (1, 9.3), "resnet-56": (5, 13.2)}, "inconclusive"),
    ],
)
def test_a_side_experiment_is_judged_by_its_variant(
    claim_id: str, variant: str, changed: dict[str, tuple[float, float]], expected: str
) -> None:
    assert verdict(with_variant(variant, changed), claim_id) == expected
    assert verdict(seeds(), claim_id) == "not tested"


def test_longer_training_is_tried_on_imagenet_too() -> None:
    longer = with_variant("three-times-longer", {"plain-34": (32.4, 28.5)}, task="imagenet")
    assert verdict(longer, "K24") == "supported"


def test_claims_rest_on_the_default_variant_unless_they_name_another() -> None:
    longer = seeds({"plain-56": (5.63, 60.0)}, variant="three-times-longer")
    assert judged(joined(seeds(), longer), "K02").comparisons[1].here == "+3.54"
    assert judged(joined(seeds({"plain-20": (1, 9)}), longer), "K02").missing == ("plain-56",)
