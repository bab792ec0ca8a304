"""A made-up copy of MS COCO: what is read of it, and what is refused."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from errors import refused
from made_up_coco import small_coco, turn, write_json, write_split
from PIL import Image

from replication.data.annotations import CROWD
from replication.data.index import read_images
from replication.data.sources import COCO, Place
from replication.data.sources.coco import read_folder
from replication.data.sources.prepare import Requirements, prepare
from replication.files import sha256

SMALL = small_coco(5, 3)
DOG = ("dog", [10.5, 4.25, 20.0, 30.5], 0)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Five training images, one of them without objects and one with a crowd alone; three test images, one empty."""
    folder = tmp_path / "coco"
    train = {
        "first": [DOG, ("toothbrush", [0, 0, 5, 5], 0), ("person", [20, 0, 30, 40], 1)],
        "empty": [],
        "crowd": [("person", [0, 0, 60, 40], 1)],
        "odd": [("cat", [50.5, 30, 20, 20], 0), ("cat", [3, 3, 0, 9], 0), ("cat", [3, 3, 9, 0], 0)],
        "outside": [("cat", [-4, -4, 10, 10], 0), ("cat", [60, 3, 9, 9], 0)],
    }
    write_split(folder, "train2014", train)
    write_split(folder, "val2014", {"grey": [DOG], "nothing": [], "crowded": [("person", [1, 1, 8, 8], 1)]})
    return folder


def read(root: Path) -> Any:
    return read_folder(Place("folder", root), SMALL)


def names(images: Any) -> list[str]:
    return [Path(name).stem for name in images.entries["name"].to_pylist()]


def test_classes_are_numbered_by_their_ids_which_have_gaps(root: Path) -> None:
    files = read(root)
    first = files.train.annotations[0]
    assert files.classes == list(COCO.class_names) and len(files.classes) == 80
    assert [files.classes[label] for label in first.classes] == ["dog", "toothbrush", "person"]
    assert first.flags.tolist() == [0, 0, CROWD]


def test_far_sides_are_exclusive_and_boxes_are_cut_at_the_edges(root: Path) -> None:
    train = read(root).train
    assert train.annotations[0].boxes[0].tolist() == [10.5, 4.25, 30.5, 34.75]
    odd, outside = (train.annotations[names(train).index(name)] for name in ("odd", "outside"))
    assert odd.boxes.tolist() == [[50.5, 30, 60, 40]] and outside.boxes.tolist() == [[0, 0, 6, 6]]


def test_dropped_boxes_and_images_without_objects_are_counted(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = read(root)
    assert names(files.train) == ["first", "odd", "outside"], "no background alone, no crowd alone"
    assert names(files.test) == ["grey", "nothing", "crowded"]
    assert files.test.annotations[1].boxes.shape == (0, 4)
    train, test = capsys.readouterr().out.splitlines()
    assert re.findall(r"\d+", train) == ["2014", "3", "2", "3"] and re.findall(r"\d+", test) == ["2014", "3", "0", "0"]


def test_an_index_of_it_is_prepared_and_nothing_is_copied(root: Path, tmp_path: Path) -> None:
    image = root / "val2014/grey.jpg"
    Image.open(image).convert("L").save(image)
    Image.open(root / "train2014/first.jpg").convert("CMYK").save(root / "train2014/first.jpg")
    turn(root / "val2014/nothing.jpg", (40, 60))
    before = {file: sha256(file) for file in root.rglob("*") if file.is_file()}
    needs = Requirements(input_size=32, train_images=3, shorter_side=32, needs_boxes=True)
    meta = prepare(tmp_path / "index", SMALL, Place("folder", root), needs)
    images = read_images(tmp_path / "index", root)
    assert (meta.name, meta.train_images, meta.test_images, meta.is_official) == ("coco", 3, 3, False)
    for split, index in (("train", 0), ("test", 0), ("test", 1)):
        photograph = images.load(split, index)
        assert (photograph.mode, photograph.size) == ("RGB", (60, 40))
    assert not list((tmp_path / "index").rglob("*.jpg"))
    assert before == {file: sha256(file) for file in root.rglob("*") if file.is_file()}


def test_the_fingerprint_tells_other_boxes_from_these(root: Path) -> None:
    before = read(root).fingerprint
    write_split(root, "val2014", {"grey": [("dog", [10.5, 4.25, 20.0, 30.0], 0)], "nothing": [], "crowded": []})
    assert read(root).fingerprint != before


def test_what_is_missing_is_refused_by_its_file_with_what_is_nearby(root: Path) -> None:
    with refused("missing", "annotations", str(root), key="data.coco.root", file="instances_train2014.json"):
        read(root.parent)
    (root / "val2014/grey.jpg").unlink()
    with refused("missing", "val2014.zip", key="data.coco.root", file=root / "val2014/grey.jpg"):
        read(root)
    (root / "annotations/instances_val2014.json").rename(root / "annotations/val.json")
    with refused("missing", key="data.coco.root", file=root / "annotations/instances_val2014.json"):
        read(root)


def test_another_number_of_images_is_another_data_set(root: Path) -> None:
    with refused("damaged", "82,783", key="data.coco.root", file="instances_train2014.json"):
        read_folder(Place("folder", root), COCO)
    with refused("damaged", "4", key="data.coco.root", file="instances_val2014.json"):
        read_folder(Place("folder", root), small_coco(5, 4))


def change(part: str, key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda content: content[part][0].update({key: value})


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content.pop("images"),
        lambda content: content.update(annotations=None),
        lambda content: content["categories"].pop(),
        change("categories", "name", "unicorn"),
        change("annotations", "image_id", 1000),
        change("annotations", "category_id", 4),
        change("annotations", "bbox", [1, 2, 3]),
        change("annotations", "bbox", [1, 2, "wide", 4]),
        change("annotations", "bbox", [1, 2, -3, 4]),
        change("annotations", "bbox", [1, 2, float("nan"), 4]),
        change("annotations", "bbox", None),
        change("images", "file_name", None),
        change("images", "width", "wide"),
    ],
)
def test_annotations_that_are_not_as_cocos_are_refused_by_their_file(root: Path, damage: Any) -> None:
    file = root / "annotations/instances_train2014.json"
    content = json.loads(file.read_text())
    damage(content)
    write_json(file, content)
    with refused("damaged", key="data.coco.root", file=file):
        read(root)


@pytest.mark.parametrize("text", ["", '{"images": [', "[]", "5", "[" * 100_000, "\xff"])
def test_a_file_that_is_no_json_or_cut_is_refused(root: Path, text: str) -> None:
    file = root / "annotations/instances_val2014.json"
    file.write_text(text, encoding="latin-1")
    with refused("damaged", key="data.coco.root", file=file):
        read(root)


def test_photographs_that_are_turned_away_from_their_boxes_or_are_none_are_refused(root: Path) -> None:
    file = root / "train2014/first.jpg"
    turn(file, (60, 40))
    with refused("damaged", "40x60", "60x40", key="data.coco.root", file=file):
        read(root)
    file.write_bytes(b"no image")
    with refused("damaged", file=file):
        read(root)
