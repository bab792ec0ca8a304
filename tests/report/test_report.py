"""Tables and figures of the page, from made-up studies whose numbers are known."""

import csv
import html
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import pandas as pd
import pytest
from made_up import PAPER, PAPER_IMAGENET, joined, study, with_curves

from replication import report
from replication.claims import WAITING
from replication.report.benchmarks import BY_DEPTH, Measurement, write_benchmarks
from replication.report.figures import INK
from replication.report.page import contents, page
from replication.study.cost import gpu_hours
from replication.study.rule_since import present_rule
from replication.study.studies import Study


def made_up(errors: dict[str, tuple[float, float]], **options: object) -> Study:
    return with_curves(study(errors, **options), [(1 / 64, 80.0), (0.5, 5.0), (1.0, 0.0)])


def test_table_6_sets_mean_std_and_n_beside_the_papers_statistic() -> None:
    table = report.table_6([made_up({"resnet-20": (1.0, 8.9)}, seeds=3, spread=0.1)])
    row = re.search(r"<tr[^>]*><td>ResNet</td><td>20</td>.*?</tr>", table, flags=re.DOTALL)[0]
    assert "8.75" in row and "269,722" in row
    assert re.search(r"8\.90 ± 0\.10</a> <small>best 8\.80</small></td><td>3</td>", row)
    assert '<span class="tag proxy">proxy</span>' in row


def test_a_net_that_was_not_run_says_so_with_the_command_that_runs_it() -> None:
    table = report.table_6([made_up({"resnet-20": (1.0, 8.9)})])
    assert "dvc exp run -S profile=made-up -S &#39;cifar.nets=[resnet-32]&#39; tabulate@cifar" in table
    assert table.count("not run") >= 5


def test_each_study_has_the_command_that_made_it() -> None:
    table = report.runs_table([made_up({"plain-20": (1.0, 9.5), "resnet-20": (1.0, 8.9)}, seeds=3)])
    made = "dvc exp run -S profile=made-up -S 'cifar.nets=[plain-20,resnet-20]' -S 'cifar.seeds=[0,1,2]' tabulate@cifar"
    assert f"Made by <code>{made}</code>" in html.unescape(table)


def test_a_net_of_the_reader_gets_a_row_of_its_own() -> None:
    table = report.table_6([made_up({"resnet-26": (1.0, 8.0)})])
    assert re.search(r"<td>26</td><td></td><td>not in the paper</td><td>366,938</td>", table)


def test_a_run_no_better_than_chance_stays_in_the_table() -> None:
    assert "<small>no better than chance</small>" in report.table_6(
        [made_up({"resnet-110": (90, 90)}, status="chance")]
    )


def test_differences_are_generated_and_escaped() -> None:
    found = made_up({"resnet-20": (1, 9)}, pixels="<b>JPEG</b>", schedule={"iterations": 4000, "drops": [2000, 3000]})
    table = report.differences_table([found])
    assert "<td>64,000</td>" in table and ">4,000</td>" in table and ">2,000, 3,000</td>" in table
    assert "<td>official pixels</td>" in table
    assert "&lt;b&gt;JPEG&lt;/b&gt;" in table and "<b>JPEG</b>" not in table


def test_a_difference_of_one_variant_is_said_of_that_variant_alone() -> None:
    changed = made_up({"resnet-56": (1, 7)}, variant="bn-group-128", train_images=45_000)
    lines = rows(report.differences_table([joined(made_up({"resnet-56": (1, 7)}), changed)]))
    assert lines["pixels"].endswith("4 all")
    (line,) = [line for what, line in lines.items() if what.startswith("training images")]
    assert line.startswith("50,000 45,000") and "resnet-56/bn-group-128 resnet-56: +0.00, n = 1" in line
    (line,) = [line for what, line in lines.items() if "batch-norm" in what]
    assert line.startswith("64 128") and "resnet-56/bn-group-128" in line, "it is no experiment of the paper"


def test_beside_a_difference_stands_what_it_changed_where_a_variant_tells() -> None:
    usual = made_up({"resnet-56": (1, 7), "resnet-20": (1, 9)}, seeds=3, spread=0.2)
    fanned = made_up({"resnet-56": (1, 7.5)}, seeds=3, spread=0.2, variant="fan-out", initialisation="fan_out")
    lines = rows(report.differences_table([joined(usual, fanned)]))
    (line,) = [line for what, line in lines.items() if "fan-out" in what]
    assert re.search(r"resnet-56/fan-out resnet-56: \+0\.50 \[-?[+\d.]+, \+[\d.]+\], n = 3$", line), line
    usual = joined(
        made_up({"resnet-20": (1, 9)}, precision="bf16"), made_up({"resnet-20": (1, 8)}, variant="same-order")
    )
    (line,) = [line for what, line in rows(report.differences_table([usual])).items() if "arithmetic" in what]
    assert line.endswith("resnet-20 resnet-20: +1.00, n = 1"), "its own profile differs, the variant does not"
    assert "measured effect" not in report.differences_table([made_up({"resnet-56": (1, 7)})])


def test_a_variant_that_is_an_experiment_of_the_paper_does_not_differ_from_it() -> None:
    changed = made_up({"resnet-110": (1, 7)}, variant="no-warmup")
    assert not any("warm" in what for what in rows(report.differences_table([changed])))


def test_runs_of_variants_stand_in_the_record_with_their_name_and_not_in_the_table() -> None:
    found = joined(made_up({"resnet-110": (1, 6.5)}), made_up({"resnet-110": (1, 12.0)}, variant="no-warmup"))
    record = report.runs_table([found])
    assert re.search(
        r"<td>resnet-110</td><td>no-warmup</td><td>0</td><td>1.00</td><td class=\"here\">12.00</td>", record
    )
    assert "-S 'cifar.variants=[resnet-110/no-warmup]'" in html.unescape(record)
    assert rows(report.runs_table([made_up({"resnet-110": (1, 6.5)})]))["resnet-110"].startswith("0 1.00 6.50")
    (row,) = [row for row in report.table_6([found]).splitlines() if "<td>ResNet</td><td>110</td>" in row]
    assert "12.00" not in row and "6.50" in report.table_6([found])


def test_errors_are_named_by_their_protocol() -> None:
    assert ">10 crops, top-1 error (%)</th>" in report.runs_table([imagenet()])
    assert ">single view, top-1 error (%)</th>" in report.runs_table([made_up(PAPER)])


def cards_of(*studies: Study) -> dict[str, str]:
    """Cards of claims by their id, "K02-cifar"."""
    parts = html.unescape(report.claim_cards(list(studies))).split('<li id="')[1:]
    return {part.partition('"')[0]: part for part in parts}


def test_columns_of_a_claim_have_headings_that_fit_their_cells() -> None:
    cards = cards_of(made_up(PAPER | {"plain-110": (70.0, 71.0)}, seeds=3, spread=0.1))
    for card in cards.values():
        for table in re.findall(r"<table.*?</table>", card, flags=re.DOTALL):
            heads = re.findall(r"<th[^>]*>(.*?)</th>", table)
            lines = [re.findall(r"<td[^>]*>(.*?)</td>", line) for line in re.findall(r"<tr class.*?</tr>", table)]
            assert all(len(line) == len(heads) for line in lines)
            for column, head in enumerate(heads):
                cells = [line[column] for line in lines]
                assert any(cells), f"{head} is empty"
                if head == "95 % interval":
                    assert all(re.fullmatch(r"\[[-+\d.]+, [-+\d.]+\]|", cell) for cell in cells)
                elif head == "here":
                    assert not any("[" in cell for cell in cells)
    k03 = rows(cards["K03-cifar"])["plain-110 above 60 %, test error"]
    assert re.fullmatch(r"> 60 % 71\.00 % \[\d+\.\d\d, \d+\.\d\d\] 3 ✓", k03)


def test_with_one_seed_each_value_is_printed_and_no_interval() -> None:
    card = cards_of(made_up({"plain-20": (1, 9), "plain-56": (5, 13)}))["K02-cifar"]
    assert "<b>no verdict: n = 1</b>" in card and "95 % interval" not in card
    assert rows(card)["plain-56 − plain-20, test error"] == "+3.54 +4.00 (plain-56: 13.00; plain-20: 9.00) 1 –"


def test_without_a_verdict_a_card_says_what_three_seeds_would_take() -> None:
    card = cards_of(made_up({"plain-20": (1, 9), "plain-56": (5, 13)}))["K02-cifar"]
    assert "A verdict needs 3 seeds of each net: 4 more runs, about 40 minutes on the machine of these." in card
    lists = "-S 'cifar.nets=[plain-20,plain-56]' -S 'cifar.seeds=[0,1,2]'"
    assert f"<code>dvc exp run -S profile=made-up {lists} tabulate@cifar</code>" in card


def test_an_open_claim_says_how_many_seeds_would_tell() -> None:
    near = PAPER | {"resnet-20": (0.6, 9.3)}
    card = cards_of(made_up(near, seeds=3, spread=0.2))["K15-cifar"]
    seeds, runs = re.search(r"About (\d+) seeds of each net would settle .*? 80 %.*? (\d+) more runs", card).groups()
    assert 3 < int(seeds) < 40 and int(runs) == 2 * (int(seeds) - 3)
    equal = PAPER | {"resnet-20": (0.6, 9.69)}
    assert "even 300 seeds" in cards_of(made_up(equal, seeds=3, spread=0.2))["K15-cifar"]
    settled = cards_of(made_up(PAPER, seeds=3, spread=0.2))["K15-cifar"]
    assert "<b>supported</b>" in settled and "seeds of each net" not in settled


def test_a_claim_that_rests_on_variants_has_the_command_that_runs_them() -> None:
    cards = cards_of(made_up({"plain-20": (1, 9)}))
    lists = "-S 'cifar.nets=[plain-20]' -S 'cifar.variants=[plain-56/three-times-longer]' -S 'cifar.seeds=[0,1,2]'"
    assert f"{lists} tabulate@cifar" in cards["K24-cifar"]
    assert "-S 'cifar.variants=[plain-20/bottleneck,plain-56/bottleneck]'" in cards["K25-cifar"]


def test_beside_each_verdict_stands_what_the_rule_says_of_the_papers_own_numbers() -> None:
    cards = cards_of(made_up(PAPER))
    said = "The paper's own numbers, by the same rule: "
    assert f"{said}provisional: supported." in cards["K15-cifar"]
    assert f"{said}no verdict: n = 1." in cards["K02-cifar"]
    assert f"{said}it prints none for this." in cards["K26-cifar"]
    assert said not in cards["K08-cifar"], "counting needs no runs"


def test_a_claim_whose_rule_is_younger_than_its_runs_says_so() -> None:
    young = "The rule is not older than these runs"
    found = made_up({"plain-20": (1, 9), "plain-56": (5, 13)})
    assert f"{young}: it holds since {present_rule().since}" in cards_of(found)["K02-cifar"]
    assert "the first of them ended on 2026-01-02" in cards_of(found)["K02-cifar"]
    assert young not in cards_of(found)["K08-cifar"] and young not in cards_of(found)["K14-cifar"], "no runs"
    found.runs["date"] = "2999-01-01"
    assert young not in cards_of(found)["K02-cifar"]


def test_the_rule_is_told_with_its_hash_and_since_when_it_holds() -> None:
    text, rule = report.verdict_rule(), present_rule()
    assert rule.hash in text and f"in force since {rule.since}" in text
    assert "the spread of 5 seeds of 5 nets (nabla0001/resnet; what differs there: 45,000 training images;" in text


def test_claims_that_wait_say_what_they_need() -> None:
    text = report.waiting_claims()
    assert text.count("<li") == len(WAITING) and f"{len(WAITING)} of the paper's 32 claims" in text
    assert "It needs the closed test server of ILSVRC" in text


def test_figures_have_the_papers_panels_once_and_its_curves_beneath_ours() -> None:
    found = [made_up({"plain-20": (1.4, 9.7), "plain-56": (5.6, 50.0)})]
    found = [with_curves(study, [(0.5, 3.0), (1.0, 0.0)]) for study in (*found, *found)]
    figure = report.figure_1(found)
    labels = re.findall(r'aria-label="([^"]+)"', figure)
    assert labels == [
        "training error, the paper", "test error, the paper",
        *["training error, here: made-up", "test error, here: made-up"] * 2,
    ]  # fmt: skip
    panels = figure.split("<svg ")[1:]
    ticks = [{int(tick) for tick in re.findall(r">(\d+)</text>", panel)} for panel in panels]
    assert 20 in ticks[1] and 40 not in ticks[1], "the paper's figure ends at 20 %"
    assert {20, 40, 60} <= ticks[3], "ours reach as high as plain-56 needs"
    drawn = [len(re.findall(r"stroke-dasharray", panel)) for panel in panels]
    assert drawn[3] >= drawn[1] + 2, "the paper's two curves are drawn beneath ours"


def test_figure_6_has_the_papers_three_panels_and_the_third_says_what_was_not_run() -> None:
    figure = report.figure_6([made_up({"resnet-20": (1, 9)})])
    assert [label for label in re.findall(r'aria-label="([^"]+)"', figure) if label.endswith("the paper")] == [
        "plain nets, the paper", "residual nets, the paper", "110 and 1202 layers, the paper",
    ]  # fmt: skip
    assert re.search(r"Drawn in the paper and not run here: plain-20, .*resnet-110, resnet-1202\.", figure)
    assert "ResNet-1202" in figure.split('aria-label="110 and 1202 layers, the paper"')[1]


def test_seeds_are_drawn_as_a_band() -> None:
    one = report.figure_6([made_up({"resnet-20": (1, 9)})])
    three = report.figure_6([made_up({"resnet-20": (1, 9)}, seeds=3, spread=0.5)])
    assert one.count("FillBetweenPolyCollection") == 0
    assert three.count("FillBetweenPolyCollection") >= 1


@pytest.mark.parametrize("draw", [report.figure_1, report.figure_6])
def test_equal_results_draw_equal_bytes_in_the_colour_of_the_page(draw: object) -> None:
    found = [made_up(PAPER)]
    assert draw(found) == draw(found)
    assert INK not in draw(found) and "currentColor" in draw(found)


def test_the_readers_own_study_stands_beside_the_nearest_and_others_are_named() -> None:
    exact = made_up({"resnet-20": (0.7, 8.8)}, profile="paper", pixels="official")
    mine = made_up({"resnet-20": (3.0, 12.0)}, profile="mine")
    override = replace(mine, label="train_images=45000")
    studies = [exact, mine, override]
    assert report.shown(studies, "mine") == studies
    assert report.shown(studies, "paper") == [exact]
    table = report.table_6(report.shown(studies, "mine"))
    assert "8.80" in table and "12.00" in table and "here: mine, train_images 45000" in table
    others = report.other_studies(studies, [exact])
    assert "<code>results/mine/cifar</code>" in others and "<b>mine, train_images 45000</b>" in others
    assert report.other_studies(studies, studies).strip() == ""


def test_a_study_under_an_override_has_the_command_that_makes_it() -> None:
    changed = {"train_images": 45_000, "schedule": {"drops": [1000, 2000]}}
    found = replace(made_up({"resnet-20": (3.0, 12.0)}, profile="paper", **changed), label="changed")
    made = html.unescape(report.runs_table([found]))
    assert "-S '++cifar.override.train_images=45000'" in made
    assert "-S '++cifar.override.schedule.drops=[1000, 2000]'" in made


def test_the_contents_are_the_headings_of_the_page() -> None:
    body = '<h2 id="one" data-part="First">Table 1 · The <i>nets</i></h2><h3>no id</h3><h3 id="two">A &amp; B</h3>'
    assert contents(body) == [
        {"id": "one", "part": "First", "words": "Table 1", "waiting": ""},
        {"id": "two", "part": "", "words": "A & B", "waiting": ""},
    ]  # fmt: skip
    whole = page(body)
    assert (
        '<nav aria-label="Contents"><b>First</b><a href="#one">Table 1</a><a href="#two">A &amp; B</a></nav>' in whole
    )
    assert body in whole


def imagenet(errors: dict[str, tuple[float, float]] = PAPER_IMAGENET, **options: object) -> Study:
    return made_up(errors, arm="imagenet", **options)


def test_the_paper_others_and_ours_stand_in_one_table() -> None:
    ours = made_up({"resnet-20": (1, 8.9), "plain-56": (5, 13.0)}, seeds=3, spread=0.1)
    found = rows(report.others_table([ours]))
    assert found["paper"].startswith(
        "not said (5 of resnet-110), last iteration 9.69 13.23 8.75 7.51 7.17 6.97 6.61 ± 0.16"
    )
    assert len([name for name in found if "/" in name]) >= 5
    assert "9.78 ± 0.13" in found["nabla0001/resnet"] and "45,000 training images" in found["nabla0001/resnet"]
    assert "12.76 8.00 7.51 7.38 7.33" in found["a-martyn/resnet"], "its best test epochs"
    assert "13.07 8.04 7.79 7.51 7.46" in found["a-martyn/resnet, the same runs"]
    assert "too good: by 0.04 to 0.31 points, 0.18 on average, in the 8 runs" in report.others_table([ours])
    assert found["here: made-up"].startswith("proxy 3, last iteration – 13.00 ± 0.10 8.90 ± 0.10 – –")
    assert found["here: made-up"].endswith("1, listed under “What differs from the paper”")


def test_what_1202_layers_cost_stands_below_table_6_where_it_was_measured(tmp_path: Path) -> None:
    made = {"benchmark": BY_DEPTH, "case": "resnet-1202", "low": 1, "high": 9, "n": 3, "threads": 2, "cores": 2}
    made |= {"date": "2026-01-02", "commit": "abc", "torch": "2.14.1", "processor": "a CPU"}
    usual = made_up({"resnet-20": (1, 9)})
    assert "an iteration of 128 images" not in report.table_6([usual], tmp_path)
    rows = [made | {"unit": unit, "value": value} for unit, value in (("images/s", 1.6), ("GiB", 2.0))]
    write_benchmarks(tmp_path / "a-cpu.csv", [Measurement.model_validate(row) for row in rows])
    table = report.table_6([usual], tmp_path)
    assert "80 seconds an iteration of 128 images and 2.0 GiB at most (a CPU, 2 threads)" in table
    assert "7.93 % in the paper; 6.18 % by akamaster/pytorch_resnet_cifar10." in table


def test_figure_7_is_drawn_over_the_papers_points_where_responses_were_measured() -> None:
    usual = made_up({"plain-20": (1, 9)})
    assert "dvc repro analyse-cifar" in report.figure_7([usual])
    of = {"net": "plain-20", "variant": "default", "seed": 0, "iteration": 64_000}
    measured = pd.DataFrame([of | {"layer": layer, "value": 1.5} for layer in range(1, 20)])
    drawn = report.figure_7([replace(usual, responses=measured)])
    assert drawn.count("<svg") == 4 and drawn == report.figure_7([replace(usual, responses=measured)])
    assert "Drawn in the paper and not run here: resnet-20, plain-56, resnet-56, resnet-110." in drawn


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
    found = rows(report.table_2([imagenet(seeds=3, spread=0.1)]))
    assert found["plain, 34 layers"] == "28.54 28.54 ± 0.10 3 proxy"
    assert found["ResNet, 34 layers"] == "25.03 25.03 ± 0.10 3 proxy"


def test_table_3_has_its_comparators_and_says_what_a_missing_net_would_cost() -> None:
    table = report.table_3([imagenet({"resnet-34-B": (24.5, 24.6)})])
    found = rows(table)
    assert found["PReLU-net"] == "24.27 7.38" and found["GoogLeNet"] == "– 9.15"
    assert found["ResNet-34 B"] == "24.52 7.46 24.60 6.15 1 proxy"
    assert found["ResNet-50"] == "22.85 6.71 not run ≈ 99 GPU h"
    command = "dvc exp run -S profile=paper -S &#39;imagenet.nets=[resnet-50]&#39; tabulate@imagenet"
    assert f"resnet-50: <code>{command}</code>, about 99 GPU hours" in table
    assert "assumed 10 TFLOP/s" in table


def test_a_comparator_that_was_run_here_gets_its_numbers_and_other_nets_a_row_of_their_own() -> None:
    found = rows(report.table_3([imagenet({"vgg-16": (30.0, 28.5), "resnet-18-B": (29.0, 27.0)})]))
    assert found["VGG-16"] == "28.07 9.33 28.50 7.12 1 proxy"
    assert found["resnet-18-B"] == "– – 27.00 6.75 1 proxy"


def with_ensemble(found: Study) -> Study:
    name = {"net": "resnet-34-A + resnet-34-B", "variant": "default", "seed": 0, "images": 50_000}
    of = {"top1_error": 20.0, "top5_error": 5.5}
    scored = [name | {"protocol": "fully_convolutional", "metric": metric, "value": v} for metric, v in of.items()]
    return replace(found, scores=pd.concat([found.scores, pd.DataFrame(scored)]))


def test_table_4_is_multi_scale_and_table_5_has_our_ensembles() -> None:
    found = imagenet()
    assert rows(report.table_4([found]))["ResNet-152"] == "19.38 4.49 18.43 5.36 1 proxy"
    table = rows(report.table_5([with_ensemble(found)]))
    assert table["ResNet (ILSVRC&#39;15)"] == "3.57"
    assert table["resnet-34-A + resnet-34-B"] == "– 5.50 1 proxy"


def test_a_fully_convolutional_test_of_maps_that_were_never_slid_says_so() -> None:
    """Trained on 32 pixels, the last maps are 1x1; those of the paper are 7x7. The made-up errors are 3 points less."""
    small = imagenet({"plain-18": (9, 14)}, input_size=32, test={"scales": [32, 91]})
    said = "trained on 32 pixels, where the last maps are 1×1"
    for draw in (report.table_4, report.table_5):
        assert said in draw([small]) and "-3 to -3 points" in draw([small])
        assert "last maps" not in draw([imagenet()])
    assert "last maps" not in report.table_3([small]), "10 crops"


def test_an_ensemble_of_one_study_is_not_run_in_the_other() -> None:
    found = imagenet()
    table = report.table_5([found, replace(with_ensemble(found), profile="last")])
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
    figure = report.figure_4([imagenet({"plain-18": (31.5, 28), "plain-34": (32.6, 29)})])
    assert [label for label in re.findall(r'aria-label="([^"]+)"', figure) if label.endswith("the paper")] == [
        "plain nets, the paper", "residual nets, the paper",
    ]  # fmt: skip
    assert "Drawn in the paper and not run here: resnet-18-A, resnet-34-A." in figure


def csv_of(html: str) -> list[list[str]]:
    """The rows that the line below a table or a figure carries."""
    return list(csv.reader(unquote(re.search(r'href="data:text/csv;charset=utf-8,([^"]*)"', html)[1]).splitlines()))


def test_below_a_table_stand_its_script_its_scores_and_its_rows() -> None:
    found = made_up({"resnet-20": (1, 8.9), "resnet-56": (1, 7)}, seeds=3, spread=0.1)
    below = report.table_6([found])
    assert 'href="../src/replication/report/tables.py"' in below and 'download="table-6.csv"' in below
    assert 'href="../results/made-up/cifar/scores.csv"' in below and 'href="#K14-cifar"' in below
    (row,) = [row for row in csv_of(below) if row[:2] == ["ResNet", "20"]]
    assert row[-3:] == ["8.90 ± 0.10 best 8.80", "3", "proxy"] and len(row) == len(csv_of(below)[0])


def test_below_a_figure_stand_the_points_that_it_draws() -> None:
    found = made_up({"plain-20": (1.0, 9.0), "plain-44": (2, 11)}, seeds=3, spread=0.5)
    rows = csv_of(report.figure_1([found]))
    assert ["made-up", "plain-20", "test", "64000", "9.0", "0.5", "3"] in rows, "mean and spread of three seeds"
    assert {row[1] for row in rows[1:]} == {"plain-20", "plain-56"} and rows[1][0] == "paper"
    assert {row[1] for row in csv_of(report.figure_6([found]))} >= {"plain-44", "resnet-1202"}


def test_below_the_claims_stand_no_links_to_cards_of_an_arm_that_was_not_run() -> None:
    assert "#K32" not in report.table_13([]) and "#K10-imagenet" in report.table_1()
