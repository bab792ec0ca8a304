"""What DVC shows of the committed results: its plots without a network, and the graph of the stages in the README."""

import json
import re
from pathlib import Path

import pandas as pd
import pytest
from checkout import PROJECT, Checkout, make_checkout
from playwright.sync_api import sync_playwright
from test_page import CHROMIUM

from replication import paper

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    made = make_checkout(tmp_path_factory.mktemp("plots") / "replication")
    made.run("make plots")
    return made


def drawn(checkout: Checkout) -> Path:
    return checkout.folder / "dvc_plots/index.html"


def test_every_net_is_drawn_by_the_template_of_this_project(checkout: Checkout) -> None:
    text = drawn(checkout).read_text()
    assert all(f'"net": "{net}"' in text for net in ("plain-20", "resnet-56", "plain-18", "resnet-34-C"))
    assert '"as": "rows_here"' in text and "<DVC_METRIC" not in text
    assert not checkout.run("git status --short"), "what is drawn is this checkout's own"


@pytest.mark.skipif(CHROMIUM is None, reason="no browser: install Debian's chromium to test the plots")
def test_a_browser_draws_them_and_asks_for_nothing_else(checkout: Checkout) -> None:
    requests: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.goto(drawn(checkout).as_uri())
        tasks = len(list((checkout.folder / "results/quick").glob("*/curves.csv")))
        page.locator("svg.marks").nth(tasks - 1).wait_for()
        assert page.locator("svg.marks").count() == tasks, "one a task"
        browser.close()
    assert requests == [drawn(checkout).as_uri()]


def test_the_paper_s_curves_are_drawn_beside_ours(checkout: Checkout) -> None:
    for task, net, figure in (("cifar", "plain-56", "fig6"), ("imagenet", "resnet-34-A", "fig4")):
        rows = pd.read_csv(checkout.folder / f"reports/paper-curves/{task}.csv")
        ours = pd.read_csv(checkout.folder / f"results/quick/{task}/curves.csv")
        assert list(rows.columns) == list(ours.columns) and set(rows["metric"]) == set(ours["metric"])
        for split in ("train", "test"):
            drawn_rows = rows[(rows["net"] == net) & (rows["split"] == split)]
            curve = paper.curve(figure, split, net)
            assert list(zip(drawn_rows["iteration"], drawn_rows["value"], strict=True)) == [
                (round(x), y) for x, y in curve
            ]
    assert '"variant": "paper"' in drawn(checkout).read_text()


def test_the_experiments_are_a_table_of_eight_columns(checkout: Checkout) -> None:
    table = checkout.run("COLUMNS=200 make exps 2>/dev/null").splitlines()
    header, workspace = (next(line.split() for line in table if word in line) for word in ("Experiment", "workspace"))
    summary = json.loads((checkout.folder / "results/quick/cifar/summary.json").read_text())
    values = {f"top1_error.{net}": error for net, error in summary["top1_error"].items() if "/" not in net}
    wanted = {key: values[key] for key in values if key.endswith(("-20", "-56"))}
    wanted["depth.top1_error"] = summary["depth"]["top1_error"]
    shown = dict(zip(header, workspace, strict=True))
    assert shown.keys() == wanted.keys() | {"Experiment", "Created", "depth"}
    assert {key: float(shown[key]) for key in wanted} == pytest.approx(wanted, abs=0.01)


def test_after_it_a_difference_is_drawn_without_a_network_too(checkout: Checkout) -> None:
    curves = checkout.folder / "results/quick/cifar/curves.csv"
    before, one = curves.read_text(), "resnet-56,default,0,400,test,top1_error,"
    curves.write_text(before.replace(one, one + "9"))
    checkout.run("dvc plots diff HEAD")
    text = drawn(checkout).read_text()
    assert '"rev": "HEAD"' in text and '"rev": "workspace"' in text and "cdn.jsdelivr.net" not in text
    curves.write_text(before)


def test_the_readme_draws_the_stages_as_they_depend_on_each_other(checkout: Checkout) -> None:
    """Those of one kind, of all nets and tasks, put together."""
    drawn = checkout.run("dvc dag --mermaid 2>/dev/null")
    kinds = {node: re.split("[@-]", name)[0] for node, name in re.findall(r'(node\d+)\["([^"@]+)', drawn)}
    edges = {(kinds[a], kinds[b]) for a, b in re.findall(r"(node\d+)-->(node\d+)", drawn)}
    told = re.search(r"```mermaid\nflowchart LR\n(.*?)```", (PROJECT / "docs/design.md").read_text(), re.DOTALL)[1]
    lines = [line.split(" --> ") for line in told.strip().splitlines()]
    assert {(a.strip(), b) for a, others in lines for b in others.split(" & ")} == edges
