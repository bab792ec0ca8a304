"""The numbers that figures draw, as rows of a CSV: the paper's, "paper", and those of each study, by its name."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import product
from typing import Any

import pandas as pd

from replication import paper
from replication.config.profiles import DEFAULT
from replication.nets.complexity import layers
from replication.nets.names import depth_of
from replication.results.studies import Study
from replication.tasks import Task

Numbers = list[dict[str, Any]]
SPLITS = ("train", "test")
CURVE_COLUMNS = ("who", "net", "split", "iteration", "error", "std", "n")


def list_curves(studies: Sequence[Study], figures: Sequence[str], nets: Sequence[str] = ()) -> Numbers:
    """Points of training curves: error in percent, of several seeds the mean, its standard deviation and n.

    Args:
        figures: as `paper.curve` knows them, "fig6".
        nets: all that the paper draws and that were run, if none is given.
    """
    points: list[tuple[object, ...]] = []
    for figure in figures:
        for net, split in product(nets or paper.list_curve_nets(figure), SPLITS):
            points += [("paper", net, split, round(x), round(y, 2), "", "") for x, y in paper.curve(figure, split, net)]
    for study in studies:
        for net, split in product(nets or study.nets, SPLITS):
            stats = study.curve(net, split).groupby("iteration")["value"].agg(["mean", "std", "count"])
            for at, mean, std, count in stats.itertuples():
                std = "" if pd.isna(std) else round(std, 2)
                points.append((study.name, net, split, at, round(mean, 2), std, count))
    return [dict(zip(CURVE_COLUMNS, point, strict=True)) for point in points]


def list_end_errors(task: Task, study: Study | None) -> Numbers:
    """Test errors in percent by net: the paper's, and those of each run of a setup."""
    ends = [("paper", net, "", error) for net, error in paper.end_errors(task.section)["test"].items()]
    for net in study.nets if study else ():
        errors = study.errors(net, task.headline, task.metric.name)
        ends += [(study.name, net, seed, error) for seed, error in errors.items()]
    return [
        {"who": who, "net": net, "layers": depth_of(net), "seed": seed, "test_error": error}
        for who, net, seed, error in ends
    ]


def list_responses(studies: Sequence[Study]) -> Numbers:
    """Standard deviation of the responses of each layer, in order; of several seeds the mean."""
    drawn = paper.figure(7)["digitised"]["std_by_layer"]
    rows = [("paper", net, layer, std) for net, stds in drawn.items() for layer, std in enumerate(stds, start=1)]
    for study in studies:
        usual = study.responses[study.responses["variant"] == DEFAULT]
        means = usual.groupby(["net", "layer"])["value"].mean()
        rows += [(study.name, net, layer, std) for (net, layer), std in means.items()]
    return [{"who": who, "net": net, "layer": layer, "std": round(std, 4)} for who, net, layer, std in rows]


def list_layers(nets: Sequence[str], prefix: str = "") -> Numbers:
    """The layers of nets as built for ImageNet whose names have a prefix, with their multiply-adds at 224 pixels."""
    return [
        {"net": net} | asdict(layer)
        for net in nets
        for layer in layers(net, 224, 1000)
        if layer.name.startswith(prefix)
    ]
