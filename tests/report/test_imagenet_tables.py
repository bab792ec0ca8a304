"""Tables 1 to 5, on made-up studies whose numbers are known."""

from dataclasses import replace

import pandas as pd
from made_up import PAPER_IMAGENET, study
from reading import cells, rows

from replication.report.imagenet import table_1, table_2, table_3, table_4, table_5
from replication.results.studies import Study


def imagenet(errors: dict[str, tuple[float, float]] = PAPER_IMAGENET, **options: object) -> Study:
    return study(errors, task="imagenet", **options)


def test_table_1_is_read_from_the_built_nets_and_agrees_with_the_printed_one() -> None:
    found = [cell for row in table_1().rows for cell in row.cells]
    assert sum("✓" in cell.small for cell in found) == 25, "five stages of five nets"
    assert not any(cell.kind == "differs" for cell in found)
    assert rows(table_1())["conv4_x"][-1] == "1×1, 256 3×3, 256 1×1, 1024 × 36 ✓"
    counted = list(rows(table_1()).values())
    assert counted[-2][-5:] == ["1.795", "3.644", "3.858", "7.570", "11.282"]
    assert counted[-1][-5:] == ["11.52", "21.62", "25.56", "44.55", "60.19"]


def test_table_2_sets_plain_against_residual_by_the_10_crop_test() -> None:
    found = rows(table_2([imagenet(seeds=3, spread=0.1)]))
    assert found["plain, 34 layers"] == ["28.54", "28.54 ± 0.10", "3", "proxy"]
    assert found["ResNet, 34 layers"] == ["25.03", "25.03 ± 0.10", "3", "proxy"]


def test_table_3_has_its_comparators_and_links_what_was_not_run_to_its_command() -> None:
    found = imagenet({"resnet-34-B": (24.5, 24.6)})
    table = table_3([found])
    assert rows(table)["PReLU-net"][:2] == ["24.27", "7.38"] and rows(table)["GoogLeNet"][:2] == ["–", "9.15"]
    assert rows(table)["ResNet-34 B"] == ["24.52", "7.46", "24.60", "6.15", "1", "proxy"]
    assert [cell.kind for cell in cells(table)["ResNet-50"]][2:] == ["absent"]
    assert cells(table.open)["ResNet-50"][-1].link == "fill"
    assert rows(table.open)["ResNet-34 B"] == ["24.52", "24.60"], "the first metric stands open"


def test_a_comparator_that_was_run_here_gets_its_numbers_and_other_nets_a_row_of_their_own() -> None:
    found = rows(table_3([imagenet({"vgg-16": (30.0, 28.5), "resnet-18-B": (29.0, 27.0)})]))
    assert found["VGG-16"] == ["28.07", "9.33", "28.50", "7.12", "1", "proxy"]
    assert found["resnet-18-B"] == ["–", "–", "27.00", "6.75", "1", "proxy"]


def with_ensemble(found: Study) -> Study:
    name = {"net": "resnet-34-A + resnet-34-B", "variant": "default", "seed": 0, "images": 50_000}
    errors = {"top1_error": 20.0, "top5_error": 5.5}
    scored = [name | {"protocol": "fully_convolutional", "metric": metric, "value": v} for metric, v in errors.items()]
    return replace(found, scores=pd.concat([found.scores, pd.DataFrame(scored)]))


def test_table_4_is_multi_scale_and_table_5_has_our_ensembles() -> None:
    found = imagenet()
    assert rows(table_4([found]))["ResNet-152"] == ["19.38", "4.49", "18.43", "5.36", "1", "proxy"]
    table = rows(table_5([with_ensemble(found)]))
    assert table["ResNet (ILSVRC'15)"][0] == "3.57"
    assert table["resnet-34-A + resnet-34-B"] == ["–", "5.50", "1", "proxy"]


def test_a_fully_convolutional_test_of_maps_that_were_never_slid_says_so() -> None:
    """Trained on 32 pixels, the last maps are 1x1; those of the paper are 7x7. The made-up errors are 3 points less."""
    small = imagenet({"plain-18": (9, 14)}, input_size=32, test={"scales": [32, 91]})
    for draw in (table_4, table_5):
        assert "-3 to -3" in draw([small]).notes and "-3 to -3" not in draw([imagenet()]).notes
    assert "-3 to -3" not in table_3([small]).notes, "10 crops"


def test_an_ensemble_of_one_study_is_not_run_in_the_other() -> None:
    found = imagenet()
    table = table_5([found, replace(with_ensemble(found), profile="last")])
    _, absent, *here = cells(table)["resnet-34-A + resnet-34-B"]
    assert absent.kind == "absent" and absent.columns == 3 and absent.words
    assert [cell.words for cell in here] == ["5.50", "1", "proxy"]
