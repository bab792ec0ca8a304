"""The folder tree of Tiny ImageNet is read whole, or one sentence says what is wrong with it."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from conftest import random_split
from errors import refused
from made_files import as_tiny_imagenet, below, encoded

from replication.data.sources import TINY_IMAGENET, Place
from replication.data.sources.decode import Source
from replication.data.sources.tiny_imagenet import read_folder
from replication.data.store import Split
from replication.errors import UserError

WNIDS = ["n00000003", "n00000001", "n00000002"]  # as wnids.txt lists them
SMALL = replace(TINY_IMAGENET, train_images=6, test_images=4, classes=3, input_size=8)


def read(root: Path) -> Source:
    return read_folder(Place("folder", root), SMALL)


@pytest.fixture
def small() -> tuple[Split, Split]:
    return random_split(6, classes=3, seed=1), random_split(4, classes=3, seed=2)


@pytest.fixture
def tree(tmp_path: Path, small: tuple[Split, Split]) -> Path:
    return as_tiny_imagenet(small, tmp_path / "tiny-imagenet-200", WNIDS)


def test_the_tree_gives_the_very_pixels_with_labels_by_sorted_wnid(tree: Path, small: tuple[Split, Split]) -> None:
    before = below(tree)
    found = read(tree)
    assert found.classes == sorted(WNIDS)
    assert found.pixels == "unverified copy (png)"
    for left, right in zip((found.train, found.test), small, strict=True):
        assert np.array_equal(left.images, right.images)
        assert np.array_equal(left.labels, right.labels)
    assert below(tree) == before


def test_training_images_come_one_of_each_class_in_turn(tree: Path) -> None:
    assert read(tree).train.labels.tolist() == [0, 1, 2, 0, 1, 2]


def test_the_real_data_set_has_200_classes() -> None:
    assert (TINY_IMAGENET.train_images, TINY_IMAGENET.test_images, TINY_IMAGENET.classes) == (100_000, 10_000, 200)


@pytest.mark.parametrize("file", ["wnids.txt", "val/val_annotations.txt"])
def test_a_missing_list_names_the_key(tree: Path, file: str) -> None:
    (tree / file).unlink()
    with refused("missing", key="data.tiny_imagenet.root", file=tree / file):
        read(tree)


@pytest.mark.parametrize("file", ["wnids.txt", "val/val_annotations.txt", "val/images/val_2.JPEG"])
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")], ids=["pipe", "device"])
def test_what_has_no_end_is_not_read(tree: Path, file: str, make: Callable[[Path], None]) -> None:
    (tree / file).unlink()
    make(tree / file)
    with refused("damaged", file=tree / file):
        read(tree)


@pytest.mark.parametrize("part", ["train", "train/n00000002"])
def test_missing_classes_are_named(tree: Path, part: str) -> None:
    shutil.rmtree(tree / part)
    with refused("damaged", "wnids.txt", "extract", "n00000002", file=tree):
        read(tree)


def test_a_class_folder_too_many_is_named(tree: Path) -> None:
    (tree / "train/n00000004").mkdir()
    with refused("damaged", "wnids.txt", "n00000004", file=tree):
        read(tree)


def test_a_training_image_too_few_is_told(tree: Path) -> None:
    (tree / "train/n00000001/images/n00000001_0.JPEG").unlink()
    with refused("damaged", "5 train images", "6", file=tree):
        read(tree)


def test_an_annotation_too_few_is_told(tree: Path) -> None:
    annotations = tree / "val/val_annotations.txt"
    annotations.write_text("".join(annotations.read_text().splitlines(keepends=True)[:-1]))
    with refused("damaged", "3 valid images", "4", file=tree):
        read(tree)


@pytest.mark.parametrize("line", ["val_0.JPEG\tn00000009\t0", "val_0.JPEG", ""])
def test_a_bad_annotation_is_named_with_its_line(tree: Path, line: str) -> None:
    annotations = tree / "val/val_annotations.txt"
    annotations.write_text(f"val_1.JPEG\tn00000001\n{line}\n")
    with refused("damaged", "line 2", "wnids.txt", file=annotations):
        read(tree)


@pytest.mark.parametrize("name", ["/etc/passwd", "../../train/n00000001/images/n00000001_0.JPEG", "", ".."])
def test_an_annotation_of_a_file_elsewhere_is_refused(tree: Path, name: str) -> None:
    annotations = tree / "val/val_annotations.txt"
    annotations.write_text(annotations.read_text().replace("val_0.JPEG", name))
    with pytest.raises(UserError) as error:  # ".." has no name but itself, and is a folder
        read(tree)
    assert error.value.kind == "damaged" and error.value.file in (annotations, tree / "val/images" / name)


def test_an_image_that_is_annotated_twice_is_refused(tree: Path) -> None:
    annotations = tree / "val/val_annotations.txt"
    annotations.write_text(annotations.read_text().replace("val_1.JPEG", "val_0.JPEG"))
    with refused("damaged", "line 2", "val_0.JPEG", file=annotations):
        read(tree)


def test_an_annotated_image_that_is_missing_is_named(tree: Path) -> None:
    (tree / "val/images/val_2.JPEG").unlink()
    with refused("missing", file=tree / "val/images/val_2.JPEG"):
        read(tree)


@pytest.mark.parametrize("file", ["train/n00000002/images/n00000002_1.JPEG", "val/images/val_3.JPEG"])
@pytest.mark.parametrize("content", [b"", b"a text file", None], ids=["empty", "text", "truncated"])
def test_an_image_that_cannot_be_decoded_is_named(tree: Path, file: str, content: bytes | None) -> None:
    (tree / file).write_bytes((tree / file).read_bytes()[:-100] if content is None else content)
    with refused("damaged", "fetch", file=tree / file):
        read(tree)


def test_an_image_of_another_size_is_named(tree: Path) -> None:
    (tree / "val/images/val_3.JPEG").write_bytes(encoded(np.zeros((3, 9, 8), np.uint8)))
    with refused("damaged", "8x9", "8x8", file=tree / "val/images/val_3.JPEG"):
        read(tree)
