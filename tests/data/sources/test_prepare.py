"""What the stage `prepare` calls: a place becomes a store or an index, and a sentence says what it is."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import numpy as np
import pytest
import torch
from checkout import PROJECT
from errors import refused
from made_files import SMALL_CIFAR, SMALL_IMAGENET, Photographs, below, picture, rows_of, saved, write_parquet

from replication.data.index import read_images
from replication.data.meta import OFFICIAL, Meta
from replication.data.sources import CIFAR10, DATASETS, DIGITS, IMAGENET, TINY_IMAGENET, Place
from replication.data.sources.prepare import Requirements, describe, prepare
from replication.data.sources.statistics import compute_statistics
from replication.data.store import Split, make_image, read_store
from replication.tasks import TASKS

SMALL = Requirements(input_size=8, train_images=6)
PHOTOGRAPHS = Requirements(input_size=32, train_images=12, shorter_side=36)


def place_of(root: Path, splits: tuple[Split, Split], test: str = "test") -> Place:
    for name, split in zip(("train", test), splits, strict=True):
        write_parquet(root / f"{name}.parquet", rows_of(split))
    return Place("parquet", root)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small ImageNet, of which a complete copy has 12 and 6 images."""
    return Photographs.make().tree(tmp_path / "tree")


# --- what there is


@pytest.mark.parametrize("key", DATASETS)
def test_every_reader_that_is_named_exists(key: str) -> None:
    assert DATASETS[key].key == key
    for reader in (*DATASETS[key].readers.values(), *DATASETS[key].box_readers.values()):
        assert callable(resolve_name(reader))


def test_every_data_set_of_a_task_is_declared() -> None:
    assert {name for task in TASKS.values() for name in task.datasets} == set(DATASETS)


def test_the_declarations_need_neither_torch_nor_pyarrow() -> None:
    code = (
        "import sys, replication.data.sources; sys.exit(any(m in sys.modules for m in ('torch', 'pyarrow', 'numpy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- stores


def test_a_store_is_made_of_a_place(tmp_path: Path, small: tuple[Split, Split]) -> None:
    meta = prepare(tmp_path / "store", SMALL_CIFAR, place_of(tmp_path / "root", small), SMALL)
    store = read_store(tmp_path / "store")
    assert store.meta == meta
    assert (meta.name, meta.source) == ("cifar10", "CIFAR-10, parquet")
    assert np.array_equal(store.train_images.numpy(), small[0].images)
    assert store.mean is None


def test_cifar10_is_of_one_size(tmp_path: Path) -> None:
    with refused("conflict", "16", "32", key="input_size"):
        prepare(tmp_path / "store", CIFAR10, Place("parquet", tmp_path), Requirements(16, 6))


@pytest.mark.parametrize(("requirements", "side"), [(SMALL, 8), (PHOTOGRAPHS, 36)])
def test_digits_are_stored_as_large_as_the_task_sees_them(
    tmp_path: Path, requirements: Requirements, side: int
) -> None:
    meta = prepare(tmp_path / "store", DIGITS, None, requirements)
    assert (meta.input_size, meta.train_images, meta.test_images) == (side, 1437, 360)
    assert (meta.name, meta.source) == ("digits", "scikit-learn's load_digits")
    assert meta.pixels == f"8x8 digits of scikit-learn, scaled to {side}x{side}"
    assert (read_store(tmp_path / "store").mean is None) == (requirements == SMALL)


@pytest.mark.parametrize("task", ["cifar", "imagenet", "localization"])
def test_the_digits_have_the_fingerprint_of_the_committed_results(tmp_path: Path, task: str) -> None:
    """The fingerprint is part of every recipe's hash: another one would make all runs new."""
    recipe = json.loads((PROJECT / f"results/quick/{task}/recipes.json").read_text())["base"]
    shorter_side = recipe["test"]["shorter_side"] if TASKS[task].photographs else None
    needs = Requirements(recipe["input_size"], recipe["train_images"], shorter_side, TASKS[task].needs_boxes)
    assert prepare(tmp_path / "store", DIGITS, None, needs).identity.model_dump() == recipe["data"]


def test_statistics_are_of_the_images_that_are_trained_on(tmp_path: Path, make_split: Callable[..., Split]) -> None:
    """Of images class by class, too, where the first ones alone would be of one class."""
    small = replace(TINY_IMAGENET, train_images=8, test_images=4, classes=4, input_size=40)
    train, test = make_split(8, size=40, seed=1), make_split(4, size=40, seed=2)
    order = np.argsort(train.labels, kind="stable")
    train = Split(train.images[order], train.labels[order])
    place = place_of(tmp_path / "root", (train, test), "valid")
    prepare(tmp_path / "store", small, place, replace(PHOTOGRAPHS, train_images=4))
    store = read_store(tmp_path / "store")
    expected = compute_statistics(lambda number: make_image(train.images[2 * number]), 4, 36, 32)
    assert torch.equal(store.mean, expected.mean)
    assert torch.equal(store.colour_covariance, expected.colour_covariance)


# --- indices


def test_an_index_is_made_and_no_image_is_copied(tmp_path: Path, tree: Path) -> None:
    before = below(tree)
    meta = prepare(tmp_path / "index", SMALL_IMAGENET, Place("folder", tree), PHOTOGRAPHS)
    assert (meta.name, meta.source, meta.pixels) == ("imagenet", "ImageNet, folder", "extracted tree, not verified")
    index = read_images(tmp_path / "index", tree)
    assert index.meta == meta
    assert index.mean.shape == (3, 32, 32)
    assert np.linalg.eigvalsh(index.colour_covariance.numpy())[0] >= 0
    assert below(tree) == before


@pytest.mark.parametrize("bad", ["train/n00000003/n00000003_3.JPEG", "val/n00000002/ILSVRC2012_val_00000003.JPEG"])
def test_the_bad_image_of_a_small_set_is_named_and_the_old_index_kept(tmp_path: Path, tree: Path, bad: str) -> None:
    def again() -> Meta:
        return prepare(tmp_path / "data/imagenet", SMALL_IMAGENET, Place("folder", tree), PHOTOGRAPHS)

    again()
    (tree / bad).write_bytes(saved(picture(0))[:-100])
    before = below(tmp_path / "data")
    with refused("damaged", file=tree / bad):
        again()
    assert below(tmp_path / "data") == before


def test_missing_archives_name_the_key(tmp_path: Path) -> None:
    place = Place("archives", tmp_path / "nowhere")
    with refused("missing", key="data.imagenet.root", file=tmp_path / "nowhere/ILSVRC2012_img_train.tar"):
        prepare(tmp_path / "index", IMAGENET, place, PHOTOGRAPHS)


# --- the sentence


@pytest.mark.parametrize(
    ("changes", "said"),
    [({}, "32x32"), ({"pixels": "re-compressed as JPEG"}, "re-compressed as JPEG")],
)
def test_what_was_prepared_is_said(changes: dict[str, Any], said: str) -> None:
    meta = Meta("cifar10", "CIFAR-10, official", OFFICIAL, [], 50_000, 10_000, 32, "29b739c2cbb1d16a")
    told = describe(replace(meta, **changes))
    assert all(part in told for part in ("50,000", "10,000", "29b739c2cbb1", said)) and "\n" not in told
    assert "None" not in describe(replace(meta, input_size=None))
