"""ImageNet is found in three layouts, whole, or one sentence says what to do; the user's folder is left as it was."""

import io
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from errors import refused
from made_files import SMALL_IMAGENET, WNIDS, Photographs, below, tar, write_parquet
from PIL import Image
from torchvision.datasets import imagenet as official

from replication.data.index import Files, load_entry
from replication.data.sources import IMAGENET, Place
from replication.data.sources.imagenet import read_archives, read_folder, read_parquet


@pytest.fixture(scope="module")
def made() -> Photographs:
    return Photographs.make()


@pytest.fixture
def tars(made: Photographs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return made.archives(tmp_path / "archives", monkeypatch)


@pytest.fixture
def tree(made: Photographs, tmp_path: Path) -> Path:
    return made.tree(tmp_path / "tree")


@pytest.fixture
def rows(made: Photographs, tmp_path: Path) -> Path:
    return made.parquet(tmp_path / "parquet")


def labels(files: Files) -> tuple[list[int], list[int]]:
    return files.train.annotations.labels.tolist(), files.test.annotations.labels.tolist()


def test_the_real_data_set_has_the_counts_of_section_4_1() -> None:
    assert (IMAGENET.train_images, IMAGENET.test_images, IMAGENET.classes) == (1_281_167, 50_000, 1000)


def test_the_md5_sums_are_those_that_torchvision_knows() -> None:
    assert official.ARCHIVE_META["train"] == ("ILSVRC2012_img_train.tar", "1d675b47d978889d74fa0da5fadfb00e")


# --- archives


def test_archives_are_official_and_read_in_place(
    tars: Path, made: Photographs, capsys: pytest.CaptureFixture[str]
) -> None:
    before = below(tars)
    found = read_archives(Place("archives", tars), SMALL_IMAGENET)
    assert found.pixels == "official"
    assert found.classes == WNIDS
    assert labels(found) == ([0, 1, 2] * 4, [0, 1, 2] * 2)
    assert below(tars) == before
    outer = (tars / "ILSVRC2012_img_train.tar").read_bytes()
    for entry, (_, _, content) in zip(found.train.entries.to_pylist(), made.train, strict=True):
        assert outer[entry["offset"] : entry["offset"] + entry["length"]] == content
    said = capsys.readouterr().out
    assert all(re.search(rf"{name}.*100%", said) for name in ("ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar"))


def test_the_fingerprint_covers_the_md5_sums(tars: Path) -> None:
    found = read_archives(Place("archives", tars), SMALL_IMAGENET)
    assert replace(found, vouchers=["another"]).fingerprint != found.fingerprint


@pytest.mark.parametrize("part", ["train", "val", "devkit"])
def test_a_missing_archive_is_named_before_any_is_read(
    tars: Path, part: str, capsys: pytest.CaptureFixture[str]
) -> None:
    name = official.ARCHIVE_META[part][0]
    (tars / name).unlink()
    with refused("missing", "image-net.org", key="data.imagenet.root", file=tars / name):
        read_archives(Place("archives", tars), SMALL_IMAGENET)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("part", ["train", "val", "devkit"])
@pytest.mark.parametrize("damage", ["a flipped bit", "an end", "text", "nothing"])
def test_an_archive_that_is_not_the_official_one_is_named(tars: Path, part: str, damage: str) -> None:
    file = tars / official.ARCHIVE_META[part][0]
    content = file.read_bytes()
    bit = min(1100, len(content) // 2)  # of the first image, so that the tar itself still reads well
    flipped = content[:bit] + bytes([content[bit] ^ 1]) + content[bit + 1 :]
    wrong = {"a flipped bit": flipped, "an end": content[: len(content) // 2], "text": b"<html>log in</html>"}
    file.write_bytes(wrong.get(damage, b""))
    with refused("damaged", "fetch", key="data.imagenet.source", file=file):
        read_archives(Place("archives", tars), SMALL_IMAGENET)


def test_a_damaged_tar_inside_the_archive_is_named(tars: Path) -> None:
    (tars / "ILSVRC2012_img_train.tar").write_bytes(tar({"n00000001.tar": b"no tar at all" * 100}))
    with refused("damaged", file=tars / "ILSVRC2012_img_train.tar"):
        read_archives(Place("archives", tars), SMALL_IMAGENET)


# --- the extracted tree


def test_a_tree_is_not_verified_and_has_the_order_of_the_archives(tree: Path, tars: Path) -> None:
    found = read_folder(Place("folder", tree), SMALL_IMAGENET)
    packed = read_archives(Place("archives", tars), SMALL_IMAGENET)
    assert found.pixels == "extracted tree, not verified"
    assert found.classes == packed.classes
    assert labels(found) == labels(packed)
    for split in ("train", "test"):
        entries = [getattr(files, split).entries for files in (found, packed)]
        names = [[Path(name).name for name in table["name"].to_pylist()] for table in entries]
        assert names[0] == names[1]


def test_files_that_are_no_images_are_passed_over(tree: Path) -> None:
    (tree / "train/n00000001/.DS_Store").write_bytes(b"?")
    (tree / "train/n00000001/._n00000001_0.JPEG").write_bytes(b"?")
    (tree / "train/README.txt").write_text("?")
    (tree / "val/.hidden").mkdir()
    assert len(read_folder(Place("folder", tree), SMALL_IMAGENET).train) == 12


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_tree_without_a_split_is_refused(tree: Path, split: str) -> None:
    shutil.rmtree(tree / split)
    with refused("missing", key="data.imagenet.root", file=tree / split):
        read_folder(Place("folder", tree), SMALL_IMAGENET)


def test_a_class_folder_too_many_or_too_few_is_named(tree: Path) -> None:
    (tree / "train/lost+found").mkdir()
    with refused("damaged", "4 classes", "lost+found", file=tree):
        read_folder(Place("folder", tree), SMALL_IMAGENET)
    (tree / "train/lost+found").rmdir()
    shutil.rmtree(tree / "train/n00000002")
    with refused("damaged", "2 classes", "n00000002", file=tree):
        read_folder(Place("folder", tree), SMALL_IMAGENET)


def test_validation_images_of_other_classes_are_refused(tree: Path) -> None:
    (tree / "val/n00000003").rename(tree / "val/n00000004")
    with refused("damaged", "n00000003, n00000004", file=tree):
        read_folder(Place("folder", tree), SMALL_IMAGENET)


def test_many_differing_folders_are_not_all_listed(tree: Path) -> None:
    for number in range(10, 20):
        (tree / f"train/n000000{number}").mkdir()
    with refused("damaged", "n00000010, n00000011, n00000012", file=tree) as error:
        read_folder(Place("folder", tree), SMALL_IMAGENET)
    assert "n00000013" not in str(error.value)


def test_a_flat_validation_folder_is_recognised(tree: Path) -> None:
    for file in sorted((tree / "val").glob("*/*.JPEG")):
        file.rename(tree / "val" / file.name)
    for empty in list((tree / "val").glob("n*")):
        empty.rmdir()
    with refused("invalid", "val/<wnid>/", key="data.imagenet.source", file=tree / "val"):
        read_folder(Place("folder", tree), SMALL_IMAGENET)


@pytest.mark.parametrize("split", ["train", "val"])
def test_an_empty_class_folder_is_named(tree: Path, split: str) -> None:
    for file in (tree / split / "n00000002").iterdir():
        file.unlink()
    with refused("missing", "extract", file=tree / split / "n00000002"):
        read_folder(Place("folder", tree), SMALL_IMAGENET)


@pytest.mark.parametrize(("split", "count"), [("train", 11), ("val", 5)])
def test_an_image_too_few_is_told(tree: Path, split: str, count: int) -> None:
    next((tree / split / "n00000002").iterdir()).unlink()
    with refused("damaged", f"{count} {split} images", str(count + 1), file=tree):
        read_folder(Place("folder", tree), SMALL_IMAGENET)


# --- parquet


def test_parquet_is_not_verified_and_has_the_pixels_of_its_rows(rows: Path, made: Photographs) -> None:
    found = read_parquet(Place("parquet", rows), SMALL_IMAGENET)
    assert found.pixels == "parquet copy, not verified"
    assert labels(found) == ([0, 1, 2] * 4, [0, 1, 2] * 2)
    for number, (_, _, content) in enumerate(made.train):
        with Image.open(io.BytesIO(content)) as image:
            size = image.size
        assert sorted(load_entry(rows, found.train.entries, number, "imagenet").size) == sorted(size)


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_folder_without_the_files_of_a_split_is_refused(rows: Path, split: str) -> None:
    for file in rows.glob(f"{split}*"):
        file.unlink()
    with refused("missing", f"{split}*.parquet", key="data.imagenet.root", file=rows):
        read_parquet(Place("parquet", rows), SMALL_IMAGENET)


def test_a_truncated_parquet_file_is_named(rows: Path) -> None:
    file = rows / "validation-00000-of-00001.parquet"
    file.write_bytes(file.read_bytes()[:-50])
    with refused("damaged", "fetch", file=file):
        read_parquet(Place("parquet", rows), SMALL_IMAGENET)


@pytest.mark.parametrize(
    "row", [{"picture": {"bytes": b""}, "label": 0}, {"image": {"bytes": b""}, "class": 0}, {"image": b"", "label": 0}]
)
def test_other_columns_are_named_with_those_that_are_needed(rows: Path, row: dict) -> None:
    write_parquet(rows / "train-00000-of-00002.parquet", [row])
    with refused("damaged", "image", "label", file=rows / "train-00000-of-00002.parquet"):
        read_parquet(Place("parquet", rows), SMALL_IMAGENET)


@pytest.mark.parametrize("label", [3, -1, None, "cat"])
def test_a_bad_label_is_named_with_its_row(rows: Path, label: object) -> None:
    write_parquet(rows / "train-00000-of-00002.parquet", [{"image": {"bytes": b""}, "label": label}])
    with refused("damaged", "row 0", repr(label), file=rows / "train-00000-of-00002.parquet"):
        read_parquet(Place("parquet", rows), SMALL_IMAGENET)


def test_a_row_without_an_image_is_named(rows: Path, made: Photographs) -> None:
    train = [{"image": {"bytes": content, "path": name}, "label": 0} for _, name, content in made.train]
    write_parquet(rows / "train-00000-of-00002.parquet", [*train[:4], train[4] | {"image": None}])
    with refused("damaged", "row 4", "fetch", file=rows / "train-00000-of-00002.parquet"):
        read_parquet(Place("parquet", rows), SMALL_IMAGENET)


def test_images_without_a_path_are_known_by_their_row(rows: Path, made: Photographs) -> None:
    train = [{"image": {"bytes": content}, "label": WNIDS.index(wnid)} for wnid, _, content in made.train]
    train[2]["image"]["bytes"] = None
    write_parquet(rows / "train-00000-of-00002.parquet", train)
    (rows / "train-00001-of-00002.parquet").unlink()
    found = read_parquet(Place("parquet", rows), SMALL_IMAGENET)
    assert load_entry(rows, found.train.entries, 1, "imagenet").mode == "RGB"
    with refused("damaged", "row 2", file=rows / "train-00000-of-00002.parquet"):
        load_entry(rows, found.train.entries, 2, "imagenet")
