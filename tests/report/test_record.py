"""The differences from the paper, the record of runs, and which setups are shown; on made-up studies."""

import re
from dataclasses import replace

from made_up import PAPER, PAPER_IMAGENET, joined, study
from reading import cells, row_of, rows

from replication.report.html import render_item
from replication.report.record import deviations_table, differences_table, fill_commands, runs_table, setups_table
from replication.report.setups import build_command, choose_shown
from replication.results.studies import Study


def line_of(found: Study, part: str) -> list[str]:
    (line,) = (line for what, line in rows(differences_table(found)).items() if part in what)
    return line


def test_differences_are_generated_and_escaped() -> None:
    found = study({"resnet-20": (1, 9)}, pixels="<b>JPEG</b>", schedule={"iterations": 4000, "drops": [2000, 3000]})
    table = differences_table(found)
    words = {word for row in table.rows for word in row.words}
    assert {"64,000", "4,000", "2,000, 3,000", "official pixels", "<b>JPEG</b>"} <= words
    assert "<b>JPEG</b>" not in render_item(table)


def test_without_a_difference_there_is_no_table() -> None:
    exact = study({"resnet-20": (1, 9)}, pixels="official")
    assert differences_table(exact).rows == [] and "<table" not in render_item(differences_table(exact))


def test_a_difference_of_one_variant_is_said_of_that_variant_alone() -> None:
    changed = study({"resnet-56": (1, 7)}, variant="bn-group-128", train_images=45_000)
    both = joined(study({"resnet-56": (1, 7)}), changed)
    printed, here, _, nets, effect = line_of(both, "training images")
    assert (printed, here, nets) == ("50,000", "45,000", "resnet-56/bn-group-128")
    assert "+0.00" in effect and "n = 1" in effect
    printed, here, _, nets, _ = line_of(both, "batch-norm")
    assert (printed, here, nets) == ("64", "128", "resnet-56/bn-group-128"), "it is no experiment of the paper"
    assert line_of(both, "pixels")[3] == "all"


def test_beside_a_difference_stands_what_it_changed_where_a_variant_tells() -> None:
    usual = study({"resnet-56": (1, 7), "resnet-20": (1, 9)}, seeds=3, spread=0.2)
    fanned = study({"resnet-56": (1, 7.5)}, seeds=3, spread=0.2, variant="fan-out", initialisation="fan_out")
    effect = line_of(joined(usual, fanned), "fan-out")[-1]
    assert re.search(r"\+0\.50 \[[^]]+\], n = 3$", effect), effect
    usual = joined(study({"resnet-20": (1, 9)}, precision="bf16"), study({"resnet-20": (1, 8)}, variant="same-order"))
    effect = line_of(usual, "arithmetic")[-1]
    assert "+1.00" in effect, "its own profile differs, the variant does not"
    assert len(line_of(study({"resnet-56": (1, 7)}), "pixels")) == 4, "no effect is told"


def test_each_effect_of_a_difference_has_a_row_and_leads_to_its_runs() -> None:
    usual = study({"resnet-20": (1, 9), "resnet-56": (1, 7)})
    fanned = study({"resnet-20": (1, 9), "resnet-56": (1, 8)}, variant="fan-out", initialisation="fan_out")
    table = differences_table(joined(usual, fanned))
    (place,) = (place for place, row in enumerate(table.rows) if any("fan-out" in word for word in row.words))
    effects = [row.cells[-1] for row in table.rows[place : place + 2]]
    assert [effect.words[:16] for effect in effects] == ["resnet-20: +0.00", "resnet-56: +1.00"]
    assert [effect.link for effect in effects] == [
        f"runs-made-up-cifar-{net}-fan-out" for net in ("resnet-20", "resnet-56")
    ]
    assert {len(row.words) for row in table.rows} == {6}, "a cell a column in the CSV"


def test_a_variant_that_is_an_experiment_of_the_paper_does_not_differ_from_it() -> None:
    changed = study({"resnet-110": (1, 7)}, variant="no-warmup")
    assert not any("warm" in what for what in rows(differences_table(changed)))


def test_runs_of_variants_stand_in_the_record() -> None:
    found = joined(study({"resnet-110": (1, 6.5)}), study({"resnet-110": (1, 12.0)}, variant="no-warmup"))
    record = runs_table(found)
    variant = [cell.words for cell in row_of(record, "resnet-110", "no-warmup", "0")]
    assert variant[3:5] == ["1.00", "12.00"]
    assert [row.id for row in record.rows] == [
        "runs-made-up-cifar-resnet-110",
        "runs-made-up-cifar-resnet-110-no-warmup",
    ]
    assert "-S 'cifar.nets=[resnet-110,resnet-110/no-warmup]'" in record.notes.unescape()


def test_errors_are_named_by_their_protocol() -> None:
    for found in (study(PAPER_IMAGENET, task="imagenet"), study(PAPER)):
        protocol = found.task.protocol(found.task.headline)
        assert any(protocol.label in head and "%" in head for head in runs_table(found).heads[0].words)


def test_each_study_has_the_command_that_made_it() -> None:
    found = study({"plain-20": (1.0, 9.5), "resnet-20": (1.0, 8.9)}, seeds=3)
    made = "dvc exp run -S profile=made-up -S 'cifar.nets=[plain-20,resnet-20]' -S 'cifar.seeds=[0,1,2]' tabulate@cifar"
    assert build_command(found) == made and made in runs_table(found).notes.unescape()
    assert len([cell for row in cells(runs_table(found)).values() for cell in row if cell.kind == "here"]) == 2


def test_a_study_under_an_override_has_the_command_that_makes_it() -> None:
    changed = {"train_images": 45_000, "schedule": {"drops": [1000, 2000]}}
    made = build_command(replace(study({"resnet-20": (3.0, 12.0)}, profile="paper", **changed), label="changed"))
    assert "-S '++cifar.override.train_images=45000'" in made
    assert "-S '++cifar.override.schedule.drops=[1000, 2000]'" in made


def test_the_readers_own_study_stands_beside_the_nearest_and_others_are_named() -> None:
    exact = study({"resnet-20": (0.7, 8.8)}, profile="paper", pixels="official")
    mine = study({"resnet-20": (3.0, 12.0)}, profile="mine")
    override = replace(mine, label="train_images=45000")
    studies = [exact, mine, override]
    assert choose_shown(studies, "mine") == studies and choose_shown(studies, "paper") == [exact]
    table = setups_table([exact], [mine, override])
    assert [row.cells[0].text for row in table.rows] == [exact.name]
    assert re.findall(r"<code>(results/[^<]+)</code>", table.notes) == [f"results/{one.folder}" for one in studies]


def test_of_several_studies_of_a_task_those_of_better_fidelity_are_shown() -> None:
    far, near = study(PAPER), study({"plain-20": (2, 9)}, pixels="official", profile="cpu")
    assert choose_shown([far, near], "quick") == [far, near]
    assert choose_shown([near, far], "quick") == [near]


def test_each_setup_says_how_far_it_is_from_the_paper() -> None:
    own = study({"plain-20": (6, 12.69), "resnet-20": (4, 9.75)}, pixels="official", profile="cpu")
    (row, other) = setups_table([own, study({"resnet-20": (1, 2.0)}, dataset="digits")], []).rows
    assert row.words[2] == "2 of 10" and "+1.0 to +3.0" in row.words[-1], (
        "plain-20 9.69 and ResNet-20 8.75 in the paper"
    )
    assert row.words[4] == str(len({line[0] for line in map(tuple, rows(differences_table(own)).items())}))
    assert not re.search(r"\d", other.words[-1]), "no error on other data is compared"


def test_deviations_stand_in_one_table_with_a_column_a_setup_and_the_measured_effect() -> None:
    changed = study({"resnet-56": (1, 8)}, variant="fan-out", pixels="official", initialisation="fan_out")
    near = joined(study({"resnet-56": (1, 7)}, pixels="official"), changed)
    short = study(
        {"resnet-20": (1, 9)}, profile="cpu", pixels="official", schedule={"iterations": 4000, "drops": [2000]}
    )
    table = deviations_table([near, short, study({"resnet-20": (1, 2)}, dataset="digits")])
    assert len(table.columns) == 4, "a smoke test says nothing of the paper"
    found = {row.words[0]: row for row in table.rows}
    (fanned,) = (row for what, row in found.items() if any("fan_out" in word for word in row.words))
    assert "1 of 2" in fanned.words[1] and not fanned.words[2] and "+1.00" in fanned.words[3]
    assert "4,000" in found["iterations"].words[2] and "64,000" in found["iterations"].words[2]


def test_the_command_that_fills_a_cell_stands_once_a_setup() -> None:
    found = study({"resnet-20": (1.0, 8.9)})
    text = fill_commands([found]).unescape()
    assert text.count(build_command(found, ["NET"], 3)) == 1 and 'id="fill"' in text
