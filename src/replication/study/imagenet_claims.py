"""Claims on section 4.1: the plain/residual pairs, shortcut options, depth, and cost."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

from replication.nets.complexity import complexity
from replication.paper import figure, number, table
from replication.study.comparisons import (
    TEST,
    TRAIN,
    Comparison,
    Measure,
    compare,
    compare_gaps,
    compare_samples,
    equal_cost,
    outcome,
)
from replication.study.results import Study
from replication.study.statistics import Interval, above, difference, sample

EARLY = 1 / 12  # of the schedule: 5 of 60 x 10^4 iterations
ALIKE = 1.0  # points: the paper's 18-layer nets differ by 0.06, its 34-layer nets by 3.51
TEN_CROP = Measure("10-crop top-1 error", "ten_crop")
DEEPER = ["resnet-34-B", "resnet-50", "resnet-101", "resnet-152"]
# Measures of K09: table, its column, and the protocol behind it.
DEPTH_MEASURES = [
    (3, "top1", TEN_CROP),
    (3, "top5", Measure("10-crop top-5 error", "ten_crop", "top5_error")),
    (4, "top1", Measure("multi-scale top-1 error", "fully_convolutional")),
    (4, "top5", Measure("multi-scale top-5 error", "fully_convolutional", "top5_error")),
]


def _printed() -> dict[str, float]:
    """10-crop top-1 errors by our names (tables 2 and 3)."""
    found = {}
    for row in table(2):
        found |= {f"plain-{row['layers']}": row["plain"], f"resnet-{row['layers']}-A": row["resnet"]}
    return found | {our_name(row["model"]): row["top1"] for row in table(3) if row["kind"] == "own"}


def our_name(name: str) -> str:
    """The name that a row of tables 3 and 4 has here, e.g. "resnet-34-B" for "ResNet-34 B"."""
    return name.replace("ResNet", "resnet").replace("VGG", "vgg").replace("GoogLeNet", "googlenet").replace(" ", "-")


def _trained() -> dict[str, float]:
    """Training errors at the end of Figure 4, by our names."""
    ends = figure(4)["digitised"]["train_mean_50_55e4"]
    return {(net if net.startswith("plain") else f"{our_name(net)}-A"): error for net, error in ends.items()}


def _both(study: Study, worse: str, better: str) -> list[Comparison]:
    """On validation and on training data."""
    printed, trained = _printed(), _trained()
    return [
        compare(study, TEN_CROP, worse, better, printed[worse] - printed[better]),
        compare(study, TRAIN, worse, better, trained[worse] - trained[better]),
    ]


def _plain_nets_degrade(study: Study) -> list[Comparison]:
    return [*_both(study, "plain-34", "plain-18"), _throughout(study, "plain-34", "plain-18")]


def _throughout(study: Study, worse: str, better: str) -> Comparison:
    """How much of the training curve of one net lies above that of another; decides nothing."""
    what = f"{worse} above {better} throughout training, training error"
    curves = study.curves[study.curves["split"] == "train"]
    means = [curves[curves["net"] == net].groupby("iteration")["error"].mean() for net in (worse, better)]
    if any(mean.empty for mean in means):
        return Comparison(what, "missing", "throughout", "not run", deciding=False)
    gap = (means[0] - means[1]).dropna()
    share = 100 * (gap > 0).mean() if len(gap) else 0.0
    found = "holds" if share == 100 else "open" if share >= 50 else "fails"
    return Comparison(what, found, "throughout", f"at {share:.0f} % of {len(gap)} points", deciding=False)


def _residual_nets_gain(study: Study) -> list[Comparison]:
    return _both(study, "resnet-18-A", "resnet-34-A")


def _residual_beats_plain(study: Study) -> list[Comparison]:
    return _both(study, "plain-34", "resnet-34-A")


def _shallow_nets_end_alike(study: Study) -> list[Comparison]:
    printed, early = _printed(), figure(4)["digitised"]["val_at_5e4"]
    gaps = {d: printed[f"plain-{d}"] - printed[f"resnet-{d}-A"] for d in (18, 34)}
    larger, smaller = ("plain-34", "resnet-34-A"), ("plain-18", "resnet-18-A")
    return [
        _alike(study, *smaller, gaps[18]),
        _early(study, *smaller, early["plain-18"] - early["ResNet-18"]),
        replace(compare_gaps(study, TEN_CROP, larger, smaller, gaps[34] - gaps[18]), deciding=False),
    ]


def _alike(study: Study, worse: str, better: str, paper: float) -> Comparison:
    """Whether two errors differ by less than `ALIKE`: only if the whole interval does."""
    found = compare(study, TEN_CROP, worse, better, paper)
    what = f"{found.what}, less than ± {ALIKE:g}"
    if found.outcome == "missing":
        return replace(found, what=what)
    interval = difference(TEN_CROP.sample(study, worse), TEN_CROP.sample(study, better))
    inside = max(abs(interval.low), abs(interval.high)) < ALIKE
    outside = interval.low > ALIKE or interval.high < -ALIKE
    return replace(found, what=what, outcome="holds" if inside else "fails" if outside else "open")


def _early(study: Study, worse: str, better: str, paper: float) -> Comparison:
    """Centre-crop error at the first point of the curves from a twelfth of the schedule on."""
    points = study.curves[study.curves["split"] == "test"]
    points = points[points["iteration"] >= EARLY * study.runs["iterations"].max()]
    at = points["iteration"].min()
    samples = {}
    for net in (worse, better):
        errors = points.loc[(points["net"] == net) & (points["iteration"] == at), "error"]
        samples[net] = sample(errors, TEST.images(study, net), study.dataset) if len(errors) else None
    what = f"{worse} − {better}, centre-crop error early on" + (f" (iteration {at:,})" if len(points) else "")
    return compare_samples(study, what, {worse: 1, better: -1}, samples, paper)


def _shortcut_options(study: Study) -> list[Comparison]:
    printed, residual = _printed(), [f"resnet-34-{option}" for option in "ABC"]
    beats = [compare(study, TEN_CROP, "plain-34", net, printed["plain-34"] - printed[net]) for net in residual]
    steps = [compare(study, TEN_CROP, a, b, printed[a] - printed[b]) for a, b in pairwise(residual)]
    (plain, a, c) = ("plain-34", "resnet-34-A", "resnet-34-C")
    gap = printed[plain] - printed[a] - (printed[a] - printed[c])
    return [*beats, *steps, compare_gaps(study, TEN_CROP, (plain, a), (a, c), gap)]


def _shortcuts_are_free(_: Study) -> list[Comparison]:
    macs = table(1)[-1]
    return [
        equal_cost(f"plain-{d}", f"resnet-{d}-A", 224, 1000, f"{macs[str(d)]} billion multiply-adds") for d in (18, 34)
    ]


def _depth_helps(study: Study) -> list[Comparison]:
    comparisons = []
    for of, column, measure in DEPTH_MEASURES:
        name = "model" if of == 3 else "method"
        printed = {our_name(row[name]): row[column] for row in table(of) if row["kind"] == "own"}
        comparisons += [compare(study, measure, a, b, printed[a] - printed[b]) for a, b in pairwise(DEEPER)]
    return comparisons


def _cheaper_than_vgg(_: Study) -> list[Comparison]:
    printed = {"resnet-152": table(1)[-1]["152"], "vgg-16": number("N08"), "vgg-19": number("N06")}
    macs = {net: complexity(net, 224, 1000).macs / 1e9 for net in printed}
    comparisons = []
    for smaller, larger in pairwise(printed):
        gap = macs[larger] - macs[smaller]
        here = f"{gap:+.2f} ({macs[larger]:.2f} − {macs[smaller]:.2f})"
        what, paper = f"{larger} − {smaller}, billion multiply-adds", f"{printed[larger] - printed[smaller]:+.1f}"
        comparisons.append(Comparison(what, "holds" if gap > 0 else "fails", paper, here))
    return comparisons


def _beats_earlier_ensembles(study: Study) -> list[Comparison]:
    best = min(row["top5_test"] for row in table(5) if row["kind"] == "comparator")
    single = next(row["top5"] for row in table(4) if row["method"] == "ResNet-152")
    found = DEPTH_MEASURES[-1][2].sample(study, "resnet-152")
    what, paper = f"best earlier ensemble ({best} %) − resnet-152, top-5 error", f"{best - single:+.2f}"
    if found is None or "imagenet" not in set(study.runs["dataset"]):
        return [
            Comparison(what, "missing", paper, "resnet-152 not run" if found is None else "ImageNet alone can tell")
        ]
    over = above(found, best)
    below = Interval(-over.value, -over.high, -over.low)
    return [
        Comparison(what, outcome(below), paper, f"{below.value:+.2f} [{below.low:+.2f}, {below.high:+.2f}]", found.n)
    ]


# Test of each claim, and the nets that it needs.
TESTS: dict[str, tuple[Callable[[Study], list[Comparison]], list[str]]] = {
    "K01": (_plain_nets_degrade, ["plain-18", "plain-34"]),
    "K04": (_residual_nets_gain, ["resnet-18-A", "resnet-34-A"]),
    "K05": (_residual_beats_plain, ["plain-34", "resnet-34-A"]),
    "K06": (_shallow_nets_end_alike, ["plain-18", "resnet-18-A", "plain-34", "resnet-34-A"]),
    "K07": (_shortcut_options, ["plain-34", "resnet-34-A", "resnet-34-B", "resnet-34-C"]),
    "K08": (_shortcuts_are_free, []),
    "K09": (_depth_helps, DEEPER),
    "K10": (_cheaper_than_vgg, []),
    "K12": (_beats_earlier_ensembles, ["resnet-152"]),
}
