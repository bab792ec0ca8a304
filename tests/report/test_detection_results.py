"""The table of detection on a made-up study."""

from pathlib import Path

import pandas as pd
from made_up import NO_CURVES, PAPER_PROFILE, RUN, recipe_of
from reading import rows

from replication.report.detection_results import detection_examples, measured_table
from replication.report.html import render_item
from replication.results.studies import Study, add_recipe_columns
from replication.tasks import TASKS

DETECTION = TASKS["detection"]


def detected(seeds: int = 3) -> Study:
    """A study whose seeds differ by a point; residual nets are ten points better."""
    recipes, runs, scores = {}, [], []
    for net, error in (("plain-18", 40.0), ("resnet-18-A", 30.0)):
        for seed in range(seeds):
            recipe = recipe_of("quick", "detection", net, seed=seed, dataset="digit_scenes", pixels="drawn")
            recipes[recipe.hash] = recipe
            name = {"net": net, "variant": "default", "seed": seed}
            runs.append(name | RUN | {"recipe": recipe.hash, "status": "trained", "dropped_at": [300]})
            values = [("objects", "missed", 20.0), ("training", "top1_error", 12.0)]
            for rule in ("voc_11_points", "voc_area", "strict_area"):
                values += [(rule, "map_error", error + seed), (rule, "map_error_se", 1.5)]
            scores += [
                name | {"protocol": protocol, "metric": metric, "value": value, "images": 200}
                for protocol, metric, value in values
            ]
    table = add_recipe_columns(pd.DataFrame(runs), recipes, DETECTION, PAPER_PROFILE)
    return Study(DETECTION, "quick", "", PAPER_PROFILE, recipes, table, pd.DataFrame(scores), NO_CURVES)


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
