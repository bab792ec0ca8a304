"""Figures: training curves, all comparisons, blocks, nets, responses; and the tables that nothing fills."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

import pandas as pd
import pytest
from made_up import PAPER, PAPER_IMAGENET, study, with_curves
from reading import labels

from replication import paper
from replication.report.architecture import figure_3
from replication.report.beyond_paper import draw_replications, gap_by_schedule
from replication.report.blocks import figure_2, figure_5
from replication.report.detection import detection_table
from replication.report.detection_steps import table_9
from replication.report.drawing import INK
from replication.report.figures import figure_1, figure_4, figure_6
from replication.report.forest import comparisons_table
from replication.report.html import render_item
from replication.report.responses import figure_7
from replication.report.values import Figure
from replication.results.labels import describe_label
from replication.results.studies import Study
from replication.verdicts.claims import judge_claims


def made_up(errors: dict[str, tuple[float, float]], **options: object) -> Study:
    return with_curves(study(errors, **options), [(1 / 64, 80.0), (0.5, 5.0), (1.0, 0.0)])


def label(figure: Figure) -> str:
    """The description of a drawing."""
    (found,) = labels(figure.drawing)
    return found


def not_run(figure: Figure) -> list[str]:
    """The nets that a figure names as drawn in the paper and not run here."""
    notes = " ".join(re.findall(r'<p class="note">(.*?)</p>', figure.open or figure.drawing))
    return re.findall(r"(?:plain|resnet)-[\w-]+", notes)


# --- training curves


def test_each_panel_stands_open_once_for_the_paper_and_once_for_the_closest_setup() -> None:
    found = [made_up({"plain-20": (1.4, 9.7), "plain-56": (5.6, 50.0)}, profile=name) for name in ("one", "two")]
    found = [with_curves(study, [(0.5, 3.0), (1.0, 0.0)]) for study in found]
    figure = figure_1(found)
    assert len(labels(figure.open)) == 2 * 2, "training and test error"
    assert len(labels(figure.drawing)) == 2, "of the other setup, folded"
    panels = figure.open.split("<svg ")[1:]
    ticks = [{int(tick) for tick in re.findall(r">(\d+)</text>", panel)} for panel in panels]
    assert 20 in ticks[2] and 40 not in ticks[2], "the paper's figure ends at 20 %"
    assert {20, 40, 60} <= ticks[3], "ours reach as high as plain-56 needs"


def test_figure_6_has_the_papers_three_panels_and_names_what_was_not_run() -> None:
    figure = figure_6([made_up({"resnet-20": (1, 9)})])
    assert len(labels(figure.open)) == 6
    assert {"plain-20", "resnet-110", "resnet-1202"} <= set(not_run(figure)) and "resnet-20" not in not_run(figure)


def test_figure_4_has_the_papers_curves_beside_ours() -> None:
    figure = figure_4([made_up({"plain-18": (31.5, 28), "plain-34": (32.6, 29)}, task="imagenet")])
    assert len(labels(figure.open)) == 4 and not_run(figure) == ["resnet-18-A", "resnet-34-A"]


def test_seeds_are_drawn_as_a_band() -> None:
    bands = [
        figure_6([made_up({"resnet-20": (1, 9)}, seeds=seeds, spread=0.5)]).open.count("fill-opacity: 0.18")
        for seeds in (1, 3)
    ]
    assert bands[0] == 0 < bands[1]


@pytest.mark.parametrize("draw", [figure_1, figure_6])
def test_equal_results_draw_equal_bytes_in_the_colour_of_the_page(draw: Callable[[Sequence[Study]], Figure]) -> None:
    found = [made_up(PAPER)]
    assert draw(found).open == draw(found).open
    assert INK not in draw(found).open and "currentColor" in draw(found).open


def test_a_figure_carries_the_points_that_it_draws() -> None:
    found = made_up({"plain-20": (1.0, 9.0), "plain-44": (2, 11)}, seeds=3, spread=0.5)
    points = figure_1([found]).records
    assert [found.name, "plain-20", "test", 64_000, 9.0, 0.5, 3] in points, "mean and spread of three seeds"
    assert {row[1] for row in points[1:]} == {"plain-20", "plain-56"} and points[1][0] == "paper"
    assert {row[1] for row in figure_6([found]).records} >= {"plain-44", "resnet-1202"}


# --- ids


def test_no_two_drawings_of_the_page_share_an_id_and_each_reference_leads_to_one() -> None:
    """Also of two studies with one name, and of two figures with the same panels."""
    small = [made_up(PAPER, seeds=2, spread=0.3, profile=name) for name in ("one", "two")]
    large = [made_up(PAPER_IMAGENET, task="imagenet")]
    figures = [figure_1(small), figure_4(large), figure_6(small), figure_2(), figure_3(), figure_5()]
    page = "".join(map(render_item, figures))
    ids = re.findall(r'\bid="([^"]+)"', page)
    references = set(re.findall(r'(?:url\(#|xlink:href="#)([^")]+)', page))
    assert len(ids) == len(set(ids)) and references and references <= set(ids)


# --- other drawings


def test_all_comparisons_of_errors_stand_in_one_table() -> None:
    found = study(PAPER, seeds=3, spread=0.2)
    table = comparisons_table([found])
    words = [row.words for row in table.rows]
    (line,) = (line for line in words if line[1:3] == ["K02", "plain-56 − plain-20, test error"])
    assert line[4] == line[6] == "+3.54" and "supported" in line[-1]
    drawn = [c for t in judge_claims(found) for c in t.comparisons if c.is_deciding and c.evidence and c.evidence.n]
    assert 5 < len(words) <= len(drawn)
    assert comparisons_table([study({"plain-20": (1, 9)})]).rows == [], "nothing to compare"


def test_a_comparison_is_drawn_even_near_zero_and_compressed_beyond() -> None:
    drawings = [row.cells[3].drawing for row in comparisons_table([study(PAPER, seeds=3, spread=0.2)]).rows]
    papers = [float(row.words[6]) for row in comparisons_table([study(PAPER, seeds=3, spread=0.2)]).rows]
    places = [float(re.search(r'class="paper" d="M([\d.]+)', drawing)[1]) for drawing in drawings]
    by_paper = [place for _, place in sorted(zip(papers, places, strict=True))]
    assert by_paper == sorted(by_paper) and all(0 <= place <= 200 for place in places)
    assert all((place > 100) == (value > 0) for value, place in zip(papers, places, strict=True))


def test_replications_are_drawn_with_the_papers_errors_and_ours() -> None:
    drawing = draw_replications([study({"resnet-20": (1, 8.9)}, seeds=3, spread=0.1)])
    (told,) = labels(drawing)
    by_net = {part.partition(":")[0]: part for part in told.split(". ")}
    assert "paper 8.75" in by_net["resnet-20"] and by_net["resnet-110"].endswith("here none")
    assert set(by_net["resnet-20"].rpartition("here ")[2].split(", ")) == {"8.80", "8.90", "9.00"}


def test_differences_stand_against_the_length_of_training_with_the_papers() -> None:
    own = {"pixels": "official"}
    short = study(PAPER, seeds=3, spread=0.2, profile="cpu", schedule={"iterations": 4000, "drops": [2000]}, **own)
    figure = gap_by_schedule([short, study(PAPER)])
    assert {row["who"] for row in figure.numbers} == {short.name}, "on the paper's own data"
    (row,) = (row for row in figure.numbers if row["difference"] == "plain-56 − plain-20")
    assert (row["share"], row["points"], row["paper"], row["n"]) == (0.0625, 3.54, 3.54, 3)


def test_figures_2_and_5_are_counted_on_the_built_blocks() -> None:
    assert "2 weight layers" in label(figure_2())
    numbers = re.findall(r"([\d,]+) weights, (\d+) M", " ".join(labels(figure_5().drawing)))
    assert numbers == [("73,728", "231"), ("69,632", "218")]


def test_figure_3_draws_every_layer_of_the_three_nets() -> None:
    figure = figure_3()
    texts = re.findall(r"<text[^>]*>([^<]+)</text>", figure.drawing)
    assert [text.partition(" ")[0] for text in texts if "billion" in text] == ["19.63", "3.64", "3.64"]
    assert sum("conv" in text for text in texts) == 16 + 33 + 33
    assert sum(text.startswith("fc ") for text in texts) == 3 + 1 + 1
    assert {"224×224", "112×112", "56×56", "28×28", "14×14", "7×7"} <= set(texts)
    assert figure.drawing.count("stroke-dasharray") == 3, "three shortcuts of 34 layers raise the dimension"


def test_figure_7_is_drawn_over_the_papers_points_where_responses_were_measured() -> None:
    usual = made_up({"plain-20": (1, 9)})
    assert "<svg" not in figure_7([usual]).drawing and {row["who"] for row in figure_7([usual]).numbers} == {"paper"}
    run = {"net": "plain-20", "variant": "default", "seed": 0, "iteration": 64_000}
    measured = pd.DataFrame([run | {"layer": layer, "value": 1.5} for layer in range(1, 20)])
    drawn = figure_7([replace(usual, responses=measured)])
    assert drawn.drawing.count("<svg") == 4
    assert drawn.drawing == figure_7([replace(usual, responses=measured)]).drawing
    assert not_run(drawn) == ["resnet-20", "plain-56", "resnet-56", "resnet-110"]
    assert {"who": usual.name, "net": "plain-20", "layer": 19, "std": 1.5} in drawn.numbers


@pytest.mark.parametrize("number", range(7, 13))
def test_tables_that_nothing_fills_have_the_papers_rows(number: int) -> None:
    table = table_9([]) if number == 9 else detection_table(number)
    printed = paper.about_table(number)["rows"]
    assert len(table.rows) == len(printed) and table.source == f"T{number}"
    for row, values in zip(table.rows, printed, strict=True):
        assert {str(value) for value in values.values() if isinstance(value, float)} <= set(" ".join(row.words).split())


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
