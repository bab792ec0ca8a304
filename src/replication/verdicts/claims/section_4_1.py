"""Claims on section 4.1: the plain/residual pairs, shortcut options, depth, and cost."""

from itertools import pairwise

import torch
from torch import nn

from replication.nets.blocks import Block, Bottleneck, shortcut
from replication.nets.complexity import complexity
from replication.paper import end_errors, figure, number, table
from replication.results.studies import Study
from replication.tasks.imagenet import IMAGENET
from replication.tasks.task import TOP5
from replication.verdicts.claim import claim
from replication.verdicts.comparisons import (
    POINTS,
    TRAIN,
    Comparison,
    Measure,
    compare,
    compare_alike,
    compare_bound,
    compare_cost,
    compare_counts,
    compare_gaps,
    compare_trend,
    require_paper_data,
    weigh_difference,
    weigh_samples,
)

EARLY = 1 / 12  # of the schedule: 5 of 60 x 10^4 iterations
ALIKE = 1.0  # points: the paper's 18-layer nets differ by 0.06, its 34-layer nets by 3.51
ABOUT = 0.1  # of a cost: "similar" (Figure 5) is within a tenth of it
TEN_CROP = Measure("10-crop top-1 error", "ten_crop")
MULTI_SCALE_TOP5 = Measure("multi-scale top-5 error", "fully_convolutional", TOP5)
DEEPER = ["resnet-34-B", "resnet-50", "resnet-101", "resnet-152"]
# Measures of K09: table, its column, and the protocol behind it.
DEPTH_MEASURES = [
    (3, "top1", TEN_CROP),
    (3, "top5", Measure("10-crop top-5 error", "ten_crop", TOP5)),
    (4, "top1", Measure("multi-scale top-1 error", "fully_convolutional")),
    (4, "top5", MULTI_SCALE_TOP5),
]


def _read_errors() -> dict[str, float]:
    """10-crop top-1 errors (tables 2 and 3)."""
    return {row["net"]: row["top1"] for row in (*table(2), *table(3)) if row["kind"] == "own"}


def _both(study: Study, worse: str, better: str) -> list[Comparison]:
    """On validation and on training data."""
    printed, trained = _read_errors(), end_errors("4.1")["train"]
    return [
        compare(study, TEN_CROP, worse, better, printed[worse] - printed[better]),
        compare(study, TRAIN, worse, better, trained[worse] - trained[better]),
    ]


@claim(
    "K01",
    "The deeper plain net is worse, on training data too.",
    task=IMAGENET,
    needs=["plain-18", "plain-34"],
    role="degradation",
)
def plain_nets_degrade(study: Study) -> list[Comparison]:
    return [*_both(study, "plain-34", "plain-18"), _throughout(study, "plain-34", "plain-18")]


def _throughout(study: Study, worse: str, better: str) -> Comparison:
    """The share of the training curve of one net that lies above that of another. It decides nothing."""
    what = f"{worse} above {better} throughout training, training error"
    means = [study.curve(net, "train").groupby("iteration")["value"].mean() for net in (worse, better)]
    if any(mean.empty for mean in means):
        return Comparison(what, "throughout", part="aside", note="not run")
    gap = (means[0] - means[1]).dropna()
    share = 100 * (gap > 0).mean() if len(gap) else 0.0
    note = f"at {share:.0f} % of {len(gap)} points"
    nets = {"worse": worse, "better": better}
    return Comparison(what, "throughout", part="aside", note=note, outcome="inconclusive", **nets)


@claim(
    "K04",
    "With shortcuts the deeper net is better.",
    task=IMAGENET,
    needs=["resnet-18-A", "resnet-34-A"],
    role="gain",
)
def residual_nets_gain(study: Study) -> list[Comparison]:
    return _both(study, "resnet-18-A", "resnet-34-A")


@claim(
    "K05",
    "At 34 layers the residual net beats the plain one.",
    task=IMAGENET,
    needs=["plain-34", "resnet-34-A"],
    role="cure",
)
def residual_beats_plain(study: Study) -> list[Comparison]:
    return _both(study, "plain-34", "resnet-34-A")


@claim(
    "K06",
    "At 18 layers both end alike, but the residual net learns faster.",
    task=IMAGENET,
    needs=["plain-18", "resnet-18-A"],
)
def shallow_nets_end_alike(study: Study) -> list[Comparison]:
    printed, early = _read_errors(), figure(4)["digitised"]["val_at_5e4"]
    gaps = {d: printed[f"plain-{d}"] - printed[f"resnet-{d}-A"] for d in (18, 34)}
    larger, smaller = ("plain-34", "resnet-34-A"), ("plain-18", "resnet-18-A")
    return [
        compare_alike(study, TEN_CROP, *smaller, ALIKE, POINTS.format(gaps[18])),
        _early(study, *smaller, early["plain-18"] - early["resnet-18-A"]),
        compare_gaps(study, TEN_CROP, larger, smaller, gaps[34] - gaps[18], "aside"),
    ]


def _early(study: Study, worse: str, better: str, paper: float) -> Comparison:
    """Centre-crop error at the first point of the curves from a twelfth of the schedule on."""
    at = study.first_test_from([worse, better], EARLY)
    what = f"{worse} − {better}, centre-crop error early on" + (f" (iteration {at:,})" if at else "")
    samples = {net: study.sample_at(net, at) for net in (worse, better)}
    return weigh_samples(what, POINTS.format(paper), samples, weigh_difference({worse: 1, better: -1}))


@claim(
    "K07",
    "Shortcut options differ little: projections are not essential.",
    task=IMAGENET,
    needs=["plain-34", "resnet-34-A", "resnet-34-B", "resnet-34-C"],
)
def shortcut_options(study: Study) -> list[Comparison]:
    printed, residual = _read_errors(), [f"resnet-34-{option}" for option in "ABC"]
    plain, a, c = "plain-34", "resnet-34-A", "resnet-34-C"
    gap = printed[plain] - printed[a] - (printed[a] - printed[c])
    return [
        *(compare(study, TEN_CROP, plain, net, printed[plain] - printed[net]) for net in residual),
        compare_gaps(study, TEN_CROP, (plain, a), (a, c), gap),
        compare_trend(study, TEN_CROP, residual),
        *(compare(study, TEN_CROP, x, y, printed[x] - printed[y], "guard") for x, y in pairwise(residual)),
    ]


@claim("K08", "Identity shortcuts are free: same parameters, same multiply-adds.", task=IMAGENET)
def shortcuts_are_free(_: Study) -> list[Comparison]:
    macs = table(1)[-1]
    return [
        compare_cost(f"plain-{d}", f"resnet-{d}-A", 224, 1000, f"{macs[str(d)]} billion multiply-adds")
        for d in (18, 34)
    ]


@claim("K09", "Errors fall with depth, from 34 to 152 layers.", task=IMAGENET, needs=DEEPER)
def depth_helps(study: Study) -> list[Comparison]:
    comparisons = []
    for number_of_table, column, measure in DEPTH_MEASURES:
        printed = {row["net"]: row[column] for row in table(number_of_table) if row["kind"] == "own"}
        comparisons.append(compare_trend(study, measure, DEEPER))
        comparisons += [compare(study, measure, a, b, printed[a] - printed[b], "guard") for a, b in pairwise(DEEPER)]
    return comparisons


@claim("K10", "152 layers cost less than VGG.", task=IMAGENET)
def cheaper_than_vgg(_: Study) -> list[Comparison]:
    printed = {"resnet-152": table(1)[-1]["152"], "vgg-16": number("N08"), "vgg-19": number("N06")}
    macs = {net: complexity(net, 224, 1000).macs / 1e9 for net in printed}
    comparisons = []
    for smaller, larger in pairwise(printed):
        gap = macs[larger] - macs[smaller]
        here = f"{gap:+.2f} ({macs[larger]:.2f} − {macs[smaller]:.2f})"
        what, paper = f"{larger} − {smaller}, billion multiply-adds", f"{printed[larger] - printed[smaller]:+.1f}"
        comparisons.append(compare_counts(what, paper, here, gap > 0))
    return comparisons


@claim("K11", "The two blocks of Figure 5 cost alike; a projection would double the bottleneck.", task=IMAGENET)
def bottlenecks_need_identity_shortcuts(_: Study) -> list[Comparison]:
    printed = figure(5)["derived"]["weights_per_block"]
    with torch.device("meta"):
        basic, bottleneck = Block(64, 64, 1, nn.Identity()), Bottleneck(256, 64, 1, nn.Identity(), "1x1")
        projected = Bottleneck(256, 64, 1, shortcut("C", 256, 256, 1), "1x1")
    weights = [_weights(block) for block in (basic, bottleneck, projected)]
    comparisons = []
    for what, (numerator, denominator), expected in (
        ("weights of the bottleneck ÷ of the basic block", (1, 0), 1),
        ("weights of the bottleneck with a projection ÷ without", (2, 1), 2),
    ):
        ratio, paper_ratio = (values[numerator] / values[denominator] for values in (weights, list(printed.values())))
        here = f"{ratio:.2f} ({weights[numerator]:,} ÷ {weights[denominator]:,})"
        near = abs(ratio / expected - 1) < ABOUT
        comparisons.append(compare_counts(f"{what}, {expected} ± {ABOUT:.0%}", f"{paper_ratio:.2f}", here, near))
    return comparisons


def _weights(block: nn.Module) -> int:
    """Weights of a block's convolutions. All maps have one size, so multiply-adds have the same ratios."""
    return sum(layer.weight.numel() for layer in block.modules() if isinstance(layer, nn.Conv2d))


@claim("K12", "One ResNet-152 beats every earlier ensemble.", task=IMAGENET, needs=["resnet-152"])
def beats_earlier_ensembles(study: Study) -> list[Comparison]:
    best = min(row["top5_test"] for row in table(5) if row["kind"] == "comparator")
    single = next(row["top5"] for row in table(4) if row["net"] == "resnet-152")
    comparison = compare_bound(
        study, MULTI_SCALE_TOP5, "resnet-152", f"{single:.2f} %", better_than=best, source="the best earlier ensemble"
    )
    return [require_paper_data(study, comparison)]
