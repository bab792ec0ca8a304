"""ImageNet's boxes go into its index: images without one are left out, or one sentence says what is missing."""

from pathlib import Path

import pytest
from errors import refused
from made_files import SMALL_IMAGENET, Photographs

from replication.data.index import read_index
from replication.data.sources import Place
from replication.data.sources.boxes import read_imagenet
from replication.data.sources.imagenet import read_folder
from replication.data.sources.prepare import Requirements, prepare

REQUIREMENTS = Requirements(input_size=32, train_images=10**6, shorter_side=37, needs_boxes=True)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The small tree, in which every second training image of each class has a box, and all validation images."""
    root = Photographs.make().tree(tmp_path / "tree")
    for split in ("train", "val"):
        lines = ["ImageId,PredictionString"]
        for wnid in sorted((root / split).iterdir()):
            images = sorted(wnid.iterdir())
            lines += [f"{image.stem},{wnid.name} 1 2 20 30" for image in images[:: 2 if split == "train" else 1]]
        (root / f"LOC_{split}_solution.csv").write_text("\n".join(lines) + "\n")
    return root


def test_only_training_images_with_a_box_are_indexed(tree: Path, tmp_path: Path) -> None:
    place = Place("folder", tree)
    every = read_folder(place, SMALL_IMAGENET)
    prepare(tmp_path / "index", SMALL_IMAGENET, place, REQUIREMENTS)
    found = read_index(tmp_path / "index", tree)
    assert 0 < len(found.train_labels) < len(every.train)
    assert len(found.train_labels) == len(found.train_annotations) == found.meta.train_images
    assert found.test_labels.tolist() == every.test.annotations.labels.tolist()
    assert found.train_annotations[0].boxes.tolist() == [[1, 2, 21, 31]]
    found.load("test", 0)


def test_other_boxes_give_another_fingerprint(tree: Path, tmp_path: Path) -> None:
    before = prepare(tmp_path / "one", SMALL_IMAGENET, Place("folder", tree), REQUIREMENTS)
    table = tree / "LOC_val_solution.csv"
    table.write_text(table.read_text().replace(" 30\n", " 31\n", 1))
    after = prepare(tmp_path / "two", SMALL_IMAGENET, Place("folder", tree), REQUIREMENTS)
    assert before.fingerprint != after.fingerprint


@pytest.mark.parametrize(
    ("file", "kept", "lacking"),
    [
        ("LOC_val_solution.csv", 2, "ILSVRC2012_val_"),
        ("LOC_train_solution.csv", 2, "n0000000"),
        ("LOC_train_solution.csv", 0, "LOC_train_solution.csv"),
    ],
)
def test_what_is_missing_is_named(tree: Path, file: str, kept: int, lacking: str) -> None:
    lines = (tree / file).read_text().splitlines()
    (tree / file).unlink()
    if kept:
        (tree / file).write_text("\n".join(lines[:kept]) + "\n")
    place = Place("folder", tree)
    with refused("missing", lacking, file=tree):
        read_imagenet(place, SMALL_IMAGENET, read_folder(place, SMALL_IMAGENET))


def test_a_source_without_boxes_is_refused(tmp_path: Path) -> None:
    root = Photographs.make().parquet(tmp_path / "parquet")
    with refused("missing", "archives", "folder", key="data.imagenet.source"):
        prepare(tmp_path / "index", SMALL_IMAGENET, Place("parquet", root), REQUIREMENTS)
