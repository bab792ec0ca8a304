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
    compare_trend,
    counted,
    difference_of,
    equal_cost,
    only_on_its_own_data,
    weighed,
)
from replication.verdicts.planning import typical

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
    return [c for c in compared if c.deciding or c.evidence]


@claim("K03", "A plain net of 110 layers does not train.", task=CIFAR, needs=["plain-110"])
def plain_110_fails(study: Study) -> list[Comparison]:
    """Whether it learned is the question here, so that a run at chance decides too."""
    bound = number("N20")
    found = [compare_bound(study, measure, "plain-110", f"> {bound} %", above=bound) for measure in (TRAIN, TEST)]
    return [
        c if c.evidence is None
        else weighed(c.what, c.paper, {n: replace(s, learned=True) for n, s in c.samples.items()}, c.weigh, LEVEL)
        for c in found
    ]  # fmt: skip


@claim("K08", "Identity shortcuts are free: same parameters, same multiply-adds.", task=CIFAR)
def shortcuts_are_free(_: Study) -> list[Comparison]:
    sizes = {net.partition("-")[2]: row["params_m"] for net, row in OWN.items()}
    return [equal_cost(f"plain-{d}", f"resnet-{d}", 32, 10, f"{size} M parameters") for d, size in sizes.items()]


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
    """Against their nets of 19 layers, as the paper has it: the lesser of their errors, each one's parameters."""
    others = {row["method"]: row for row in table(6) if row["method"] in ("FitNet", "Highway") and row["layers"] == 19}
    best = min(others, key=lambda method: others[method]["error"])
    paper, least = f"{OF_110['mean']:.2f} ± {OF_110['std']:.2f} %", others[best]["error"]
    ours = complexity("resnet-110", 32).parameters / 1e6
    return [
        only_on_its_own_data(study, compare_bound(study, TEST, "resnet-110", paper, f"{best}'s best", below=least)),
        *(
            counted(f"resnet-110 below {name}'s {row['params_m']:g} M parameters", f"{OF_110['params_m']:g} M",
                    f"{ours:.2f} M", ours < row["params_m"])
            for name, row in others.items()
        ),
    ]  # fmt: skip


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
        weighed(what, "several epochs", starts, difference_of({without: 1, with_it: -1}), ITERATIONS),
        compare_alike(study, TEST, without, with_it, ALIKE, "similar"),
    ]


@claim("K18", "Runs of ResNet-110 end, and spread, as the paper's five.", task=CIFAR, needs=["resnet-110"])
def spread_of_110(study: Study) -> list[Comparison]:
    """The mean within three of the paper's standard deviations, the deviation within a factor of two of it."""
    mean, std, n = OF_110["mean"], OF_110["std"], OF_110["runs"]
    printed = rule.of_errors(typical(mean, std, n), number("N16")[1])
    of_mean = f"resnet-110 − the paper's mean of {n} runs, {TEST.words}, less than ± {ALIKE:g}", f"{mean:.2f} %"
    of_spread = f"standard deviation of resnet-110, {TEST.words}, between {std / 2:g} and {2 * std:g}", f"{std:.2f}"
    if study.fidelity_of(["resnet-110"]) != "exact":
        why = "the paper's own recipe and data alone can tell"
        return [Comparison(*of, told=why, elsewhere=True) for of in (of_mean, of_spread)]
    found = {"resnet-110": TEST.sample(study, "resnet-110")}
    best = Comparison("best of resnet-110, test error", f"{OF_110['best']:.2f} % of {n}", part="aside", told="not run")
    if sample := found["resnet-110"]:
        told = f"{sample.values.min():.2f} % of {sample.n}"
        best = replace(best, told=told, worse="resnet-110", outcome="inconclusive")
    return [
        weighed(*of_mean, found, lambda own: rule.alike([(1, own["resnet-110"]), (-1, printed)], ALIKE)),
        weighed(*of_spread, found, lambda own: rule.spread(own["resnet-110"], std / 2, 2 * std), SPREAD),
        best,
    ]


@claim("K19", "A net of 1202 layers is no harder to optimise.", task=CIFAR, needs=["resnet-1202"])
def a_thousand_layers_train(study: Study) -> list[Comparison]:
    bound = number("N19")
    return [compare_bound(study, TRAIN, "resnet-1202", f"< {bound} %", below=bound)]


@claim(
    "K20",
    "A net of 1202 layers tests worse than one of 110, at a similar training error.",
    task=CIFAR,
    needs=["resnet-110", "resnet-1202"],
)
def a_thousand_layers_overfit(study: Study) -> list[Comparison]:
    """Training errors are similar within the 0.1 % that the paper's 1202 layers stay below."""
    deeper, shallower, drawn = "resnet-1202", "resnet-110", figure(6)["digitised"]["train_mean_59_64k"]
    paper, similar = PRINTED[deeper] - PRINTED[shallower], drawn[deeper] - drawn[shallower]
    others = [
        Comparison(
            f"{of['name']}: {deeper} − {shallower}, test error, {of['statistic']}", POINTS.format(paper), part="aside",
            told=POINTS.format(of["errors"][deeper] - of["errors"][shallower]), outcome="inconclusive",
        )
        for of in replications() if {deeper, shallower} <= of["errors"].keys()
    ]  # fmt: skip
    return [
        compare(study, TEST, deeper, shallower, paper),
        compare_alike(study, TRAIN, deeper, shallower, number("N19"), POINTS.format(similar)),
        *others,
    ]
