"""What passes through the layers of trained nets: responses (Figure 7), and the gradients that reach them (4.1)."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pandas as pd

from replication.paper import figure
from replication.results.studies import Study
from replication.tasks.cifar import CIFAR
from replication.verdicts import rule
from replication.verdicts.claim import claim
from replication.verdicts.comparisons import ORDER, POINTS, Comparison, Part, Weigh, weigh_difference, weigh_samples

PAPER = figure(7)["digitised"]["mean"]  # over the layers of a net, of the standard deviations of their responses
RESIDUAL = ("resnet-20", "resnet-56", "resnet-110")
HEALTHY = 0.1  # ours, as the paper gives no number: by a tenth a layer, 54 layers would leave 0.003 of a gradient
RATIO = "{:.2f}"


def _respond(
    study: Study, what: str, paper: str, nets: Sequence[str], weigh: Weigh, form: str, part: Part = "must"
) -> Comparison:
    samples = {net: study.sample_of_layers(study.responses, net, lambda rows: rows["value"].mean()) for net in nets}
    samples = {net: sample and replace(sample, source=("responses", *sample.source)) for net, sample in samples.items()}
    return _mark_not_measured(weigh_samples(what, paper, samples, weigh, form, part))


def _mark_not_measured(comparison: Comparison) -> Comparison:
    return comparison if comparison.evidence else replace(comparison, note="not measured")


def _larger(study: Study, larger: str, smaller: str, part: Part = "must") -> Comparison:
    what, weigh = f"{larger} − {smaller}, mean response", weigh_difference({larger: 1, smaller: -1})
    return _respond(study, what, POINTS.format(PAPER[larger] - PAPER[smaller]), (larger, smaller), weigh, POINTS, part)


@claim(
    "K21",
    "The layers of a residual net respond less than those of the plain net.",
    task=CIFAR,
    needs=["plain-20", "resnet-20", "plain-56", "resnet-56"],
)
def residual_layers_respond_less(study: Study) -> list[Comparison]:
    """By the mean over layers, as the paper's "generally smaller" holds for 12 of 19 layers and 39 of 55."""
    return [_larger(study, f"plain-{depth}", f"resnet-{depth}") for depth in (20, 56)]


@claim("K22", "In deeper residual nets each layer changes the signal less.", task=CIFAR, needs=list(RESIDUAL))
def deeper_residual_nets_respond_less(study: Study) -> list[Comparison]:
    what = f"{RESIDUAL[0]} → {RESIDUAL[-1]}, mean response falls"
    weigh = lambda samples: rule.trend([samples[net] for net in RESIDUAL])  # noqa: E731
    falls = _respond(study, what, "falls", RESIDUAL, weigh, ORDER)
    return [falls, *(_larger(study, a, b, "guard") for a, b in pairwise(RESIDUAL))]


@claim("K23", "Gradients do not vanish in a deep plain net.", task=CIFAR, needs=["plain-56"])
def gradients_are_healthy(study: Study) -> list[Comparison]:
    """The gradients of the first third of the layers are no less than a tenth of those of the last third.

    At one iteration early on and at the last one. The residual net of the same depth is shown, and decides nothing.
    """
    return [
        _healthy(study, net, early, "must" if net == "plain-56" else "aside")
        for net in ("plain-56", "resnet-56")
        for early in (True, False)
    ]


def _healthy(study: Study, net: str, early: bool, part: Part) -> Comparison:
    when = "in the first tenth" if early else "at the end"
    what = f"{net} {when}, gradient norm of the first third of layers ÷ of the last, above {HEALTHY:g}"
    sample = study.sample_of_layers(study.gradients, net, lambda rows: _first_to_last(rows, early))
    source = ("gradients first" if early else "gradients last", net, "default")
    samples = {net: sample and replace(sample, source=source)}
    weigh = lambda samples: rule.bound(samples[net], above=HEALTHY)  # noqa: E731
    return _mark_not_measured(weigh_samples(what, "healthy", samples, weigh, RATIO, part))


def _first_to_last(rows: pd.DataFrame, early: bool) -> float:
    at = rows["iteration"].min() if early else rows["iteration"].max()
    norms = rows.loc[rows["iteration"] == at].sort_values("layer")["value"].to_numpy()
    third = len(norms) // 3
    return norms[:third].mean() / norms[-third:].mean()
