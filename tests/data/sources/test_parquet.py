"""Parquet gives the pixels as they are, and the file and row of what is wrong are named."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from errors import refused
from made_files import PNG, SMALL_CIFAR, encoded, rows_of, same, write_parquet

from replication.data.sources import CIFAR10, Dataset, Place
from replication.data.sources.decode import Source
from replication.data.sources.parquet import read_parquet
from replication.data.store import Split

MakeSplit = Callable[..., Split]


def read(root: Path, dataset: Dataset = SMALL_CIFAR) -> Source:
    return read_parquet(Place("parquet", root), dataset)


@pytest.fixture
def root(tmp_path: Path, small: tuple[Split, Split]) -> Path:
    root = tmp_path / "parquet"
    write_parquet(root / "train-00000-of-00001.parquet", rows_of(small[0]))
    write_parquet(root / "test-00000-of-00001.parquet", rows_of(small[1]))
    return root


def test_png_in_parquet_gives_the_very_pixels(root: Path, small: tuple[Split, Split]) -> None:
    found = read(root)
    assert same(found, small)
    assert found.train.images.dtype == np.uint8
    assert found.pixels == "pixels or labels differ from the official ones (png)"


def test_the_image_column_may_be_called_image(root: Path, small: tuple[Split, Split]) -> None:
    rows = [{"image": row["img"], "label": row["label"]} for row in rows_of(small[0])]
    write_parquet(root / "train-00000-of-00001.parquet", rows)
    assert same(read(root), small)


def test_the_files_of_a_split_follow_each_other_by_name(root: Path, small: tuple[Split, Split]) -> None:
    (root / "train-00000-of-00001.parquet").unlink()
    rows = rows_of(small[0])
    for number, part in ((2, rows[4:]), (0, rows[:1]), (1, rows[1:4])):
        write_parquet(root / f"train-0000{number}-of-00003.parquet", part)
    assert same(read(root), small)


def test_jpeg_in_either_split_makes_the_data_set_a_recompressed_copy(root: Path, small: tuple[Split, Split]) -> None:
    write_parquet(root / "test-00000-of-00001.parquet", rows_of(small[1], "JPEG"))
    found = read(root)
    assert found.pixels == "re-compressed as JPEG"
    assert not same(found, small)


def test_ten_classes_get_the_names_of_cifar10(tmp_path: Path, make_split: MakeSplit) -> None:
    ten = replace(CIFAR10, train_images=10, test_images=10, input_size=8)
    for name in ("train", "test"):
        write_parquet(tmp_path / f"{name}.parquet", rows_of(make_split(10, classes=10)))
    found = read(tmp_path, ten)
    assert found.classes[:2] == ["airplane", "automobile"]
    assert found.classes[9] == "truck"


def test_another_data_set_has_numbered_classes_and_its_own_name_of_the_test_split(
    root: Path, small: tuple[Split, Split]
) -> None:
    other = replace(SMALL_CIFAR, name="Another", key="another", test="valid", digests=None)
    with refused("missing", "valid*.parquet", key="data.another.root", file=root):
        read(root, other)
    write_parquet(root / "valid.parquet", rows_of(small[1], "JPEG"))
    found = read(root, other)
    assert found.classes == ["0", "1"]
    assert found.pixels == "unverified copy (jpeg, png)"


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_folder_without_the_files_of_a_split_is_refused(root: Path, split: str) -> None:
    (root / f"{split}-00000-of-00001.parquet").unlink()
    with refused("missing", f"{split}*.parquet", key="data.cifar10.root", file=root):
        read(root)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with refused("missing", key="data.cifar10.root", file=tmp_path / "nowhere"):
        read(tmp_path / "nowhere")


@pytest.mark.parametrize("keep", [0, 3, 0.5, 0.99])
def test_a_truncated_parquet_file_is_named(root: Path, keep: float) -> None:
    file = root / "test-00000-of-00001.parquet"
    content = file.read_bytes()
    file.write_bytes(content[: int(keep if keep >= 1 else keep * len(content))])
    with refused("damaged", "fetch", file=file):
        read(root)


@pytest.mark.parametrize(("old", "new"), [("img", "picture"), ("label", "coarse_label")])
def test_other_columns_are_named_with_those_that_are_needed(
    root: Path, small: tuple[Split, Split], old: str, new: str
) -> None:
    rows = [{new if key == old else key: value for key, value in row.items()} for row in rows_of(small[0])]
    write_parquet(root / "train-00000-of-00001.parquet", rows)
    with refused("damaged", new, "img (or image)", "label", file="train-00000-of-00001.parquet"):
        read(root)


DAMAGE: dict[str, tuple[dict[str, Any], str]] = {
    "not an image": ({"img": {"bytes": b"not an image", "path": None}}, "fetch"),
    "truncated image": ({"img": {"bytes": PNG[:-100], "path": None}}, "fetch"),
    "flipped bit": ({"img": {"bytes": PNG[:45] + bytes([PNG[45] ^ 1]) + PNG[46:], "path": None}}, "fetch"),
    "empty image": ({"img": {"bytes": b"", "path": None}}, "fetch"),
    "null image": ({"img": None}, "None"),
    "null bytes": ({"img": {"bytes": None, "path": "0.png"}}, "0.png"),
    "null label": ({"label": None}, "label None"),
    "half a label": ({"label": 0.5}, "label 0.5"),
    "label too large": ({"label": 2}, "label 2"),
    "negative label": ({"label": -1}, "label -1"),
    "another size": ({"img": {"bytes": encoded(np.zeros((3, 8, 16), np.uint8)), "path": None}}, "16x8"),
}


@pytest.mark.parametrize(("damage", "found"), DAMAGE.values(), ids=DAMAGE)
@pytest.mark.parametrize(("split", "row"), [("train", 5), ("test", 2)])
def test_a_bad_row_is_named_with_its_file(
    root: Path, small: tuple[Split, Split], damage: dict[str, Any], found: str, split: str, row: int
) -> None:
    rows = rows_of(small[split == "test"])
    rows[row] |= damage
    write_parquet(root / f"{split}-00000-of-00001.parquet", rows)
    with refused("damaged", f"row {row}", found, file=root / f"{split}-00000-of-00001.parquet"):
        read(root)


@pytest.mark.parametrize("image", ["0.png", 7, {"bytes": "text"}, {"path": "0.png"}], ids=repr)
def test_images_in_another_form_than_bytes_and_path_are_refused(
    root: Path, small: tuple[Split, Split], image: Any
) -> None:
    write_parquet(root / "train-00000-of-00001.parquet", [row | {"img": image} for row in rows_of(small[0])])
    with refused("damaged", "row 0", "img", file=root / "train-00000-of-00001.parquet"):
        read(root)


def test_bare_bytes_and_whole_floats_are_what_they_mean(root: Path, small: tuple[Split, Split]) -> None:
    rows = [{"img": row["img"]["bytes"], "label": float(row["label"])} for row in rows_of(small[0])]
    write_parquet(root / "train-00000-of-00001.parquet", rows)
    assert same(read(root), small)


def test_labels_that_are_words_are_refused(root: Path, small: tuple[Split, Split]) -> None:
    write_parquet(root / "train-00000-of-00001.parquet", [row | {"label": "cat"} for row in rows_of(small[0])])
    with refused("damaged", "row 0", "'cat'", file=root / "train-00000-of-00001.parquet"):
        read(root)


@pytest.mark.parametrize(("split", "count", "wanted"), [("train", 5, 6), ("test", 3, 4)])
def test_a_split_with_too_few_images_is_refused(
    root: Path, small: tuple[Split, Split], split: str, count: int, wanted: int
) -> None:
    write_parquet(root / f"{split}-00000-of-00001.parquet", rows_of(small[split == "test"])[:count])
    with refused("damaged", f"{count} {split} images", str(wanted), file=root):
        read(root)


def test_a_split_with_too_many_images_is_refused(root: Path, small: tuple[Split, Split]) -> None:
    write_parquet(root / "train-00001-of-00002.parquet", rows_of(small[0])[:1])
    with refused("damaged", "7 train images", "6", file=root):
        read(root)


def test_a_split_without_one_of_the_classes_is_refused(root: Path, small: tuple[Split, Split]) -> None:
    rows = [row | {"label": 0} for row in rows_of(small[1])]
    write_parquet(root / "test-00000-of-00001.parquet", rows)
    with refused("damaged", "test", "label 1", file=root):
        read(root)
