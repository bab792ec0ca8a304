"""The points that the page's charts draw, on made-up studies whose curves are known."""

import json
import re
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from made_up import PAPER, study, with_curves

from replication import paper
from replication.report.curves import FIGURE_POINTS, MAX_POINTS, Panel, curves_json
from replication.report.figures import figure_6
from replication.results.studies import Study

PANELS = [Panel("plain nets", "fig6", ["plain-20", "plain-56"])]


def told(*studies: Study) -> dict[str, Any]:
    return json.loads(curves_json(studies, PANELS))


def curve(found: dict[str, Any], source: int, net: str, split: str) -> dict[str, Any]:
    number = [of["label"] for of in found["nets"]].index(net)
    (one,) = [c for c in found["curves"] if (c["source"], c["net"], c["split"]) == (source, number, split)]
    return one


def long(rows: int, seeds: int = 1) -> Study:
    """A study whose curves have so many rows."""
    found = study({"plain-20": (1, 9), "plain-56": (5, 13)}, seeds=seeds)
    points = [{"iteration": 64_000 * (i + 1) // rows, "value": 90 - 80 * i / rows} for i in range(rows)]
    series = [{"split": "train", "metric": "error"}, {"split": "test", "metric": "top1_error"}]
    curves = [{"net": net, "variant": "default", "seed": seed} | each | point
              for net in found.nets for seed in range(seeds) for each in series for point in points]  # fmt: skip
    return replace(found, curves=pd.DataFrame(curves))


def test_a_chart_has_the_papers_curves_and_ours_as_the_tables_have_them() -> None:
    ours = long(20, seeds=3)
    found = told(ours)
    theirs = curve(found, 0, "plain-56", "train")
    drawn = paper.curve("fig6", "train", "plain-56")
    assert theirs["iterations"] == [round(x) for x, _ in drawn] and theirs["seeds"][""] == [y for _, y in drawn]
    here = curve(found, 1, "plain-20", "test")
    rows = ours.curve("plain-20", "test")
    for seed in (0, 1, 2):
        of_seed = rows[rows["seed"] == seed]
        assert here["seeds"][str(seed)] == of_seed["value"].tolist()
        assert here["iterations"] == of_seed["iteration"].tolist()
    assert found["sources"][0]["iterations"] == here["length"] == 64_000
    assert found["sources"][1]["drops"] == [32_000, 48_000] and found["sources"][1]["fidelity"] == "proxy"


def test_a_long_curve_is_thinned_to_rows_of_its_own_and_keeps_its_last() -> None:
    ours = long(1000)
    here, rows = curve(told(ours), 1, "plain-56", "test"), ours.curve("plain-56", "test")
    known = dict(zip(rows["iteration"], rows["value"], strict=True))
    assert MAX_POINTS / 2 <= len(here["iterations"]) <= MAX_POINTS
    assert [known[i] for i in here["iterations"]] == here["seeds"]["0"] and here["iterations"][-1] == 64_000


def test_many_seeds_do_not_make_a_large_page() -> None:
    found = told(*[long(1000, seeds=40)] * 4)
    assert sum(len(of) for c in found["curves"] if c["source"] for of in c["seeds"].values()) <= 1.1 * FIGURE_POINTS
    assert len(curves_json([long(1000, seeds=40)] * 4, PANELS)) < 1_200_000


def test_a_seed_without_a_row_has_none_there() -> None:
    ours = long(10, seeds=2)
    rows = ours.curves
    ours = replace(ours, curves=rows[(rows["seed"] == 0) | (rows["iteration"] > 32_000)])
    seeds = curve(told(ours), 1, "plain-20", "test")["seeds"]
    assert seeds["1"][:5] == [None] * 5 and None not in seeds["0"] and None not in seeds["1"][5:]


def test_a_net_that_nobody_drew_is_not_in_the_chart_and_one_that_was_not_run_is() -> None:
    ours = with_curves(study({"plain-20": (1, 9)}), [(0.5, 20.0), (1.0, 9.0)])
    panels = [Panel("plain nets", "fig6", ["plain-20", "plain-56", "plain-8"], ["test"])]
    assert [of["label"] for of in json.loads(curves_json([ours], panels))["nets"]] == ["plain-20", "plain-56"]


@pytest.mark.parametrize("name", ["</script><script>alert(1)</script>", "<!--<script>"])
def test_a_name_does_not_break_out_of_the_script_element(name: str) -> None:
    ours = replace(long(20), label=name)
    figure = figure_6([ours]).drawing
    inside = re.findall(r'<script type="application/json">(.*?)</script>', figure, flags=re.DOTALL)
    assert len(inside) == 1 and name in json.loads(inside[0])["sources"][1]["name"]
    assert "<script>alert" not in figure and "<!--" not in figure


def test_equal_results_give_equal_bytes() -> None:
    ours = with_curves(study(PAPER, seeds=2, spread=0.3), [(0.5, 20.0), (1.0, 9.0)])
    again = replace(ours, curves=pd.DataFrame(ours.curves))
    assert curves_json([ours], PANELS) == curves_json([again], PANELS)
