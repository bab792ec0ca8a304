"""Tables, figures and parts as values: their HTML, their CSV, their origin, and the page's contents."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from made_up import study
from made_up_boxes import judged_again, located
from markupsafe import Markup
from reading import csv_of, links

from replication.report import html
from replication.report.html import link_file, list_cards, render_item
from replication.report.page import HEADING, OUTSIDE, render_page
from replication.report.part import Outside, Part
from replication.report.values import Cell, Figure, Row, Table, shorten, write_csv

TABLE = Table(
    id="table-6", caption="Table 6 · Errors", script="replication.report.cifar", source="T6",
    studies=[study({"resnet-20": (1, 9)})], data=["scores.csv", "src/replication/paper/paper.yaml"],
    groups=["", Cell("here", columns=2)], columns=["net", "error (%)", "n"],
    rows=[
        Row(["resnet-20", Cell("8.90", "here", "runs-1", "best 8.80"), "3"], "own", "row-1"),
        Row(["plain<br>", Cell("not run", "absent", columns=2)]),
    ],
)  # fmt: skip


def test_a_table_as_csv_has_each_column_and_no_markup() -> None:
    assert write_csv(TABLE) == (",here,here\nnet,error (%),n\nresnet-20,8.90 best 8.80,3\nplain<br>,not run,not run\n")


def test_a_table_as_html_has_its_links_kinds_and_name_and_the_same_csv() -> None:
    html = render_item(TABLE)
    assert '<td class="here"><a href="#runs-1">8.90</a> <small>best 8.80</small></td>' in html
    assert '<tr class="own" id="row-1">' in html and '<td class="absent" colspan="2">not run</td>' in html
    assert "plain&lt;br&gt;" in html and "plain<br>" not in html, "what is no markup is escaped"
    assert re.search(r"<caption[^>]*>Table 6 · Errors</caption>", html) and '<th scope="colgroup" colspan="2">' in html
    assert csv_of(html) == [row.split(",") for row in write_csv(TABLE).splitlines()]


def test_below_an_item_stand_its_script_its_data_and_its_claims() -> None:
    text = render_item(TABLE)
    for path in (
        "src/replication/report/cifar.py",
        "results/made-up/cifar/scores.csv",
        "src/replication/paper/paper.yaml",
    ):
        assert path in text
    assert "#K14-cifar" in links(text)


@pytest.mark.parametrize("address", ["", "https://example.org/someone/replication"])
def test_a_file_is_a_link_where_the_code_is_published(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html, "find_code_address", lambda: address)
    found = links(link_file("results/quick/a b.csv"))
    assert found == ([f"{address}/blob/HEAD/results/quick/a%20b.csv"] if address else [])
    assert "results/quick/a b.csv" in link_file("results/quick/a b.csv")


def test_what_stands_open_comes_before_the_rest_which_is_folded() -> None:
    text = render_item(replace(TABLE, open=shorten("table-6", "test error (%)", [("ResNet-20", "8.75", "8.90")])))
    shown, folded = text.split("<details>")
    assert "8.75" in shown and "Test error (%)" in shown and "8.80" in folded and 'id="table-6"' in shown
    alone = render_item(TABLE)
    assert re.match(r'\s*<details class="item[^"]*" id="table-6">', alone) and "<h3" not in alone


def test_a_table_without_rows_and_a_picture_carry_no_csv() -> None:
    empty = Table(id="a", caption="A", script="b", columns=["c"], rows=[])
    picture = Figure(id="a", caption="A", script="b", drawing=Markup("<img>"))
    assert "text/csv" not in render_item(empty) + render_item(picture) and "<table" not in render_item(empty)


def test_a_figure_as_csv_has_its_numbers() -> None:
    figure = Figure(id="a", caption="A", script="b", drawing=Markup("<svg></svg>"), numbers=[{"x": 1, "y": "a, b"}])
    assert write_csv(figure) == 'x,y\n1,"a, b"\n' and "<svg></svg>" in render_item(figure)


@pytest.mark.parametrize(
    ("source", "studies", "card"),
    [
        ("T13", [located()], "K32-localization"), ("T13", [judged_again()], "K32-rcnn"), ("T1", [], "K10-imagenet"),
        ("T7", [], "K27-detection"), ("T12", [], "K31"), ("T13", [], "K32-localization"),
    ],
    ids=["measured", "other task", "counted", "not run", "not tested", "not run either"],
)  # fmt: skip
def test_claims_on_an_item_lead_to_their_cards(source: str, studies: list, card: str) -> None:
    assert card in {found["id"] for found in list_cards(source, studies)}


def test_each_claim_on_an_item_is_linked_once() -> None:
    assert [card["words"] for card in list_cards("T13", [located(), judged_again()])] == ["K32"]
    assert list_cards("", []) == []


def test_a_part_tells_a_notebook_its_heading_and_its_items() -> None:
    part = Part("tables", "Tables & curves", [TABLE, Markup("<p>a</p>")], intro="By <b>n</b> seeds.")
    shown = part._repr_mimebundle_()
    items = [{"id": "table-6", "title": "Table 6 · Errors"}]
    assert shown[HEADING] == {"id": "tables", "title": "Tables & curves", "items": items}
    assert '<h2 id="tables">Tables &amp; curves</h2>' in shown["text/html"] and "<p>a</p>" in shown["text/html"]
    assert "&lt;b&gt;" in shown["text/html"]


def test_what_stands_outside_the_body_is_told_to_a_notebook_alone() -> None:
    shown = Outside({"picture": "<svg>"})._repr_mimebundle_()
    assert shown[OUTSIDE] == {"picture": "<svg>"} and "text/html" not in shown


def test_the_contents_are_the_parts_and_the_papers_tables_and_figures_in_them() -> None:
    items = [{"id": "table-1", "title": "Table 1 · The nets"}, {"id": "boxes", "title": "Boxes"}]
    headings = [{"id": "one", "title": "Tables", "items": items}, {"id": "two", "title": "A & B", "items": []}]
    page = render_page("<h1>first</h1>", Markup("<h2>body</h2>"), headings)
    nav = re.search("<nav.*?</nav>", page, re.DOTALL)[0]
    assert links(nav) == ["#one", "#table-1", "#two"] and "A &amp; B" in nav
    assert page.index("<h1>first</h1>") < page.index("<h2>body</h2>")


def test_every_module_that_an_item_names_exists() -> None:
    assert Path(f"src/{TABLE.script.replace('.', '/')}.py").is_file()
