"""Tables and figures of the page, from made-up studies whose numbers are known."""

import re

import pandas as pd
import pytest
from made_up import PAPER, study

from replication import report
from replication.report.figures import INK
from replication.study.results import Study

COLUMNS = {
    "variant": "re-compressed as JPEG", "parameters": 269_722, "macs": 40_551_040, "seconds": 600.0, "starts": 1,
    "images_per_second": 850.0, "recipe_hash": "0123456789abcdef", "data_sha256": "fedcba9876543210",
    "commit": "abcdef012345", "date": "2026-01-02", "machine": "a CPU, 2 cores, cpu", "drops": "32000 48000",
}  # fmt: skip
DIFFERENCES = (
    '[{"key": "schedule.iterations", "what": "iterations", "section": "4.2", "paper": 64000, "here": 4000},'
    ' {"key": "data.variant", "what": "variant of the pixels", "section": "4.2", "paper": null, "here": "<b>JPEG</b>"}]'
)


def made_up(errors: dict[str, tuple[float, float]], **options: object) -> Study:
    found = study(errors, **COLUMNS | {"differences": DIFFERENCES} | options)
    points = [
        {"net": run["net"], "seed": run["seed"], "split": split, "iteration": iteration, "error": error}
        for run in found.runs.to_dict("records")
        for split in ("train", "test")
        for iteration, error in ((1000, 80.0), (32_000, run[f"{split}_error"] + 5), (64_000, run[f"{split}_error"]))
    ]
    return Study(found.profile, found.runs, pd.DataFrame(points))


def test_table_6_sets_mean_std_and_n_beside_the_papers_statistic() -> None:
    table = report.table_6([made_up({"resnet-20": (1.0, 8.9)}, seeds=3, spread=0.1)], "made-up")
    row = re.search(r"<tr[^>]*><td>ResNet</td><td>20</td>.*?</tr>", table, flags=re.DOTALL)[0]
    assert "8.75" in row and "269,722" in row
    assert re.search(r"8\.90 ± 0\.10 <small>best 8\.80</small></td><td>3</td>", row)
    assert '<span class="tag proxy">proxy</span>' in row


def test_a_net_that_was_not_run_says_so_with_the_command_that_runs_it() -> None:
    table = report.table_6([made_up({"resnet-20": (1.0, 8.9)})], "made-up")
    assert "dvc exp run -S profile=made-up -S &#39;cifar.nets=[resnet-20,resnet-32]&#39;" in table
    assert table.count("not run") >= 5


def test_a_net_of_the_reader_gets_a_row_of_its_own() -> None:
    table = report.table_6([made_up({"resnet-26": (1.0, 8.0)})], "made-up")
    assert re.search(r"<td>26</td><td></td><td>not in the paper</td><td>366,938</td>", table)


def test_a_diverged_run_stays_in_the_table() -> None:
    assert "<small>diverged</small>" in report.table_6(
        [made_up({"resnet-110": (90, 90)}, status="diverged")], "made-up"
    )


def test_differences_are_generated_and_escaped() -> None:
    table = report.differences_table([made_up({"resnet-20": (1, 9)})], "made-up")
    assert "<td>64,000</td>" in table and ">4,000</td>" in table
    assert "<td>official pixels</td>" in table
    assert "&lt;b&gt;JPEG&lt;/b&gt;" in table and "<b>JPEG</b>" not in table


def test_the_headline_of_a_short_schedule_tells_the_cure_from_the_gain() -> None:
    short = made_up({"plain-20": (22, 23), "plain-56": (62, 62), "resnet-20": (20, 21), "resnet-56": (28, 29)})
    text = report.headline(short)
    assert "Degradation shows" in text
    assert "the cure shows: resnet-56 has 33.00 points less test error than plain-56" in text
    assert "the gain from depth does not show: resnet-56 has 8.00 points more test error than resnet-20" in text


def test_figures_have_the_paper_and_ours_on_the_same_axes() -> None:
    found = [made_up({"plain-20": (1.4, 9.7), "plain-56": (5.6, 50.0)})]
    figure = report.figure_1(found, "made-up")
    labels = re.findall(r'aria-label="([^"]+)"', figure)
    assert labels == [
        "training error, the paper", "training error, here: made-up",
        "test error, the paper", "test error, here: made-up",
    ]  # fmt: skip
    panels = figure.split("<svg ")[1:]
    ticks = [re.findall(r">(\d+)</text>", panel) for panel in panels]
    assert "45" in ticks[2] and "45" in ticks[3] and "60" in ticks[3], (
        "the test panels both reach as high as our plain-56 needs"
    )
    assert "the paper's figure ends here" in panels[2]


def test_figure_6_has_the_papers_three_panels_and_the_third_says_what_was_not_run() -> None:
    figure = report.figure_6([made_up({"resnet-20": (1, 9)})], "made-up")
    assert [label for label in re.findall(r'aria-label="([^"]+)"', figure) if label.endswith("the paper")] == [
        "plain nets, the paper", "residual nets, the paper", "110 and 1202 layers, the paper",
    ]  # fmt: skip
    assert "Drawn in the paper and not run here: resnet-110, resnet-1202." in figure
    assert "ResNet-1202" in figure.split('aria-label="110 and 1202 layers, the paper"')[1]


def test_seeds_are_drawn_as_a_band() -> None:
    one = report.figure_6([made_up({"resnet-20": (1, 9)})], "made-up")
    three = report.figure_6([made_up({"resnet-20": (1, 9)}, seeds=3, spread=0.5)], "made-up")
    assert one.count("FillBetweenPolyCollection") == 0
    assert three.count("FillBetweenPolyCollection") >= 1


@pytest.mark.parametrize("draw", [report.figure_1, report.figure_6])
def test_equal_results_draw_equal_bytes_in_the_colour_of_the_page(draw: object) -> None:
    found = [made_up(PAPER)]
    assert draw(found, "made-up") == draw(found, "made-up")
    assert INK not in draw(found, "made-up") and "currentColor" in draw(found, "made-up")


def test_the_readers_own_study_stands_beside_the_nearest() -> None:
    exact = made_up({"resnet-20": (0.7, 8.8)}, fidelity="exact")
    mine = Study("mine", *(lambda s: (s.runs, s.curves))(made_up({"resnet-20": (3.0, 12.0)})))
    table = report.table_6([exact, mine], "mine")
    assert "8.80" in table and "12.00" in table
    assert "12.00" not in report.table_6([exact, mine], "made-up")
