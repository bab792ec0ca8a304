"""Tables 13 and 14 on made-up studies."""

from pathlib import Path

from made_up_boxes import judged_again, located
from reading import cells, rows

from replication.report.html import render_item
from replication.report.localization import box_examples, table_13, table_14


def test_table_13_has_the_papers_rows_ours_and_the_baselines() -> None:
    found, pairs = table_13([located(seeds=3)])
    words = [row.words for row in found.rows]
    assert [row[2] for row in words if row[2] != "–"] == ["33.1", "13.3", "11.7", "14.4", "10.6", "8.9"]
    assert "13.30 ± 0.20" in words[2] and "0.701" in words[2] and "47.89 ± 0.00" in words[-3]
    assert not any("above a baseline" in cell for row in words for cell in row)
    assert "41.69 %" in found.notes, "the least error of a box that ignores the image"
    (difference,) = (row for name, row in rows(pairs).items() if name.startswith("per-class regression"))
    assert difference[1].startswith("+19.80"), "a value a seed beside the mean"
    assert difference[2] == "[+18.80, +20.80]", "1.96 standard errors over 10,000 images"
    (above, _) = table_13([located(oracle_dense={"rpn_error": 41.7})])
    assert "41.70 above a baseline" in {word for row in above.rows for word in row.words}


def test_tables_have_r_cnn_and_its_ensemble_where_they_were_run() -> None:
    studies = [located(seeds=3)], [judged_again()]
    found, pairs = table_13(*studies)
    words = {word for table in (found, pairs) for row in table.rows for word in row.words}
    assert {"10.60 ± 0.20", "8.90", "9.00 ± 0.20", "0.750", "0.600"} <= words
    assert any("+4.00, +3.80, +3.60" in word for word in words), "a difference a seed"
    error, _ = cells(found)["RPN + R-CNN, ensemble"][-2:]
    assert error.link == "runs-cpu-rcnn-resnet-18-A", "its numbers lead to its own runs"
    assert any("RPN + R-CNN, ensemble, Tiny ImageNet" in name for name in rows(table_14(*studies)))


def test_tables_without_a_study_have_the_papers_rows() -> None:
    (found,) = table_13([])
    assert "33.1" in rows(found)["per-class regression (paper: VGG-16)"] and "not measured" not in str(found.rows)
    assert {cell.link for row in found.open.rows for cell in row.cells if cell.kind == "absent"} == {"fill"}
    printed = rows(table_14([]))
    assert ["8.9", "9.0"] in printed.values() and not any("here" in name for name in printed)


def test_table_14_says_what_ours_is() -> None:
    (ours,) = (cell for name, cell in cells(table_14([located()])).items() if "per-class RPN, Tiny ImageNet" in name)
    assert ours[0].words == "14.40 n = 1" and ours[0].link == "runs-cpu-localization-resnet-18-A"


def test_a_picture_is_shown_where_the_study_keeps_one(tmp_path: Path) -> None:
    study = located()
    assert box_examples([study], tmp_path) == []
    (tmp_path / study.folder).mkdir(parents=True)
    (tmp_path / study.folder / "examples.png").write_bytes(b"png")
    (picture,) = box_examples([study], tmp_path)
    html = render_item(picture)
    assert 'src="data:image/png;base64,cG5n"' in html and "CSV" not in html
