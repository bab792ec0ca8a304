"""Claims on section 4.2: degradation of plain CIFAR nets, and its cure."""

from itertools import pairwise

from replication.arms.cifar import CIFAR
from replication.claims.claim import claim
from replication.paper import end_errors, table
from replication.study.comparisons import TRAIN, Comparison, Measure, compare, equal_cost, outcome
from replication.study.statistics import above
from replication.study.studies import Study

DEPTHS = (20, 32, 44, 56)
TEST = Measure("test error", "single_view")


@claim(
    "K02",
    "Plain nets get worse with depth, on training data too.",
    arm=CIFAR,
    needs=["plain-20", "plain-56"],
    role="degradation",
)
def plain_nets_degrade(study: Study) -> list[Comparison]:
    pairs = [("plain-56", "plain-20", True)]
    pairs += [(f"plain-{b}", f"plain-{a}", False) for a, b in pairwise(DEPTHS)]
    compared = [
        compare(study, measure, worse, better, paper[worse] - paper[better], deciding)
        for worse, better, deciding in pairs
        for measure, paper in ((TRAIN, end_errors("4.2")["train"]), (TEST, end_errors("4.2")["test"]))
    ]
    return [c for c in compared if c.deciding or c.outcome != "missing"]


@claim("K03", "A plain net of 110 layers does not train.", arm=CIFAR, needs=["plain-110"])
def plain_110_fails(study: Study) -> list[Comparison]:
    bound, comparisons = 60, []
    for measure in (TRAIN, TEST):
        what, paper = f"plain-110 above {bound} %, {measure.words}", f"> {bound} %"
        found = measure.sample(study, "plain-110")
        if found is None:
            comparisons.append(Comparison(what, "missing", paper, "plain-110 was not run"))
            continue
        over = above(found, bound)
        interval = f"[{over.low + bound:.1f}, {over.high + bound:.1f}]"
        comparisons.append(Comparison(what, outcome(over), paper, f"{found.mean:.1f} %", interval, found.n))
    return comparisons


@claim("K08", "Identity shortcuts are free: same parameters, same multiply-adds.", arm=CIFAR)
def shortcuts_are_free(_: Study) -> list[Comparison]:
    printed = {row["layers"]: row["params_m"] for row in table(6) if row["kind"] == "own"}
    return [equal_cost(f"plain-{d}", f"resnet-{d}", 32, 10, f"{printed[d]} M parameters") for d in (*DEPTHS, 110, 1202)]


@claim(
    "K14",
    "Residual nets gain from depth, up to 110 layers.",
    arm=CIFAR,
    needs=[f"resnet-{d}" for d in (*DEPTHS, 110)],
    role="gain",
)
def residual_nets_gain_from_depth(study: Study) -> list[Comparison]:
    paper = {row["net"]: row.get("mean", row["error"]) for row in table(6) if row["kind"] == "own"}
    nets = [f"resnet-{d}" for d in (*DEPTHS, 110)]
    pairs = list(pairwise(nets))
    measured = [net for net in nets if net in study.nets]
    if len(measured) > 1 and (measured[0], measured[-1]) not in pairs:
        pairs.insert(0, (measured[0], measured[-1]))
    return [compare(study, TEST, shallow, deep, paper[shallow] - paper[deep]) for shallow, deep in pairs]


@claim(
    "K15",
    "A residual net beats the plain net of its depth.",
    arm=CIFAR,
    needs=[f"{kind}-{d}" for d in DEPTHS for kind in ("plain", "resnet")],
    role="cure",
)
def residual_beats_plain(study: Study) -> list[Comparison]:
    ends = end_errors("4.2")["test"]
    pairs = [(f"plain-{d}", f"resnet-{d}") for d in DEPTHS]
    return [compare(study, TEST, plain, residual, ends[plain] - ends[residual]) for plain, residual in pairs]
