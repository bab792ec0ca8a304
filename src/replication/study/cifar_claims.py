"""Claims on section 4.2: degradation of plain CIFAR nets, and its cure."""

from collections.abc import Callable
from itertools import pairwise

from replication.paper import figure, table
from replication.study.comparisons import TEST, TRAIN, Comparison, compare, equal_cost, outcome
from replication.study.results import Study
from replication.study.statistics import above

DEPTHS = (20, 32, 44, 56)
MEASURES = {"train": TRAIN, "test": TEST}


def _plain_nets_degrade(study: Study) -> list[Comparison]:
    ends = figure(6)["digitised"]
    paper = {
        split: {f"plain-{d}": ends[key][f"plain-{d}"] for d in DEPTHS}
        for split, key in (("train", "train_mean_59_64k"), ("test", "test_final"))
    }
    pairs = [("plain-56", "plain-20", True)]
    pairs += [(f"plain-{b}", f"plain-{a}", False) for a, b in pairwise(DEPTHS)]
    compared = [
        compare(study, MEASURES[split], worse, better, paper[split][worse] - paper[split][better], deciding)
        for worse, better, deciding in pairs
        for split in ("train", "test")
    ]
    return [c for c in compared if c.deciding or c.outcome != "missing"]


def _plain_110_fails(study: Study) -> list[Comparison]:
    comparisons = []
    for measure in (TRAIN, TEST):
        what, paper = f"plain-110 above 60 %, {measure.name}", "> 60 %"
        found = measure.sample(study, "plain-110")
        if found is None:
            comparisons.append(Comparison(what, "missing", paper, "plain-110 was not run"))
            continue
        comparisons.append(Comparison(what, outcome(above(found, 60)), paper, f"{found.mean:.1f} %", found.n))
    return comparisons


def _shortcuts_are_free(_: Study) -> list[Comparison]:
    printed = {row["layers"]: row["params_m"] for row in table(6) if row["kind"] == "own"}
    return [equal_cost(f"plain-{d}", f"resnet-{d}", 32, 10, f"{printed[d]} M parameters") for d in (*DEPTHS, 110, 1202)]


def _residual_nets_gain_from_depth(study: Study) -> list[Comparison]:
    paper = {r["layers"]: r.get("mean", r["error"]) for r in table(6) if r["kind"] == "own"}
    depths = (*DEPTHS, 110)
    pairs = list(pairwise(depths))
    measured = [d for d in depths if f"resnet-{d}" in set(study.runs["net"])]
    if len(measured) > 1 and (measured[0], measured[-1]) not in pairs:
        pairs.insert(0, (measured[0], measured[-1]))
    return [
        compare(study, TEST, f"resnet-{shallow}", f"resnet-{deep}", paper[shallow] - paper[deep])
        for shallow, deep in pairs
    ]


def _residual_beats_plain(study: Study) -> list[Comparison]:
    ends = figure(6)["digitised"]["test_final"]
    return [compare(study, TEST, f"plain-{d}", f"resnet-{d}", ends[f"plain-{d}"] - ends[f"ResNet-{d}"]) for d in DEPTHS]


# Test of each claim, and the nets that it needs.
TESTS: dict[str, tuple[Callable[[Study], list[Comparison]], list[str]]] = {
    "K02": (_plain_nets_degrade, ["plain-20", "plain-56"]),
    "K03": (_plain_110_fails, ["plain-110"]),
    "K08": (_shortcuts_are_free, []),
    "K14": (_residual_nets_gain_from_depth, [f"resnet-{d}" for d in (*DEPTHS, 110)]),
    "K15": (_residual_beats_plain, [f"{kind}-{d}" for d in DEPTHS for kind in ("plain", "resnet")]),
}
