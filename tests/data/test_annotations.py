"""Objects of images come back as they were written, and count in the fingerprint of their data set."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from errors import refused
from made_files import below, picture

from replication.data.annotations import (
    ANNOTATIONS,
    CROWD,
    DIFFICULT,
    Annotations,
    Objects,
    extend_fingerprint,
    gather,
    label_images,
    read_annotations,
    write_annotations,
)
from replication.data.index import Files, Index, ListedImages, make_table, read_images, write_index
from replication.data.store import Split, Statistics, write_store
from replication.files import SUMS, seal

SIZES = [(50, 40), (31, 64), (20, 20), (64, 48)]  # width and height, of three training images and a test image


def objects(classes: list[int], boxes: list[list[float]], flags: list[int] | None = None) -> Objects:
    return Objects(
        torch.tensor(classes, dtype=torch.int64),
        torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        torch.tensor(flags or [0] * len(classes), dtype=torch.uint8),
    )


# Three objects of two classes, of which one is a crowd; none; a difficult one.
TRAIN = [
    objects([1, 0, 1], [[0, 0, 9, 9], [5, 5, 30, 40], [1, 2, 3, 4]], [0, 0, CROWD]),
    objects([], []),
    objects([2], [[3, 3, 20, 20]], [DIFFICULT]),
]
TEST = [objects([0, 2], [[0, 0, 64, 48], [10, 10, 20, 20]])]


def same(left: Objects, right: Objects) -> bool:
    return all(torch.equal(here, there) for here, there in zip(left, right, strict=True))


def make_files(root: Path, train: Annotations, test: Annotations) -> Files:
    """An index of PNG files of the `SIZES` below `root`."""
    root.mkdir(exist_ok=True)
    for number, size in enumerate(SIZES):
        picture(number, *size).save(root / f"{number}.png")
    entries = [(f"{number}.png", "", 0, (root / f"{number}.png").stat().st_size) for number in range(len(SIZES))]
    listed = ListedImages(make_table(entries[:3]), train), ListedImages(make_table(entries[3:]), test)
    return Files(*listed, ["cat", "dog", "bird"], "made up", [])


def index_of(tmp_path: Path, files: Files) -> Index:
    statistics = Statistics(torch.zeros(3, 32, 32), torch.eye(3))
    write_index(tmp_path / "index", files, statistics, name="pets", source="made by a test")
    return read_images(tmp_path / "index", tmp_path / "root")


def test_an_index_has_images_of_any_size_with_many_objects_or_none(tmp_path: Path) -> None:
    files = make_files(tmp_path / "root", gather(TRAIN), gather(TEST))
    before = below(tmp_path / "root")
    index = index_of(tmp_path, files)
    assert [index.load("train", number).size for number in range(3)] == SIZES[:3]
    assert index.load("test", 0).size == SIZES[3]
    assert len(index.train_annotations) == 3 and len(index.test_annotations) == 1
    assert all(same(*pair) for pair in zip(index.train_annotations, TRAIN, strict=True))
    assert same(index.test_annotations[0], TEST[0])
    assert (index.meta.classes, index.meta.input_size) == (["cat", "dog", "bird"], None)
    assert below(tmp_path / "root") == before
    with pytest.raises(ValueError):
        _ = index.train_labels


def test_an_image_that_has_gone_names_the_key_of_its_own_data_set(tmp_path: Path) -> None:
    index = index_of(tmp_path, make_files(tmp_path / "root", gather(TRAIN), gather(TEST)))
    (tmp_path / "root/1.png").unlink()
    with refused("missing", key="data.pets.root", file=tmp_path / "root/1.png"):
        index.load("train", 1)


def test_classes_flags_boxes_and_their_places_all_count_in_the_fingerprint(tmp_path: Path) -> None:
    changes = [
        TRAIN,
        [TRAIN[0]._replace(classes=torch.tensor([1, 0, 0])), *TRAIN[1:]],
        [TRAIN[0]._replace(flags=torch.tensor([0, 0, DIFFICULT], dtype=torch.uint8)), *TRAIN[1:]],
        [TRAIN[0]._replace(boxes=TRAIN[0].boxes + 1), *TRAIN[1:]],
        [TRAIN[0], TRAIN[2], TRAIN[1]],
    ]
    prints = [make_files(tmp_path, gather(train), gather(TEST)).fingerprint for train in changes]
    assert len(set(prints)) == len(changes)


# --- labels, the case of one class an image


def test_a_label_is_one_object_without_a_box() -> None:
    annotations = label_images([3, 0, 2])
    assert annotations.labels.tolist() == [3, 0, 2] and annotations.labels.dtype == torch.int64
    assert [image.classes.tolist() for image in annotations] == [[3], [0], [2]]
    assert annotations[1].boxes is None and annotations[1].flags.tolist() == [0]
    with pytest.raises(IndexError):
        annotations[3]


def test_the_boxes_of_an_image_have_its_class() -> None:
    boxes = [np.array([[0, 0, 1, 1], [2, 2, 5, 5]], np.float32), np.array([[1, 1, 3, 3]], np.float32)]
    annotations = label_images([4, 1], boxes)
    assert annotations.labels.tolist() == [4, 1]
    assert [image.boxes.tolist() for image in annotations] == [corners.tolist() for corners in boxes]
    assert annotations.classes.tolist() == [4, 4, 1]


@pytest.mark.parametrize("images", [TRAIN, TRAIN[1:], [TRAIN[2], TRAIN[1]], [TRAIN[0]]], ids=len)
def test_objects_of_several_classes_or_none_are_no_label(images: list[Objects]) -> None:
    annotations = gather(images)
    assert not annotations.has_labels
    with pytest.raises(ValueError):
        _ = annotations.labels


# --- fingerprints of data sets that had one before there were annotations


LABELS = np.array([1, 0, 1])
BOXES = [np.array(rows, np.float32) for rows in ([[0, 0, 9, 9], [5, 5, 30, 40]], [[1, 2, 3, 4]], [[3, 3, 20, 20]])]


def test_labels_alone_add_nothing_to_a_fingerprint() -> None:
    assert extend_fingerprint("abc", [label_images(LABELS), label_images(LABELS[:1])]) == "abc"


def test_boxes_of_one_class_an_image_add_their_numbers_and_corners_alone() -> None:
    """Written out: sha256 of the fingerprint and of each split's sha256 over ends (int64) and corners (float32)."""
    splits = [label_images(LABELS, BOXES), label_images(LABELS[:1], BOXES[:1])]
    digests = [
        hashlib.sha256(np.cumsum([2, 1, 1]).astype("<i8").tobytes() + np.concatenate(BOXES).astype("<f4").tobytes()),
        hashlib.sha256(np.array([2], "<i8").tobytes() + BOXES[0].astype("<f4").tobytes()),
    ]
    expected = hashlib.sha256(b"abc" + digests[0].digest() + digests[1].digest()).hexdigest()
    assert extend_fingerprint("abc", splits) == expected
    other_labels = [label_images(LABELS + 1, BOXES), splits[1]]
    assert extend_fingerprint("abc", other_labels) == expected, "the fingerprint of the images has the labels"
    flagged = replace(splits[0], flags=torch.tensor([0, CROWD, 0, 0], dtype=torch.uint8))
    assert extend_fingerprint("abc", [flagged, splits[1]]) != expected


@pytest.mark.parametrize("boxes", [None, BOXES])
def test_the_fingerprint_of_an_index_is_over_vouchers_labels_lengths_names_and_boxes(
    tmp_path: Path, boxes: list[np.ndarray] | None
) -> None:
    splits = label_images(LABELS, boxes), label_images(LABELS[:1], boxes and boxes[:1])
    files = replace(make_files(tmp_path, *splits), vouchers=["md5", "md4"])
    lengths = np.array([(tmp_path / f"{number}.png").stat().st_size for number in range(4)], "<i8")
    text = b"md5\0md4"
    text += b"3" + LABELS.astype("<i8").tobytes() + lengths[:3].tobytes() + b"0.png\0001.png\0002.png"
    text += b"1" + LABELS[:1].astype("<i8").tobytes() + lengths[3:].tobytes() + b"3.png"
    assert files.fingerprint == extend_fingerprint(hashlib.sha256(text).hexdigest(), splits)


# --- on the disk


def test_annotations_come_back_as_they_were_written(tmp_path: Path) -> None:
    write_annotations(tmp_path, gather(TRAIN), gather(TEST))
    seal(tmp_path)
    train, test = read_annotations(tmp_path)
    assert all(same(*pair) for pair in zip([*train, *test], TRAIN + TEST, strict=True))


def test_a_folder_that_an_older_version_prepared_is_to_be_prepared_again(tmp_path: Path) -> None:
    train, test = (Split(np.zeros((4, 3, 8, 8), np.uint8), np.arange(4)) for _ in range(2))
    write_store(tmp_path / "data", train, test, name="tiny", source="?", pixels="?", classes=list("abcd"))
    (tmp_path / "data" / ANNOTATIONS).unlink()
    (tmp_path / "data" / SUMS).unlink()
    seal(tmp_path / "data")
    with refused("missing", "dvc repro prepare", file=tmp_path / "data" / ANNOTATIONS):
        read_images(tmp_path / "data", tmp_path)
