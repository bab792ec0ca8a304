"""Official is what has the known pixels and labels, whatever file format they come in; nothing else is."""

import hashlib
import os
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_files import SMALL_CIFAR, as_archive, as_binary, as_parquet, as_tree

from replication.config.validation import merge
from replication.data.meta import Meta
from replication.data.sources import CIFAR10, Dataset, Place
from replication.data.sources.official import digest_split
from replication.data.sources.parquet import read_parquet
from replication.data.sources.prepare import Requirements, describe, prepare
from replication.data.store import Split, read_store
from replication.tasks.cifar.feed import CifarBatches
from replication.tasks.cifar.recipe import CifarRecipe

Splits = tuple[Split, Split]
CONTAINERS = ["archive", "batches", "binary", "parquet", "tree"]


@pytest.fixture
def official(make_split: Callable[..., Split]) -> Splits:
    """A small CIFAR-10 of 32x32 images in no order of the classes: 20 training and 4 test images."""
    train, test = make_split(20, size=32, classes=3, seed=1), make_split(4, size=32, classes=3, seed=2)
    mixed = np.random.default_rng(0).permutation(20)
    return Split(train.images[mixed], train.labels[mixed]), test


@pytest.fixture
def dataset(official: Splits) -> Dataset:
    digests = digest_split(official[0]), digest_split(official[1])
    return replace(SMALL_CIFAR, train_images=20, test_images=4, classes=3, input_size=32, digests=digests)


def all_containers(splits: Splits, folder: Path, dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> dict[str, Place]:
    classes = list(CIFAR10.class_names[: dataset.classes])
    archive = as_archive(splits, folder / "archive", classes, monkeypatch)
    batches = folder / "batches"
    batches.mkdir()
    with tarfile.open(archive / "cifar-10-python.tar.gz") as packed:
        packed.extractall(batches, filter="data")
    return {
        "archive": Place("official", archive, "http://127.0.0.1:9/no-server"),
        "batches": Place("official", batches, "http://127.0.0.1:9/no-server"),
        "binary": Place("binary", as_binary(splits, folder / "binary", classes)),
        "parquet": Place("parquet", as_parquet(splits, folder / "parquet")),
        "tree": Place("folder", as_tree(splits, folder / "tree")),
    }


@pytest.fixture
def prepared(tmp_path: Path, dataset: Dataset) -> Callable[..., Meta]:
    """`prepared(place)`: the store of the small data set from a place, in `tmp_path / "store"`."""
    return lambda place, folder="store": prepare(tmp_path / folder, dataset, place, Requirements(32, 20))


def test_the_digest_is_of_pixels_then_labels_as_published(official: Splits) -> None:
    split = official[0]
    assert split.images.dtype == np.uint8
    content = split.images.tobytes() + b"".join(int(label).to_bytes(8, "little") for label in split.labels)
    assert digest_split(split).ordered == hashlib.sha256(content).hexdigest()
    turned = np.ascontiguousarray(split.images.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    assert digest_split(Split(turned, split.labels)) == digest_split(split)


def test_another_order_changes_one_digest_and_not_the_other(official: Splits) -> None:
    split = official[0]
    turned = digest_split(Split(split.images[::-1], split.labels[::-1]))
    assert turned.ordered != digest_split(split).ordered
    assert turned.unordered == digest_split(split).unordered


def test_every_lossless_container_is_official_and_those_in_order_are_one_data_set(
    official: Splits, dataset: Dataset, prepared: Callable[..., Meta], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = all_containers(official, tmp_path, dataset, monkeypatch)
    found = {name: prepared(place) for name, place in places.items()}
    assert list(found) == CONTAINERS
    assert {meta.pixels for meta in found.values()} == {"official"}
    assert len({meta.identity.model_dump_json() for name, meta in found.items() if name != "tree"}) == 1
    assert found["tree"].fingerprint != found["parquet"].fingerprint
    assert "official" in describe(found["tree"]) and "not official" not in describe(found["tree"])


def test_runs_on_the_containers_in_order_have_one_hash_and_the_same_batches(
    official: Splits, dataset: Dataset, prepared: Callable[..., Meta], make_recipe: Callable[..., CifarRecipe],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    hashes, pixels = set(), []
    for name, place in all_containers(official, tmp_path, dataset, monkeypatch).items():
        if name == "tree":
            continue
        data = prepared(place, name).identity.model_dump()
        recipe = make_recipe(data=data, input_size=32, train_images=15, bn_group=16)
        batches = CifarBatches(read_store(tmp_path / name), recipe, torch.device("cpu"))
        hashes.add(recipe.hash)
        pixels.append(torch.cat([batches.training(iteration)[0] for iteration in range(3)]))
    assert len(hashes) == 1
    assert all(torch.equal(part, pixels[0]) for part in pixels)


CHANGES = {
    "a pixel of the training images": ("images", 0),
    "a pixel of the test images": ("images", 1),
    "a label of the training images": ("labels", 0),
    "a label of the test images": ("labels", 1),
}


@pytest.mark.parametrize(("what", "split"), CHANGES.values(), ids=CHANGES)
@pytest.mark.parametrize("container", ["binary", "parquet", "tree"])
def test_one_flipped_pixel_or_changed_label_is_not_official_and_said(
    official: Splits, prepared: Callable[..., Meta], tmp_path: Path, container: str, what: str, split: int
) -> None:
    if what == "images":
        official[split].images[3, 1, 7, 5] ^= 1
    else:
        official[split].labels[3] = (official[split].labels[3] + 1) % 3
    place = {
        "binary": lambda: Place("binary", as_binary(official, tmp_path / "binary", ["a", "b", "c"])),
        "parquet": lambda: Place("parquet", as_parquet(official, tmp_path / "parquet")),
        "tree": lambda: Place("folder", as_tree(official, tmp_path / "tree")),
    }[container]()
    meta = prepared(place)
    kind = {"binary": "binary version"}.get(container, "png")
    assert meta.pixels == f"pixels or labels differ from the official ones ({kind})"
    assert meta.pixels in describe(meta)


def test_pixels_with_the_labels_of_others_are_not_official(official: Splits, dataset: Dataset) -> None:
    images, labels = official[0].images.copy(), official[0].labels
    first, other = 0, int(np.flatnonzero(labels != labels[0])[0])
    images[[first, other]] = images[[other, first]]
    assert digest_split(Split(images, labels)).unordered != dataset.digests[0].unordered


def test_jpeg_is_recompressed(official: Splits, prepared: Callable[..., Meta], tmp_path: Path) -> None:
    meta = prepared(Place("parquet", as_parquet(official, tmp_path / "parquet", "JPEG")))
    assert meta.pixels == "re-compressed as JPEG"
    assert not meta.is_official


@pytest.mark.skipif(
    not os.environ.get("REPLICATION_TEST_CIFAR10"),
    reason="set REPLICATION_TEST_CIFAR10 to a folder with the real CIFAR-10 in lossless parquet",
)
def test_the_real_images_are_official_in_every_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_recipe: Callable[..., Any]
) -> None:
    """Writes 700 MB and takes two minutes."""
    given = Place("parquet", Path(os.environ["REPLICATION_TEST_CIFAR10"]))
    source = read_parquet(given, CIFAR10)
    assert np.bincount(source.train.labels).tolist() == [5000] * 10
    assert source.train.images.mean((0, 2, 3)) / 255 == pytest.approx([0.4914, 0.4822, 0.4465], abs=0.002)
    splits = source.train, source.test
    assert (digest_split(source.train), digest_split(source.test)) == CIFAR10.digests
    heldout = {}
    for name, place in ({"given": given} | all_containers(splits, tmp_path, CIFAR10, monkeypatch)).items():
        meta = prepare(tmp_path / "store", CIFAR10, place, Requirements(32, 45_000))
        assert meta.is_official, name
        assert meta.fingerprint.startswith("29b739c2cbb1") == (name != "tree"), name
        values = merge(make_recipe().model_dump(), {"input_size": 32, "train_images": 45_000})
        recipe = CifarRecipe.model_validate(values | {"data": meta.identity.model_dump()})
        store = read_store(tmp_path / "store")
        heldout[name] = store.train_labels[CifarBatches(store, recipe, torch.device("cpu")).heldout]
        shutil.rmtree(tmp_path / "store")
    for name, labels in heldout.items():
        assert torch.bincount(labels).tolist() == [500] * 10, name
    split = Split(source.train.images.copy(), source.train.labels)
    split.images[12_345, 2, 31, 31] ^= 1
    assert digest_split(split).unordered != CIFAR10.digests[0].unordered
