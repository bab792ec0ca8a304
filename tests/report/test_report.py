"""Tables and figures of the page, from made-up studies whose numbers are known."""

import html
import re
from dataclasses import replace

import pandas as pd
import pytest
from made_up import PAPER, PAPER_IMAGENET, study, with_curves

from replication import report
from replication.report.figures import INK
from replication.study.cost import gpu_hours
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
    return with_curves(found, [(1 / 64, 80.0), (0.5, 5.0), (1.0, 0.0)])


def test_table_6_sets_mean_std_and_n_beside_the_papers_statistic() -> None:
    table = report.table_6([made_up({"resnet-20": (1.0, 8.9)}, seeds=3, spread=0.1)], "made-up")
    row = re.search(r"<tr[^>]*><td>ResNet</td><td>20</td>.*?</tr>", table, flags=re.DOTALL)[0]
    assert "8.75" in row and "269,722" in row
    assert re.search(r"8\.90 ± 0\.10 <small>best 8\.80</small></td><td>3</td>", row)
    assert '<span class="tag proxy">proxy</span>' in row


def test_a_net_that_was_not_run_says_so_with_the_command_that_runs_it() -> None:
    table = report.table_6([made_up({"resnet-20": (1.0, 8.9)})], "made-up")
    assert "dvc exp run -S profile=made-up -S &#39;cifar.nets=[resnet-20,resnet-32]&#39; tabulate@cifar" in table
    assert table.count("not run") >= 5


def test_each_study_has_the_command_that_made_it() -> None:
    table = report.runs_table([made_up({"plain-20": (1.0, 9.5), "resnet-20": (1.0, 8.9)}, seeds=3)], "made-up")
    made = "dvc exp run -S profile=made-up -S 'cifar.nets=[plain-20,resnet-20]' -S 'cifar.seeds=[0,1,2]' tabulate@cifar"
    assert f"Made by <code>{made}</code>" in html.unescape(table)


def test_a_net_of_the_reader_gets_a_row_of_its_own() -> None:
    table = report.table_6([made_up({"resnet-26": (1.0, 8.0)})], "made-up")
    assert re.search(r"<td>26</td><td></td><td>not in the paper</td><td>366,938</td>", table)


def test_a_diverged_run_stays_in_the_table() -> None:
    assert "<small>no better than chance</small>" in report.table_6(
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
    assert all({"20", "40", "60"} <= set(found) for found in ticks[2:]), (
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
    mine = replace(made_up({"resnet-20": (3.0, 12.0)}), profile="mine")
    table = report.table_6([exact, mine], "mine")
    assert "8.80" in table and "12.00" in table
    assert "12.00" not in report.table_6([exact, mine], "made-up")


def imagenet(errors: dict[str, tuple[float, float]] = PAPER_IMAGENET, **options: object) -> Study:
    return made_up(errors, arm="imagenet", **options)


def rows(table: str) -> dict[str, str]:
    """Rows of a table by their first cell, as text."""
    found = re.findall(r"<tr[^>]*><td>(.*?)</td>(.*?)</tr>", table, flags=re.DOTALL)
    return {name: " ".join(re.sub(r"<[^>]+>", " ", rest).split()) for name, rest in found}


def test_table_1_is_read_from_the_built_nets_and_agrees_with_the_printed_one() -> None:
    table = report.table_1()
    assert "printed:" not in table, "no cell differs"
    assert table.count("✓") >= 25, "five stages of five nets"
    found = rows(table)
    assert found["conv4_x"].startswith("14×14 3×3, 256 3×3, 256 × 2 ✓")
    assert found["conv4_x"].endswith("1×1, 256 3×3, 256 1×1, 1024 × 36 ✓")
    assert found["FLOPs (10⁹), printed"] == "1.8 3.6 3.8 7.6 11.3"
    assert found["multiply-adds (10⁹), counted"] == "1.795 3.644 3.858 7.570 11.282"
    assert found["parameters (10⁶), counted"] == "11.52 21.62 25.56 44.55 60.19"


def test_table_2_sets_plain_against_residual_by_the_10_crop_test() -> None:
    found = rows(report.table_2([imagenet(seeds=3, spread=0.1)], "made-up"))
    assert found["plain, 34 layers"] == "28.54 28.54 ± 0.10 3 proxy"
    assert found["ResNet, 34 layers"] == "25.03 25.03 ± 0.10 3 proxy"


def test_table_3_has_its_comparators_and_says_what_a_missing_net_would_cost() -> None:
    table = report.table_3([imagenet({"resnet-34-B": (24.5, 24.6)})], "made-up")
    found = rows(table)
    assert found["PReLU-net"] == "24.27 7.38" and found["GoogLeNet"] == "– 9.15"
    assert found["ResNet-34 B"] == "24.52 7.46 24.60 6.15 1 proxy"
    assert found["ResNet-50"] == "22.85 6.71 not run ≈ 99 GPU h"
    command = "dvc exp run -S profile=paper -S &#39;imagenet.nets=[resnet-50]&#39; tabulate@imagenet"
    assert f"resnet-50: <code>{command}</code>, about 99 GPU hours" in table
    assert "assumed 10 TFLOP/s" in table


def test_a_comparator_that_was_run_here_gets_its_numbers_and_other_nets_a_row_of_their_own() -> None:
    found = rows(report.table_3([imagenet({"vgg-16": (30.0, 28.5), "resnet-18-B": (29.0, 27.0)})], "made-up"))
    assert found["VGG-16"] == "28.07 9.33 28.50 7.12 1 proxy"
    assert found["resnet-18-B"] == "– – 27.00 6.75 1 proxy"


def with_ensemble(found: Study) -> Study:
    row = {"net": "resnet-34-A + resnet-34-B", "seed": 0, "protocol": "fully_convolutional", "images": 50_000}
    scored = pd.DataFrame([row | {"top1_error": 20.0, "top5_error": 5.5}])
    return replace(found, evaluations=pd.concat([found.evaluations, scored]))


def test_table_4_is_multi_scale_and_table_5_has_our_ensembles() -> None:
    found = imagenet()
    assert rows(report.table_4([found], "made-up"))["ResNet-152"] == "19.38 4.49 18.43 5.36 1 proxy"
    table = rows(report.table_5([with_ensemble(found)], "made-up"))
    assert table["ResNet (ILSVRC&#39;15)"] == "3.57"
    assert table["resnet-34-A + resnet-34-B"] == "– 5.50 1 proxy"


def test_an_ensemble_of_one_study_is_not_run_in_the_other() -> None:
    found = imagenet()
    table = report.table_5([found, replace(with_ensemble(found), profile="last")], "last")
    hours = round(gpu_hours("resnet-34-A") + gpu_hours("resnet-34-B"))
    assert rows(table)["resnet-34-A + resnet-34-B"] == f"– not run ≈ {hours} GPU h 5.50 1 proxy"
    assert "imagenet.nets=[resnet-34-A,resnet-34-B]" in html.unescape(table)


def test_figure_3_draws_every_layer_of_the_three_nets() -> None:
    figure = report.figure_3()
    texts = re.findall(r"<text[^>]*>([^<]+)</text>", figure)
    assert [t for t in texts if "billion" in t] == [
        "19.63 billion multiply-adds", "3.64 billion multiply-adds", "3.64 billion multiply-adds",
    ]  # fmt: skip
    assert sum("conv" in t for t in texts) == 16 + 33 + 33
    assert sum(t.startswith("fc ") for t in texts) == 3 + 1 + 1
    assert {"224×224", "112×112", "56×56", "28×28", "14×14", "7×7"} <= set(texts)
    assert figure.count("stroke-dasharray") == 3, "three shortcuts of 34 layers raise the dimension"


def test_figure_4_has_the_papers_curves_beside_ours() -> None:
    figure = report.figure_4([imagenet({"plain-18": (31.5, 28), "plain-34": (32.6, 29)})], "made-up")
    assert [label for label in re.findall(r'aria-label="([^"]+)"', figure) if label.endswith("the paper")] == [
        "plain nets, the paper", "residual nets, the paper",
    ]  # fmt: skip
    assert "Drawn in the paper and not run here: resnet-18-A, resnet-34-A." in figure


def test_the_imagenet_headline_speaks_of_34_layers() -> None:
    text = report.headline(imagenet(dataset="tiny_imagenet"))
    assert "the cure shows: resnet-34-A has 3.51 points less test error than plain-34" in text
    assert "the gain from depth shows: resnet-34-A has 2.85 points less test error than resnet-18-A" in text


def test_the_cure_is_told_of_test_errors_and_not_of_training_errors() -> None:
    only_training = PAPER_IMAGENET | {"plain-34": (60.0, 25.2)}
    text = report.headline(imagenet(only_training, dataset="tiny_imagenet"))
    assert "the cure does not show yet" in text
