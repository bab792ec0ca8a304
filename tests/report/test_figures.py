"""Drawings other than training curves: all comparisons, blocks; and the tables that nothing fills."""

import re

import pytest
from made_up import PAPER
from made_up import study as made_up

from replication import paper, report
from replication.report.page import page
from replication.results.labels import describe_label
from replication.verdicts.claims import judge_claims


def label(figure: str) -> str:
    """The description of a drawing."""
    (found,) = re.findall(r'aria-label="([^"]+)"', figure)
    return found


def test_the_forest_draws_each_measured_comparison_of_errors() -> None:
    found = made_up(PAPER, seeds=3, spread=0.2)
    told = label(report.forest([found]))
    assert re.search(r"K02 plain-56 − plain-20, test error: \+3\.54 \(paper \+3\.54\), supported", told)
    drawn = [c for t in judge_claims(found) for c in t.comparisons if c.is_deciding and c.evidence and c.evidence.n]
    assert 5 < told.count("(paper ") <= len(drawn)
    assert report.forest([made_up({"plain-20": (1, 9)})]) == "", "nothing to compare"


def test_of_several_studies_of_an_arm_those_of_better_fidelity_are_shown() -> None:
    far, near = made_up(PAPER), made_up({"plain-20": (2, 9)}, pixels="official", profile="cpu")
    assert report.shown([far, near], "quick") == [far, near]
    assert report.shown([near, far], "quick") == [near]


@pytest.mark.parametrize(
    ("folder", "words"),
    [
        ("", []),
        ("precision=bf16", ["bf16"]),
        ("precision=bf16,pixels=re-compressed-as-JPEG", ["bf16", "re-compressed as JPEG"]),
        ("schedule.iterations=300", ["schedule.iterations 300"]),
    ],
)
def test_a_folder_is_told_in_words(folder: str, words: list[str]) -> None:
    assert describe_label(folder, "re-compressed as JPEG") == words


def test_figures_2_and_5_are_counted_on_the_built_blocks() -> None:
    assert "2 weight layers" in label(report.figure_2())
    numbers = re.findall(r"([\d,]+) weights, (\d+) M", label(report.figure_5()))
    assert numbers == [("73,728", "231"), ("69,632", "218")]


def test_tables_that_nothing_fills_have_the_papers_rows() -> None:
    text = report.waiting_tables(range(7, 13))
    assert len(re.findall("<tbody>", text)) == 6
    for number in range(7, 13):
        for row in paper.about_table(number)["rows"]:
            assert all(str(cell) in text for cell in row.values() if isinstance(cell, float)), row
    links = re.findall(r'href="#([^"]+)"', re.search("<nav.*?</nav>", page("", text + '<h2 id="a">A</h2>'), re.S)[0])
    assert links == ["a"], "they are not among what was measured"
