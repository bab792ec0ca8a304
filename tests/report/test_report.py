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
from reading import Cell, cells, heads, labels, links, rows

from replication import paper, report
from replication.cost import gpu_hours
from replication.report.benchmarks import BY_DEPTH, Measurement, write_benchmarks
from replication.report.figures import INK
from replication.report.html import command, paper_command
from replication.report.page import contents, page
from replication.results.studies import Study
from replication.verdicts.claims import WAITING, judge_claims
from replication.verdicts.claims.settling import plan_settling
from replication.verdicts.rule_since import present_rule


def made_up(errors: dict[str, tuple[float, float]], **options: object) -> Study:
    return with_curves(study(errors, **options), [(1 / 64, 80.0), (0.5, 5.0), (1.0, 0.0)])


def row_of(table: str, *begin: str) -> list[Cell]:
    """The one row of a table whose first cells have these words."""
    found = [row for row in _rows(table) if tuple(cell.words for cell in row[: len(begin)]) == begin]
    (row,) = found
    return row


def _rows(table: str) -> list[list[Cell]]:
    parts = re.findall(r"<tr\b.*?</tr>", table, flags=re.DOTALL)
    return [[Cell(words=name), *rest] for part in parts for name, rest in cells(part).items()]


# --- tables of section 4.2


def test_table_6_sets_mean_std_and_n_beside_the_papers_statistic() -> None:
    row = row_of(report.table_6([made_up({"resnet-20": (1.0, 8.9)}, seeds=3, spread=0.1)]), "ResNet", "20")
    words = [cell.words for cell in row]
    assert "8.75" in words and "269,722" in words and "3" in words
    assert any(cell.words.startswith("8.90 ± 0.10") and "here" in cell.classes and "8.80" in cell.words for cell in row)
    assert any("proxy" in cell.classes for cell in row)


def test_a_net_that_was_not_run_has_the_command_that_runs_it() -> None:
    found = made_up({"resnet-20": (1.0, 8.9)})
    absent = [cell for row in _rows(report.table_6([found])) for cell in row if "absent" in cell.classes]
    assert len(absent) >= 5 and command(found, ["resnet-32"]) in {cell.title for cell in absent}


def test_each_study_has_the_command_that_made_it() -> None:
    found = made_up({"plain-20": (1.0, 9.5), "resnet-20": (1.0, 8.9)}, seeds=3)
    made = "dvc exp run -S profile=made-up -S 'cifar.nets=[plain-20,resnet-20]' -S 'cifar.seeds=[0,1,2]' tabulate@cifar"
    assert command(found) == made and f"<code>{made}</code>" in html.unescape(report.runs_table([found]))


def test_a_net_of_the_reader_gets_a_row_of_its_own() -> None:
    words = [cell.words for cell in row_of(report.table_6([made_up({"resnet-26": (1.0, 8.0)})]), "ResNet", "26")]
    assert "366,938" in words and any(word.startswith("8.00") for word in words)


def test_a_run_at_chance_stays_in_the_table_and_is_marked() -> None:
    chance, learned = (
        row_of(report.table_6([made_up({"resnet-110": (90, 90)}, status=status)]), "ResNet", "110")
        for status in ("chance", "trained")
    )
    assert len([cell for cell in chance if "90.00" in cell.words]) == 1
    assert [cell.words for cell in chance] != [cell.words for cell in learned]


def test_differences_are_generated_and_escaped() -> None:
    found = made_up({"resnet-20": (1, 9)}, pixels="<b>JPEG</b>", schedule={"iterations": 4000, "drops": [2000, 3000]})
    table = report.differences_table([found])
    words = {word for row in rows(table).values() for word in row}
    assert {"64,000", "4,000", "2,000, 3,000", "official pixels", "<b>JPEG</b>"} <= words
    assert "<b>JPEG</b>" not in table


def line_of(table: str, part: str) -> list[str]:
    (line,) = [line for what, line in rows(table).items() if part in what]
    return line


def test_a_difference_of_one_variant_is_said_of_that_variant_alone() -> None:
    changed = made_up({"resnet-56": (1, 7)}, variant="bn-group-128", train_images=45_000)
    table = report.differences_table([joined(made_up({"resnet-56": (1, 7)}), changed)])
    paper_value, here, _, nets, effect = line_of(table, "training images")
    assert (paper_value, here, nets) == ("50,000", "45,000", "resnet-56/bn-group-128")
    assert "+0.00" in effect and "n = 1" in effect
    paper_value, here, _, nets, _ = line_of(table, "batch-norm")
    assert (paper_value, here, nets) == ("64", "128", "resnet-56/bn-group-128"), "it is no experiment of the paper"
    assert line_of(table, "pixels")[3] not in ("resnet-56", "resnet-56/bn-group-128"), "of all nets"


def test_beside_a_difference_stands_what_it_changed_where_a_variant_tells() -> None:
    usual = made_up({"resnet-56": (1, 7), "resnet-20": (1, 9)}, seeds=3, spread=0.2)
    fanned = made_up({"resnet-56": (1, 7.5)}, seeds=3, spread=0.2, variant="fan-out", initialisation="fan_out")
    effect = line_of(report.differences_table([joined(usual, fanned)]), "fan-out")[-1]
    assert re.search(r"\+0\.50 \[[^]]+\], n = 3$", effect), effect
    usual = joined(
        made_up({"resnet-20": (1, 9)}, precision="bf16"), made_up({"resnet-20": (1, 8)}, variant="same-order")
    )
    effect = line_of(report.differences_table([usual]), "arithmetic")[-1]
    assert "+1.00" in effect, "its own profile differs, the variant does not"
    assert len(line_of(report.differences_table([made_up({"resnet-56": (1, 7)})]), "pixels")) == 4, "no effect is told"


def test_a_variant_that_is_an_experiment_of_the_paper_does_not_differ_from_it() -> None:
    changed = made_up({"resnet-110": (1, 7)}, variant="no-warmup")
    assert not any("warm" in what for what in rows(report.differences_table([changed])))


def test_runs_of_variants_stand_in_the_record_and_not_in_the_table() -> None:
    found = joined(made_up({"resnet-110": (1, 6.5)}), made_up({"resnet-110": (1, 12.0)}, variant="no-warmup"))
    record = report.runs_table([found])
    variant = [cell.words for cell in row_of(record, "resnet-110", "no-warmup", "0")]
    assert variant[3:5] == ["1.00", "12.00"]
    assert "-S 'cifar.nets=[resnet-110,resnet-110/no-warmup]'" in html.unescape(record)
    words = [cell.words for cell in row_of(report.table_6([found]), "ResNet", "110")]
    assert "12.00" not in words and "6.50" in words


def test_errors_are_named_by_their_protocol() -> None:
    for found in (imagenet(), made_up(PAPER)):
        protocol = found.task.protocol(found.task.headline)
        assert any(protocol.words in head and "%" in head for head in heads(report.runs_table([found])))


# --- claim cards


def cards_of(*studies: Study) -> dict[str, str]:
    """Cards of claims by their id, "K02-cifar"."""
    parts = html.unescape(report.claim_cards(list(studies))).split('<li id="')[1:]
    return {part.partition('"')[0]: part for part in parts}


def kind_of(card: str) -> str:
    """The kind of a card's first verdict, from its class."""
    return re.search(r'<details class="verdict ([a-z-]+)"', card)[1]


def test_columns_of_a_claim_have_headings_that_fit_their_cells() -> None:
    for card in cards_of(made_up(PAPER | {"plain-110": (70.0, 71.0)}, seeds=3, spread=0.1)).values():
        for table in re.findall(r"<table.*?</table>", card, flags=re.DOTALL):
            lines = [row for row in rows(table).values() if row]
            assert {len(line) for line in lines} == {len(heads(table)) - 1}
            for column in range(len(heads(table)) - 1):
                assert any(line[column] for line in lines), "a column without a word"
            for line in lines:
                assert not any("[" in word and "]" not in word for word in line)


def test_with_one_seed_each_value_is_printed_and_no_interval() -> None:
    card = cards_of(made_up({"plain-20": (1, 9), "plain-56": (5, 13)}))["K02-cifar"]
    printed, here, n, _ = rows(card)["plain-56 − plain-20, test error"]
    assert kind_of(card) == "single-seed" and (printed, n) == ("+3.54", "1")
    assert re.findall(r"[+\d.]+\d", here.replace("plain-56", "").replace("plain-20", "")) == ["+4.00", "13.00", "9.00"]


def needed(found: Study, claim_id: str) -> object:
    return next(plan_settling(tested, found) for tested in judge_claims(found) if tested.test.claim.id == claim_id)


def test_without_a_verdict_a_card_says_what_three_seeds_would_take() -> None:
    found = made_up({"plain-20": (1, 9), "plain-56": (5, 13)})
    card = cards_of(found)["K02-cifar"]
    assert needed(found, "K02").runs == 4 and "4 more" in card and "40 minutes" in card
    assert f"<code>{command(found, ['plain-20', 'plain-56'], 3)}</code>" in card


def test_an_inconclusive_claim_says_how_many_seeds_would_settle_it() -> None:
    near = made_up(PAPER | {"resnet-20": (0.6, 9.3)}, seeds=3, spread=0.2)
    card, more = cards_of(near)["K15-cifar"], needed(near, "K15")
    assert kind_of(card) == "inconclusive"
    assert str(more.seeds["plain-20"]) in card and f"{more.runs} more" in card
    equal = PAPER | {"resnet-20": (0.6, 9.69)}
    assert needed(made_up(equal, seeds=3, spread=0.2), "K15").too_many
    settled = made_up(PAPER, seeds=3, spread=0.2)
    assert kind_of(cards_of(settled)["K15-cifar"]) == "supported" and needed(settled, "K15") is None


def test_a_claim_that_rests_on_variants_has_the_command_that_runs_them() -> None:
    found = made_up({"plain-20": (1, 9)})
    cards = cards_of(found)
    assert command(found, ["plain-20", "plain-56/three-times-longer"], 3) in cards["K24-cifar"]
    assert command(found, ["plain-20/bottleneck", "plain-56/bottleneck"], 3) in cards["K25-cifar"]


def test_what_is_counted_is_confirmed_and_opens_no_verdict_a_study() -> None:
    card = cards_of(made_up(PAPER), made_up(PAPER))["K08-cifar"]
    assert kind_of(card) == "confirmed" and card.count("<details") == 1


def test_a_claim_whose_rule_is_younger_than_its_runs_says_so() -> None:
    found = made_up({"plain-20": (1, 9), "plain-56": (5, 13)})
    cards, since = cards_of(found), str(present_rule().since)
    assert since in cards["K02-cifar"] and "2026-01-02" in cards["K02-cifar"], "when it began, and when they ended"
    assert since not in cards["K08-cifar"] and since not in cards["K14-cifar"], "no runs"
    found.runs["date"] = "2999-01-01"
    assert since not in cards_of(found)["K02-cifar"]


def test_the_rule_is_told_with_its_hash_and_since_when_it_holds() -> None:
    text, rule = report.verdict_rule(), present_rule()
    assert rule.hash in text and str(rule.since) in text and rule.commit in text
    lender = next(project for project in paper.replications() if "std" in project)
    assert lender["name"] in text


def test_claims_that_nothing_tests_say_what_they_need() -> None:
    text = report.waiting_claims()
    assert re.findall(r'<li id="(K\d\d)"', text) == list(WAITING)
    assert all(html.escape(need, quote=False) in html.unescape(text) for need in WAITING.values())


# --- training curves


def test_figures_have_the_papers_panels_once_and_its_curves_beneath_ours() -> None:
    found = [made_up({"plain-20": (1.4, 9.7), "plain-56": (5.6, 50.0)})]
    found = [with_curves(study, [(0.5, 3.0), (1.0, 0.0)]) for study in (*found, *found)]
    figure = report.figure_1(found)
    assert len(labels(figure)) == 2 + 2 * len(found)
    panels = figure.split("<svg ")[1:]
    ticks = [{int(tick) for tick in re.findall(r">(\d+)</text>", panel)} for panel in panels]
    assert 20 in ticks[1] and 40 not in ticks[1], "the paper's figure ends at 20 %"
    assert {20, 40, 60} <= ticks[3], "ours reach as high as plain-56 needs"
    drawn = [len(re.findall(r"stroke-dasharray", panel)) for panel in panels]
    assert drawn[3] >= drawn[1] + 2, "the paper's two curves are drawn beneath ours"


def not_run(figure: str) -> list[str]:
    """The nets that a figure names as drawn in the paper and not run here."""
    return re.findall(r"(?:plain|resnet)-[\w-]+", " ".join(re.findall(r'<p class="note">(.*?)</p>', figure)))


def test_figure_6_has_the_papers_three_panels_and_names_what_was_not_run() -> None:
    figure = report.figure_6([made_up({"resnet-20": (1, 9)})])
    assert len(labels(figure)) == 6
    assert {"plain-20", "resnet-110", "resnet-1202"} <= set(not_run(figure)) and "resnet-20" not in not_run(figure)


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


# --- the page


def test_the_readers_own_study_stands_beside_the_nearest_and_others_are_named() -> None:
    exact = made_up({"resnet-20": (0.7, 8.8)}, profile="paper", pixels="official")
    mine = made_up({"resnet-20": (3.0, 12.0)}, profile="mine")
    override = replace(mine, label="train_images=45000")
    studies = [exact, mine, override]
    assert report.shown(studies, "mine") == studies
    assert report.shown(studies, "paper") == [exact]
    words = {cell.words for row in _rows(report.table_6(report.shown(studies, "mine"))) for cell in row}
    assert {"8.80", "12.00"} <= words
    others = report.other_studies(studies, [exact])
    assert re.findall(r"<code>(results/[^<]+)</code>", others) == [f"results/{of.folder}" for of in (mine, override)]
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
    whole = page("<h1>first</h1>", body)
    assert {"#one", "#two"} <= set(links(re.search("<nav.*?</nav>", whole, re.DOTALL)[0]))
    assert whole.index("<h1>first</h1>") < whole.index(body)


def test_the_paper_others_and_ours_stand_in_one_table() -> None:
    ours = made_up({"resnet-20": (1, 8.9), "plain-56": (5, 13.0)}, seeds=3, spread=0.1)
    found = rows(report.others_table([ours]))
    assert found["paper"][-9:-1] == ["9.69", "13.23", "8.75", "7.51", "7.17", "6.97", "6.61 ± 0.16", "7.93"]
    assert {project["name"] for project in paper.replications()} <= found.keys()
    assert "9.78 ± 0.13" in found["nabla0001/resnet"]
    best, last = (found[name] for name in found if name.startswith("a-martyn/resnet"))
    assert "12.76" in best and "13.07" in last, "its best test epochs, and the last ones of the same runs"
    (here,) = [row for name, row in found.items() if ours.name in name]
    assert {"13.00 ± 0.10", "8.90 ± 0.10", "–"} <= set(here) and "proxy" in here


def test_what_1202_layers_cost_stands_below_table_6_where_it_was_measured(tmp_path: Path) -> None:
    made = {"benchmark": BY_DEPTH, "case": "resnet-1202", "low": 1, "high": 9, "n": 3, "threads": 2, "cores": 2}
    made |= {"date": "2026-01-02", "commit": "abc", "torch": "2.14.1", "processor": "a CPU"}
    usual = made_up({"resnet-20": (1, 9)})
    assert "a CPU, 2 threads" not in report.table_6([usual], tmp_path)
    measured = [made | {"unit": unit, "value": value} for unit, value in (("images/s", 1.6), ("GiB", 2.0))]
    write_benchmarks(tmp_path / "a-cpu.csv", [Measurement.model_validate(row) for row in measured])
    table = report.table_6([usual], tmp_path)
    assert re.search(r"80 seconds.*2\.0 GiB.*a CPU, 2 threads", table), "128 images at 1.6 a second"
    assert "7.93" in table and "6.18" in table


def test_figure_7_is_drawn_over_the_papers_points_where_responses_were_measured() -> None:
    usual = made_up({"plain-20": (1, 9)})
    assert "<svg" not in report.figure_7([usual]) or "dvc repro analyse-cifar" in report.figure_7([usual])
    of = {"net": "plain-20", "variant": "default", "seed": 0, "iteration": 64_000}
    measured = pd.DataFrame([of | {"layer": layer, "value": 1.5} for layer in range(1, 20)])
    drawn = report.figure_7([replace(usual, responses=measured)])
    assert drawn.count("<svg") == 4 and drawn == report.figure_7([replace(usual, responses=measured)])
    assert not_run(drawn) == ["resnet-20", "plain-56", "resnet-56", "resnet-110"]


# --- section 4.1


def imagenet(errors: dict[str, tuple[float, float]] = PAPER_IMAGENET, **options: object) -> Study:
    return made_up(errors, task="imagenet", **options)


def test_table_1_is_read_from_the_built_nets_and_agrees_with_the_printed_one() -> None:
    table = report.table_1()
    assert table.count("✓") >= 25, "five stages of five nets"
    assert 'class="differs"' not in table
    words = [row for name, row in rows(table).items() if "10⁹" in name or "10⁶" in name]
    assert ["1.795", "3.644", "3.858", "7.570", "11.282"] in [row[-5:] for row in words]
    assert ["11.52", "21.62", "25.56", "44.55", "60.19"] in [row[-5:] for row in words]


def test_table_2_sets_plain_against_residual_by_the_10_crop_test() -> None:
    found = rows(report.table_2([imagenet(seeds=3, spread=0.1)]))
    assert found["plain, 34 layers"] == ["28.54", "28.54 ± 0.10", "3", "proxy"]
    assert found["ResNet, 34 layers"] == ["25.03", "25.03 ± 0.10", "3", "proxy"]


def test_table_3_has_its_comparators_and_says_what_a_missing_net_would_cost() -> None:
    found = imagenet({"resnet-34-B": (24.5, 24.6)})
    table = report.table_3([found])
    assert rows(table)["PReLU-net"][:2] == ["24.27", "7.38"] and rows(table)["GoogLeNet"][:2] == ["–", "9.15"]
    assert rows(table)["ResNet-34 B"] == ["24.52", "7.46", "24.60", "6.15", "1", "proxy"]
    (absent,) = [cell for cell in cells(table)["ResNet-50"] if "absent" in cell.classes]
    assert f"{gpu_hours('resnet-50'):,.0f}" in absent.words
    assert paper_command(found.task, ["resnet-50"]) in html.unescape(table)


def test_a_comparator_that_was_run_here_gets_its_numbers_and_other_nets_a_row_of_their_own() -> None:
    found = rows(report.table_3([imagenet({"vgg-16": (30.0, 28.5), "resnet-18-B": (29.0, 27.0)})]))
    assert found["VGG-16"] == ["28.07", "9.33", "28.50", "7.12", "1", "proxy"]
    assert found["resnet-18-B"] == ["–", "–", "27.00", "6.75", "1", "proxy"]


def with_ensemble(found: Study) -> Study:
    name = {"net": "resnet-34-A + resnet-34-B", "variant": "default", "seed": 0, "images": 50_000}
    of = {"top1_error": 20.0, "top5_error": 5.5}
    scored = [name | {"protocol": "fully_convolutional", "metric": metric, "value": v} for metric, v in of.items()]
    return replace(found, scores=pd.concat([found.scores, pd.DataFrame(scored)]))


def test_table_4_is_multi_scale_and_table_5_has_our_ensembles() -> None:
    found = imagenet()
    assert rows(report.table_4([found]))["ResNet-152"] == ["19.38", "4.49", "18.43", "5.36", "1", "proxy"]
    table = rows(report.table_5([with_ensemble(found)]))
    assert table["ResNet (ILSVRC'15)"][0] == "3.57"
    assert table["resnet-34-A + resnet-34-B"] == ["–", "5.50", "1", "proxy"]


def test_a_fully_convolutional_test_of_maps_that_were_never_slid_says_so() -> None:
    """Trained on 32 pixels, the last maps are 1x1; those of the paper are 7x7. The made-up errors are 3 points less."""
    small = imagenet({"plain-18": (9, 14)}, input_size=32, test={"scales": [32, 91]})
    for draw in (report.table_4, report.table_5):
        assert "-3 to -3" in draw([small]) and "-3 to -3" not in draw([imagenet()])
    assert "-3 to -3" not in report.table_3([small]), "10 crops"


def test_an_ensemble_of_one_study_is_not_run_in_the_other() -> None:
    found = imagenet()
    table = report.table_5([found, replace(with_ensemble(found), profile="last")])
    hours = round(gpu_hours("resnet-34-A") + gpu_hours("resnet-34-B"))
    _, absent, *here = cells(table)["resnet-34-A + resnet-34-B"]
    assert "absent" in absent.classes and str(hours) in absent.words
    assert [cell.words for cell in here] == ["5.50", "1", "proxy"]
    assert paper_command(found.task, ["resnet-34-A", "resnet-34-B"]) in html.unescape(table)


def test_figure_3_draws_every_layer_of_the_three_nets() -> None:
    figure = report.figure_3()
    texts = re.findall(r"<text[^>]*>([^<]+)</text>", figure)
    assert [t.partition(" ")[0] for t in texts if "billion" in t] == ["19.63", "3.64", "3.64"]
    assert sum("conv" in t for t in texts) == 16 + 33 + 33
    assert sum(t.startswith("fc ") for t in texts) == 3 + 1 + 1
    assert {"224×224", "112×112", "56×56", "28×28", "14×14", "7×7"} <= set(texts)
    assert figure.count("stroke-dasharray") == 3, "three shortcuts of 34 layers raise the dimension"


def test_figure_4_has_the_papers_curves_beside_ours() -> None:
    figure = report.figure_4([imagenet({"plain-18": (31.5, 28), "plain-34": (32.6, 29)})])
    assert len(labels(figure)) == 4 and not_run(figure) == ["resnet-18-A", "resnet-34-A"]


# --- the line below


def csv_of(html: str) -> list[list[str]]:
    """The rows that the line below a table or a figure carries."""
    return list(csv.reader(unquote(re.search(r'href="data:text/csv;charset=utf-8,([^"]*)"', html)[1]).splitlines()))


def test_below_a_table_stand_its_script_its_scores_and_its_rows() -> None:
    found = made_up({"resnet-20": (1, 8.9), "resnet-56": (1, 7)}, seeds=3, spread=0.1)
    below = report.table_6([found])
    assert {"../src/replication/report/tables.py", "../results/made-up/cifar/scores.csv", "#K14-cifar"} <= set(
        links(below)
    )
    (row,) = [row for row in csv_of(below) if row[:2] == ["ResNet", "20"]]
    assert row[-2:] == ["3", "proxy"] and row[-3].startswith("8.90 ± 0.10") and len(row) == len(csv_of(below)[0])


def test_below_a_figure_stand_the_points_that_it_draws() -> None:
    found = made_up({"plain-20": (1.0, 9.0), "plain-44": (2, 11)}, seeds=3, spread=0.5)
    points = csv_of(report.figure_1([found]))
    assert [found.name, "plain-20", "test", "64000", "9.0", "0.5", "3"] in points, "mean and spread of three seeds"
    assert {row[1] for row in points[1:]} == {"plain-20", "plain-56"} and points[1][0] == "paper"
    assert {row[1] for row in csv_of(report.figure_6([found]))} >= {"plain-44", "resnet-1202"}


def test_below_the_claims_stand_no_links_to_cards_of_an_arm_that_was_not_run() -> None:
    assert "#K32-localization" not in links(report.table_13([])) and "#K10-imagenet" in links(report.table_1())
