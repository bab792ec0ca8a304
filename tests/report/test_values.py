"""Tables, figures and parts as values: their HTML, their CSV, their origin, and the page's contents."""

import re
from pathlib import Path

import pytest
from made_up import study
from made_up_boxes import judged_again, located
from markupsafe import Markup
from reading import csv_of, links

from replication.report.html import list_cards, render_item
from replication.report.page import render_page
from replication.report.part import HEADING, Part, make_part, render_content
from replication.report.values import Cell, Figure, Row, Table, write_csv

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
    assert set(links(render_item(TABLE))) >= {
        "../src/replication/report/cifar.py", "../results/made-up/cifar/scores.csv", "#K14-cifar",
        "../src/replication/paper/paper.yaml",
    }  # fmt: skip


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
        ("T7", [], "K27"),
    ],
    ids=["measured", "other task", "counted", "not tested"],
)  # fmt: skip
def test_claims_on_an_item_lead_to_their_cards(source: str, studies: list, card: str) -> None:
    assert card in {found["id"] for found in list_cards(source, studies)}


def test_no_claim_leads_to_the_card_of_a_task_that_was_not_run() -> None:
    assert list_cards("T13", []) == [] and list_cards("", []) == []


def test_a_part_is_headed_by_its_first_item_and_tells_a_notebook_so() -> None:
    part = make_part([TABLE], intro="By <b>n</b> seeds.", group="CIFAR-10")
    shown = part._repr_mimebundle_()
    assert shown[HEADING] == {"id": "table-6", "title": "Table 6 · Errors", "group": "CIFAR-10"}
    assert '<h2 id="table-6">Table 6 · Errors</h2>' in shown["text/html"] and "&lt;b&gt;" in shown["text/html"]


def test_a_part_in_a_part_is_one_level_lower_and_not_in_the_contents() -> None:
    inner = Part("", "Section 4.2", [Markup("<p>a</p>")], tag="proxy", soft="digits")
    html = render_content(Part("runs", "Runs", [inner]))
    assert re.search(r"<h3>Section 4.2 .*proxy.*digits.*</h3>", html) and "<p>a</p>" in html


def test_the_contents_are_the_headings_of_the_parts() -> None:
    headings = [
        {"id": "one", "title": "Table 1 · The nets", "group": "First"},
        {"id": "two", "title": "A & B", "group": ""},
    ]
    page = render_page(Markup("<h1>first</h1>"), Markup("<h2>body</h2>"), headings)
    nav = re.search("<nav.*?</nav>", page, re.DOTALL)[0]
    assert links(nav) == ["#one", "#two"] and ">Table 1<" in nav and "A &amp; B" in nav and "<b>First</b>" in nav
    assert page.index("<h1>first</h1>") < page.index("<h2>body</h2>")


def test_every_module_that_an_item_names_exists() -> None:
    assert Path(f"src/{TABLE.script.replace('.', '/')}.py").is_file()
