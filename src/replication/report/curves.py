"""The points of training curves, the paper's and ours, as the JSON that the page's charts draw: templates/curves.js."""

import json
from collections.abc import Iterator, Sequence
from math import ceil
from typing import Any

import pandas as pd

from replication import paper
from replication.report.html import runs_id
from replication.report.palette import look
from replication.results.studies import Study

Panels = Sequence[tuple[str, str, Sequence[str], Sequence[str]]]  # title, figure of the paper, nets, splits

MOST, LEAST = 200, 40  # points of a curve: a screen shows no more, and with fewer it is no curve
IN_ALL = 60_000  # points of a figure, as far as that leaves each curve LEAST


def curves_json(studies: Sequence[Study], panels: Panels) -> str:
    """All curves of a figure as JSON that may stand in a script element.

    `test` says how nets are tested on the way, `sources` are the paper and the studies, `nets` says how each net is
    called and drawn; `curves` are one each of a source, a net and a split: errors in percent by seed over shared
    `iterations`, null where a seed has no row; `length` is that of its schedule, `runs` where the page has its runs.
    Every point is a row of curves.csv or of the paper's digitised curves: where there are more than a screen shows,
    every second is left out, or more, and the last is kept.
    """
    schedule = studies[0].paper_recipe.schedule
    sources = [{"name": "the paper", "iterations": schedule.iterations, "drops": list(schedule.drops)}]
    for of in studies:
        drops = [drop * of.iterations for drop in of.drops]
        sources.append({"name": of.name, "fidelity": of.fidelity, "iterations": of.iterations, "drops": drops})
    splits = list(dict.fromkeys(split for *_, of_panel in panels for split in of_panel))
    found = {
        net: [*_of_paper(panels, net, schedule.iterations, splits), *_of_studies(studies, net, splits)]
        for net in dict.fromkeys(net for *_, nets, _ in panels for net in nets)
    }
    drawn = [net for net, curves in found.items() if curves]
    curves = [{"net": number} | curve for number, net in enumerate(drawn) for curve in found[net]]
    test = studies[0].task.protocols[0].label
    told = {"test": test, "sources": sources, "nets": [_net(net) for net in drawn], "curves": curves}
    return json.dumps(told, separators=(",", ":"), ensure_ascii=False).replace("<", r"\u003c")


def _of_paper(panels: Panels, net: str, length: int, splits: Sequence[str]) -> Iterator[dict[str, Any]]:
    for split in splits:
        drawn = (paper.curve(figure, split, net) for _, figure, nets, _ in panels if net in nets)
        points = next(filter(None, drawn), [])
        if points:
            iterations, errors = [round(x) for x, _ in points], [y for _, y in points]
            yield {"source": 0, "split": split, "length": length, "iterations": iterations, "seeds": {"": errors}}


def _of_studies(studies: Sequence[Study], net: str, splits: Sequence[str]) -> Iterator[dict[str, Any]]:
    in_all = len(splits) * sum(len(study.default) for study in studies)
    most = min(MOST, max(LEAST, IN_ALL // in_all))
    for source, study in enumerate(studies, 1):
        for split in splits:
            rows = study.curve(net, split).pivot(index="iteration", columns="seed", values="error")
            if rows.empty:
                continue
            step = ceil(len(rows) / most)
            rows = rows.iloc[(len(rows) - 1) % step :: step]
            errors = {str(seed): [None if pd.isna(y) else y for y in rows[seed].tolist()] for seed in rows}
            length = int(study.runs_of(net)["iterations"].max())
            yield {"source": source, "split": split, "length": length, "runs": runs_id(study, net)} | {
                "iterations": rows.index.tolist(), "seeds": errors
            }  # fmt: skip


def _net(net: str) -> dict[str, Any]:
    of = look(net)
    label, residual = net.replace("resnet", "ResNet"), net.startswith("resnet")
    return {"label": label, "colour": of.light, "mark": of.mark, "filled": residual}
