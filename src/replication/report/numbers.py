"""The numbers that figures draw, as rows of a CSV: the paper's, "paper", and those of each study, by its name."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from replication import paper
from replication.config.profiles import DEFAULT
from replication.nets.complexity import layers
from replication.nets.names import depth_of
from replication.results.studies import Study
from replication.tasks import Task
from replication.verdicts.claims import judge_claims
from replication.verdicts.comparisons import POINTS

Row = dict[str, Any]
SPLITS = ("train", "test")


def of_curves(studies: Sequence[Study], figures: Sequence[str], nets: Sequence[str] = ()) -> list[Row]:
    """Points of training curves: error in percent, of several seeds the mean, its standard deviation and n.

    Args:
        figures: as `paper.curve` knows them, "fig6".
        nets: all that the paper draws and that were run, if none is given.
    """
    found = [
        {"who": "paper", "net": net, "split": split, "iteration": round(x), "error": round(y, 2), "std": "", "n": ""}
        for figure in figures for net in nets or paper.nets_drawn(figure) for split in SPLITS
        for x, y in paper.curve(figure, split, net)
    ]  # fmt: skip
    for study in studies:
        for net in nets or study.nets:
            for split in SPLITS:
                points = study.curve(net, split).groupby("iteration")["error"].agg(["mean", "std", "count"])
                found += [
                    {"who": study.name, "net": net, "split": split, "iteration": at, "error": round(mean, 2),
                     "std": "" if pd.isna(std) else round(std, 2), "n": count}
                    for at, mean, std, count in points.itertuples()
                ]  # fmt: skip
    return found


def of_depth(task: Task, study: Study | None) -> list[Row]:
    """Test errors in percent by net: the paper's, and those of each run of a setup."""
    ends = paper.end_errors(task.section)["test"]
    found = [_end("paper", net, "", error) for net, error in ends.items()]
    for net in study.nets if study else ():
        errors = study.errors(net, task.headline, task.metric.name)
        found += [_end(study.name, net, seed, error) for seed, error in errors.items()]
    return found


def _end(who: str, net: str, seed: int | str, error: float) -> Row:
    return {"who": who, "net": net, "layers": depth_of(net), "seed": seed, "test_error": error}


def of_comparisons(studies: Sequence[Study]) -> list[Row]:
    """What verdicts rest on, in points of error: the paper's and ours, with the 95 % interval where there is one."""
    return [
        {"who": study.name, "claim": tested.test.claim.id, "comparison": of.what, "paper": of.paper,
         "here": POINTS.format(float(of.evidence.value)), "interval": of.interval, "n": of.n, "outcome": of.outcome}
        for study in studies for tested in judge_claims(study) for of in tested.comparisons
        if of.deciding and of.evidence and of.evidence.n and of.form == POINTS
    ]  # fmt: skip


def of_responses(studies: Sequence[Study]) -> list[Row]:
    """Standard deviation of the responses of each layer, in order; of several seeds the mean."""
    drawn = paper.figure(7)["digitised"]["std_by_layer"]
    found = [
        {"who": "paper", "net": net, "layer": layer, "std": round(std, 4)}
        for net, stds in drawn.items() for layer, std in enumerate(stds, start=1)
    ]  # fmt: skip
    for study in studies:
        rows = study.responses[study.responses["variant"] == DEFAULT]
        means = rows.groupby(["net", "layer"])["value"].mean()
        found += [
            {"who": study.name, "net": net, "layer": layer, "std": round(std, 4)} for (net, layer), std in means.items()
        ]
    return found


def of_layers(nets: Sequence[str], within: str = "") -> list[Row]:
    """The layers of nets as built for ImageNet, or those within a block, with their multiply-adds at 224 pixels."""
    found = [(net, layer) for net in nets for layer in layers(net, 224, 1000) if layer.name.startswith(within)]
    return [{"net": net} | asdict(layer) for net, layer in found]
