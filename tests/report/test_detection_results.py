"""The tables of detection on made-up studies."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from made_up_detection import CONTEXT_GAIN, GAINS, detected
from reading import rows

from replication.paper import about_table
from replication.report.detection import FILLED, detection_table
from replication.report.detection_results import detection_examples, measured_table
from replication.report.detection_steps import describe_classes, format_gain, measure_classes, precision_curves, table_9
from replication.report.html import render_item
from replication.report.setups import build_paper_commands, choose_shown
from replication.tasks.detection import BASELINE, COCO_MAP, REFINED
from replication.verdicts.claims.appendix_b import gain


def test_the_table_has_precision_by_each_rule_with_both_spreads() -> None:
    table = measured_table([detected()])
    words = rows(table)
    assert words["plain-18"][1] == "59.00 ± 1.00 over images ± 1.5"
    assert words["resnet-18-A"][1:5] == ["69.00 ± 1.00 over images ± 1.5"] * 3 + ["20.00 ± 0.00"]
    assert words["resnet-18-A"][-2:] == ["3", "proxy"]
    assert "200 test images" in table.notes


def test_a_picture_is_shown_where_the_study_keeps_one(tmp_path: Path) -> None:
    study = detected(1)
    assert detection_examples([study], tmp_path) == []
    (tmp_path / study.folder).mkdir(parents=True)
    (tmp_path / study.folder / "examples.png").write_bytes(b"png")
    (picture,) = detection_examples([study], tmp_path)
    assert 'src="data:image/png;base64,cG5n"' in render_item(picture)


def test_table_9_has_the_rows_of_the_paper_and_the_steps_of_each_net() -> None:
    words = rows(table_9([detected(), detected(has_steps=True)]))
    printed = [cells for system, cells in words.items() if system.startswith("paper:")]
    assert [cells[:4] for cells in printed[1:3]] == [["48.4", "", "27.2", ""], ["49.9", "+1.5", "29.9", "+2.7"]]
    assert [cells[1:4:2] for cells in printed[3:5]] == [["+1.2", "+0.1"], ["+2.7", "+2.5"]]
    assert {"51.1", "53.3"} <= set(printed[3][0].split()), "on val and on test-dev"
    assert "59.0" in printed[5][0].split()
    ours = [cells for system, cells in words.items() if system.startswith("resnet-18-A")]
    levels = [float(cells[0].split()[0]) for cells in ours]
    assert levels == pytest.approx([69.0, 70.0, 70.5, 72.5, 70.5 + CONTEXT_GAIN, 72.5 + CONTEXT_GAIN, 76.5, 78.5])
    assert all(cells[1].startswith("+2.00 [") for cells in (ours[3], ours[5]))
    assert ours[6][4] == "1" and ours[6][1] == "", "an ensemble is one value"


def test_without_steps_table_9_is_the_papers_alone() -> None:
    assert all(system.startswith("paper:") for system in rows(table_9([detected()])))


def test_the_interval_of_a_gain_is_over_images_until_there_are_three_seeds() -> None:
    one, three = (gain(detected(n, has_steps=True), "resnet-18-A", BASELINE, REFINED, COCO_MAP[0]) for n in (1, 3))
    assert format_gain(one) == "+1.50 [+0.52, +2.48]", "1.96 standard errors of 0.5"
    assert format_gain(three) == "+1.50 [+0.26, +2.74]", "Student's t with 2 degrees of freedom, 0.5 / sqrt 3"
    assert three.mean == pytest.approx(GAINS[REFINED][0])


def test_the_precision_of_a_class_is_that_of_eleven_points() -> None:
    study = detected(has_steps=True)
    values = measure_classes(study, "resnet-18-A")
    # Precision 100, 90, … 10 less the seed; at 100 % no row, as if 95 % were the last recall that is reached.
    assert values["RBC"].tolist() == pytest.approx([55.0, 54.0, 53.0])
    assert describe_classes(study, "resnet-18-A") == "RBC 54.00 ± 1.00, WBC 54.00 ± 1.00"
    figure = precision_curves([detected(), study])
    assert {row["net"] for row in figure.numbers} == {"plain-18", "resnet-18-A"}
    assert precision_curves([detected()]) is None and describe_classes(detected(), "plain-18") == ""


ON_COCO, ON_VOC = ("coco", "coco"), ("paper", "voc")


def test_table_8_has_the_nets_on_coco_and_no_others() -> None:
    cells, coco = detected(has_steps=True), detected(has_steps=True, setup=ON_COCO)
    words = rows(detection_table(8, [cells, coco]))
    assert list(words) == ["vgg-16", "resnet-101", "here: plain-18", "here: resnet-18-A"]
    assert words["here: resnet-18-A"][:3] == ["69.00 ± 1.00", "39.00 ± 1.00", "3"], "100 less errors of 31 and 61"
    assert words["here: resnet-18-A"][3].startswith("MS COCO, ")
    assert len(detection_table(8, [cells]).rows) == 2 and len(detection_table(7, [coco]).rows) == 2
    measured = rows(detection_table(7, [detected(setup=ON_VOC)]))["here: resnet-18-A"]
    assert measured[:2] == ["69.00 ± 1.00", "–"], "no server tests on VOC 2012"
    assert {"coco", "voc"} < FILLED


def test_table_10_has_the_precision_of_each_class_on_voc() -> None:
    study = detected(setup=ON_VOC)
    run = {"net": "resnet-18-A", "variant": "default", "seed": 0}
    points = [
        run | {"category": name, "recall": float(recall), "precision": value}
        for name, value in (("aeroplane", 80.0), ("tvmonitor", 60.0)) for recall in range(0, 101, 5)
    ]  # fmt: skip
    cells = rows(detection_table(10, [replace(study, precision=pd.DataFrame(points))]))["here: resnet-18-A"]
    columns = about_table(10)["columns"][1:]
    found = dict(zip(columns, cells, strict=False))
    assert (found["map"], found["aero"], found["tv"], found["bike"]) == ("69.00 ± 1.00", "80.00", "60.00", "–")


def test_the_papers_net_stands_open_where_it_was_measured_on_the_papers_data() -> None:
    open_rows = rows(detection_table(8, [detected()]).open)
    assert open_rows["ResNet-101"] == ["48.4", "– not run"] and open_rows["VGG-16"] == ["41.5", "– not run"]
    commands = build_paper_commands(detected())
    assert [command.split("profile=")[1].split()[0] for command in commands.values()] == ["paper", "coco"]


def test_a_study_on_coco_is_compared_with_the_papers_recipe_for_coco() -> None:
    coco = detected(setup=ON_COCO)
    assert coco.paper_recipe.data.name == "coco" and coco.paper_recipe.anchors.sides == (64, 128, 256, 512)
    recipe = coco.default["recipe"].iloc[0]
    assert {difference.key for difference in coco.differences(recipe)} == {"net", "data.pixels"}
    assert coco.share == 1 and detected(setup=ON_VOC).paper_recipe.data.name == "voc"


def test_the_closest_study_on_coco_is_shown_and_comes_first_in_table_9() -> None:
    cells, coco = detected(has_steps=True), detected(has_steps=True, setup=ON_COCO)
    assert coco in choose_shown([detected(setup=ON_VOC), coco, cells], "quick")
    assert table_9([cells, coco]).studies == [coco, cells]
