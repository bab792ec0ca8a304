"""Claims on section 4.2: degradation of plain CIFAR nets, its cure, and nets of 110 and 1202 layers."""

from dataclasses import replace
from itertools import pairwise

from replication.nets.complexity import complexity
from replication.paper import end_errors, figure, number, protocol, replications, table
from replication.results.studies import Study
from replication.tasks.cifar import CIFAR
from replication.verdicts import rule
from replication.verdicts.claim import claim
from replication.verdicts.comparisons import (
    ITERATIONS,
    LEVEL,
    POINTS,
    SPREAD,
    TRAIN,
    Comparison,
    Measure,
    compare,
    compare_alike,
    compare_bound,
    compare_cost,
    compare_counts,
    compare_trend,
    require_paper_data,
    weigh_difference,
    weigh_samples,
)
from replication.verdicts.seeds_needed import make_typical_values

DEPTHS = (20, 32, 44, 56)
TEST = Measure("test error", "single_view")
RESIDUAL = [f"resnet-{depth}" for depth in (*DEPTHS, 110)]
OWN = {row["net"]: row for row in table(6) if row["kind"] == "own"}
PRINTED = {net: row.get("mean", row["error"]) for net, row in OWN.items()}  # test errors of Table 6
OF_110 = OWN["resnet-110"]  # mean, standard deviation and best of five runs
ALIKE = 3 * OF_110["std"]  # points: test errors are alike within three standard deviations of one net's runs
LEARNS = protocol("cifar10", "C8")["until_train_error_below"]  # percent: a net below it has begun to learn


@claim(
    "K02",
    "Plain nets get worse with depth, on training data too.",
    task=CIFAR,
    needs=["plain-20", "plain-56"],
    role="degradation",
)
def plain_nets_degrade(study: Study) -> list[Comparison]:
    pairs = [("plain-56", "plain-20", "must")]
    pairs += [(f"plain-{b}", f"plain-{a}", "aside") for a, b in pairwise(DEPTHS)]
    compared = [
        compare(study, measure, worse, better, paper[worse] - paper[better], part)
        for worse, better, part in pairs
        for measure, paper in ((TRAIN, end_errors("4.2")["train"]), (TEST, end_errors("4.2")["test"]))
    ]
    return [c for c in compared if c.is_deciding or c.evidence]


@claim("K03", "A plain net of 110 layers does not train.", task=CIFAR, needs=["plain-110"])
def plain_110_fails(study: Study) -> list[Comparison]:
    """The question is whether it learned, so a run at chance decides too."""
    bound = number("N20")
    comparisons = []
    for measure in (TRAIN, TEST):
        c = compare_bound(study, measure, "plain-110", f"> {bound} %", worse_than=bound)
        if c.evidence:
            samples = {net: replace(sample, learned=True) for net, sample in c.samples.items()}
            c = weigh_samples(c.what, c.paper, samples, c.weigh, LEVEL)
        comparisons.append(c)
    return comparisons


@claim("K08", "Identity shortcuts are free: same parameters, same multiply-adds.", task=CIFAR)
def shortcuts_are_free(_: Study) -> list[Comparison]:
    sizes = {net.partition("-")[2]: row["params_m"] for net, row in OWN.items()}
    return [compare_cost(f"plain-{d}", f"resnet-{d}", 32, 10, f"{size} M parameters") for d, size in sizes.items()]


@claim("K14", "Residual nets gain from depth, up to 110 layers.", task=CIFAR, needs=RESIDUAL, role="gain")
def residual_nets_gain_from_depth(study: Study) -> list[Comparison]:
    measured = [net for net in RESIDUAL if study.has(net)]
    pairs = list(pairwise(RESIDUAL))
    if len(measured) > 1 and (measured[0], measured[-1]) not in pairs:
        pairs.insert(0, (measured[0], measured[-1]))
    steps = [compare(study, TEST, a, b, PRINTED[a] - PRINTED[b], "guard") for a, b in pairs]
    return [compare_trend(study, TEST, RESIDUAL), *steps]


@claim(
    "K15",
    "A residual net beats the plain net of its depth.",
    task=CIFAR,
    needs=[f"{kind}-{d}" for d in DEPTHS for kind in ("plain", "resnet")],
    role="cure",
)
def residual_beats_plain(study: Study) -> list[Comparison]:
    ends = end_errors("4.2")["test"]
    pairs = [(f"plain-{d}", f"resnet-{d}") for d in DEPTHS]
    return [compare(study, TEST, plain, residual, ends[plain] - ends[residual]) for plain, residual in pairs]


@claim("K16", "ResNet-110 beats FitNet and Highway with fewer parameters.", task=CIFAR, needs=["resnet-110"])
def thin_and_better(study: Study) -> list[Comparison]:
    """Against their nets of 19 layers, as in the paper: the lower of their two errors, and the parameters of each."""
    others = {row["method"]: row for row in table(6) if row["method"] in ("FitNet", "Highway") and row["layers"] == 19}
    best = min(others, key=lambda method: others[method]["error"])
    paper, least = f"{OF_110['mean']:.2f} ± {OF_110['std']:.2f} %", others[best]["error"]
    error = compare_bound(study, TEST, "resnet-110", paper, better_than=least, source=f"{best}'s best")
    comparisons = [require_paper_data(study, error)]
    millions = complexity("resnet-110", 32).parameters / 1e6
    for name, row in others.items():
        what = f"resnet-110 below {name}'s {row['params_m']:g} M parameters"
        is_smaller = millions < row["params_m"]
        comparisons.append(compare_counts(what, f"{OF_110['params_m']:g} M", f"{millions:.2f} M", is_smaller))
    return comparisons


@claim(
    "K17",
    "At a rate of 0.1 ResNet-110 is slow to start, and ends alike.",
    task=CIFAR,
    needs=["resnet-110", "resnet-110/no-warmup"],
)
def warm_up_is_a_convenience(study: Study) -> list[Comparison]:
    """A net starts at the first point of its curve below the error at which the paper's warm-up ends.

    The paper speaks of 90 %: a net at chance is below that at every second point.
    """
    without, with_it = "resnet-110/no-warmup", "resnet-110"
    starts = {net: study.iterations_until(net, LEARNS) for net in (without, with_it)}
    what = f"{without} − {with_it}, iterations to a training error below {LEARNS} %"
    return [
        weigh_samples(what, "several epochs", starts, weigh_difference({without: 1, with_it: -1}), ITERATIONS),
        compare_alike(study, TEST, without, with_it, ALIKE, "similar"),
    ]


@claim("K18", "Runs of ResNet-110 end, and spread, as the paper's five.", task=CIFAR, needs=["resnet-110"])
def spread_of_110(study: Study) -> list[Comparison]:
    """The mean within three of the paper's standard deviations, the deviation within a factor of two of it."""
    mean, std, n = OF_110["mean"], OF_110["std"], OF_110["runs"]
    printed = rule.of_errors(make_typical_values(mean, std, n), number("N16")[1])
    mean_words = f"resnet-110 − the paper's mean of {n} runs, {TEST.words}, less than ± {ALIKE:g}", f"{mean:.2f} %"
    spread_words = f"standard deviation of resnet-110, {TEST.words}, between {std / 2:g} and {2 * std:g}", f"{std:.2f}"
    if study.fidelity_of(["resnet-110"]) != "exact":
        note = "needs the paper's recipe and data"
        return [Comparison(*words, note=note, is_out_of_reach=True) for words in (mean_words, spread_words)]
    samples = {"resnet-110": TEST.sample(study, "resnet-110")}
    best = Comparison("best of resnet-110, test error", f"{OF_110['best']:.2f} % of {n}", part="aside", note="not run")
    if sample := samples["resnet-110"]:
        note = f"{sample.values.min():.2f} % of {sample.n}"
        best = replace(best, note=note, worse="resnet-110", outcome="inconclusive")
    return [
        weigh_samples(*mean_words, samples, lambda s: rule.alike([(1, s["resnet-110"]), (-1, printed)], ALIKE)),
        weigh_samples(*spread_words, samples, lambda s: rule.spread(s["resnet-110"], std / 2, 2 * std), SPREAD),
        best,
    ]


@claim("K19", "A net of 1202 layers is no harder to optimise.", task=CIFAR, needs=["resnet-1202"])
def a_thousand_layers_train(study: Study) -> list[Comparison]:
    bound = number("N19")
    return [compare_bound(study, TRAIN, "resnet-1202", f"< {bound} %", better_than=bound)]


@claim(
    "K20",
    "A net of 1202 layers tests worse than one of 110, at a similar training error.",
    task=CIFAR,
    needs=["resnet-110", "resnet-1202"],
)
def a_thousand_layers_overfit(study: Study) -> list[Comparison]:
    """Training errors are similar within the 0.1 % that the paper's 1202 layers stay below."""
    deeper, shallower = "resnet-1202", "resnet-110"
    training = figure(6)["digitised"]["train_mean_59_64k"]
    paper, similar = PRINTED[deeper] - PRINTED[shallower], training[deeper] - training[shallower]
    others = []
    for project in replications():
        errors = project["errors"]
        if deeper in errors and shallower in errors:
            what = f"{project['name']}: {deeper} − {shallower}, test error, {project['statistic']}"
            note = POINTS.format(errors[deeper] - errors[shallower])
            others.append(Comparison(what, POINTS.format(paper), part="aside", note=note, outcome="inconclusive"))
    return [
        compare(study, TEST, deeper, shallower, paper),
        compare_alike(study, TRAIN, deeper, shallower, number("N19"), POINTS.format(similar)),
        *others,
    ]
