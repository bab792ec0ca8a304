"""The points of training curves, the paper's and ours, as the JSON that the page's charts draw: templates/curves.js."""

import json
from collections.abc import Iterator, Sequence
from math import ceil
from typing import Any, NamedTuple

import pandas as pd

from replication import paper
from replication.report.palette import look
from replication.report.setups import runs_id
from replication.results.studies import Study

MAX_POINTS, MIN_POINTS = 200, 40  # points of a curve: a screen shows no more, and with fewer it is no curve
FIGURE_POINTS = 60_000  # points of a figure; its curves share them, but each has MIN_POINTS at least


class Panel(NamedTuple):
    """A panel of a figure; `figure` is the paper's that has its curves, "fig6"."""

    title: str
    figure: str
    nets: Sequence[str]
    splits: Sequence[str] = ("train", "test")


def curves_json(studies: Sequence[Study], panels: Sequence[Panel]) -> str:
    """All curves of a figure as JSON that may stand in a script element.

    `test` says how nets are tested on the way, `sources` are the paper and the studies, `nets` says how each net is
    called and drawn; `curves` are one each of a source, a net and a split: errors in percent by seed over shared
    `iterations`, null where a seed has no row; `length` is that of its schedule, `runs` the id of its runs.
    Every point is a row of curves.csv or of the paper's digitised curves: where there are more than a screen shows,
    every second is left out, or more, and the last is kept.
    """
    schedule = studies[0].paper_recipe.schedule
    sources = [{"name": "the paper", "iterations": schedule.iterations, "drops": list(schedule.drops)}]
    for study in studies:
        drops = [drop * study.iterations for drop in study.drops]
        sources.append({"name": study.name, "fidelity": study.fidelity, "iterations": study.iterations, "drops": drops})
    splits = list(dict.fromkeys(split for panel in panels for split in panel.splits))
    by_net = {
        net: [*_paper_curves(panels, net, schedule.iterations, splits), *_our_curves(studies, net, splits)]
        for net in dict.fromkeys(net for panel in panels for net in panel.nets)
    }
    drawn = [net for net, curves in by_net.items() if curves]
    curves = [{"net": number} | curve for number, net in enumerate(drawn) for curve in by_net[net]]
    test = studies[0].task.protocols[0].label
    chart = {"test": test, "sources": sources, "nets": list(map(_describe_net, drawn)), "curves": curves}
    return json.dumps(chart, separators=(",", ":"), ensure_ascii=False).replace("<", r"\u003c")


def _paper_curves(panels: Sequence[Panel], net: str, length: int, splits: Sequence[str]) -> Iterator[dict[str, Any]]:
    for split in splits:
        drawn = (paper.curve(panel.figure, split, net) for panel in panels if net in panel.nets)
        points = next(filter(None, drawn), [])
        if points:
            iterations, errors = [round(x) for x, _ in points], [y for _, y in points]
            yield {"source": 0, "split": split, "length": length, "iterations": iterations, "seeds": {"": errors}}


def _our_curves(studies: Sequence[Study], net: str, splits: Sequence[str]) -> Iterator[dict[str, Any]]:
    count = len(splits) * sum(len(study.default) for study in studies)
    most = min(MAX_POINTS, max(MIN_POINTS, FIGURE_POINTS // count))
    for source, study in enumerate(studies, 1):
        for split in splits:
            rows = study.curve(net, split).pivot(index="iteration", columns="seed", values="value")
            if rows.empty:
                continue
            step = ceil(len(rows) / most)
            rows = rows.iloc[(len(rows) - 1) % step :: step]
            errors = {str(seed): [None if pd.isna(y) else y for y in rows[seed].tolist()] for seed in rows}
            length = int(study.runs_of(net)["iterations"].max())
            yield {"source": source, "split": split, "length": length, "runs": runs_id(study, net)} | {
                "iterations": rows.index.tolist(), "seeds": errors
            }  # fmt: skip


def _describe_net(net: str) -> dict[str, Any]:
    label, is_residual = net.replace("resnet", "ResNet"), net.startswith("resnet")
    return {"label": label, "colour": look(net).light, "mark": look(net).mark, "filled": is_residual}
