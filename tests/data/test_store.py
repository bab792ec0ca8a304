"""A store comes back as it was written, or says what is wrong with it."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from errors import refused

from replication.data import store as store_module
from replication.data.annotations import ANNOTATIONS
from replication.data.meta import META, OFFICIAL, Meta
from replication.data.store import ARRAYS, Split, fingerprint, read_store, write_store
from replication.files import SUMS

MakeSplit = Callable[..., Split]
Limit = Callable[[int], AbstractContextManager[None]]


def write(folder: Path, train: Split, test: Split, pixels: str = "noise") -> Meta:
    return write_store(folder, train, test, name="tiny", source="a test", pixels=pixels, classes=["a", "b", "c", "d"])


def test_pixels_labels_and_description_come_back_as_written(tmp_path: Path, make_split: MakeSplit) -> None:
    train, test = make_split(20), make_split(8, seed=1)
    meta = write(tmp_path / "data/cifar", train, test)
    store = read_store(tmp_path / "data/cifar")
    assert store.meta == meta
    assert np.array_equal(store.train_images.numpy(), train.images)
    assert np.array_equal(store.train_labels.numpy(), train.labels)
    assert np.array_equal(store.test_images.numpy(), test.images)
    assert np.array_equal(store.test_labels.numpy(), test.labels)
    assert (meta.train_images, meta.test_images, meta.input_size) == (20, 8, 8)
    assert meta.fingerprint == fingerprint(train, test)
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["cifar"]


def test_the_recipe_gets_name_pixels_and_sixteen_digits_of_the_fingerprint(
    tmp_path: Path, make_split: MakeSplit
) -> None:
    meta = write(tmp_path / "cifar", make_split(8), make_split(4))
    identity = read_store(tmp_path / "cifar").meta.identity
    assert identity.model_dump() == {"name": "tiny", "pixels": "noise", "fingerprint": meta.fingerprint[:16]}


def test_what_the_pixels_are_is_written(tmp_path: Path, make_split: MakeSplit) -> None:
    assert not write(tmp_path / "a", make_split(8), make_split(4), pixels="re-compressed as JPEG").is_official
    assert write(tmp_path / "b", make_split(8), make_split(4), pixels=OFFICIAL).is_official
    assert json.loads((tmp_path / "b" / META).read_text())["pixels"] == "official"


@pytest.mark.parametrize("changed", ["train pixel", "train label", "test pixel", "test label", "order", "splits"])
def test_the_fingerprint_changes_with_one_pixel_or_label_or_their_order(make_split: MakeSplit, changed: str) -> None:
    train, test = make_split(8), make_split(8, seed=1)
    before = fingerprint(train, test)
    assert fingerprint(make_split(8), make_split(8, seed=1)) == before
    part = train if changed.startswith("train") else test
    if changed.endswith("pixel"):
        part.images[3, 1, 2, 5] ^= 1
    elif changed.endswith("label"):
        part.labels[3] = (part.labels[3] + 1) % 4
    elif changed == "order":
        train = Split(train.images[::-1], train.labels[::-1])
    else:
        train, test = test, train
    assert fingerprint(train, test) != before


def test_the_fingerprint_is_that_of_the_values_not_of_their_layout_in_memory(make_split: MakeSplit) -> None:
    split = make_split(8)
    turned = np.ascontiguousarray(split.images.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    assert not turned.flags.c_contiguous
    assert fingerprint(replace(split, images=turned), split) == fingerprint(split, split)


def test_a_store_is_replaced_by_a_new_one(tmp_path: Path, make_split: MakeSplit) -> None:
    write(tmp_path / "cifar", make_split(8), make_split(4))
    (tmp_path / "cifar/stray").touch()
    meta = write(tmp_path / "cifar", make_split(12), make_split(4))
    assert read_store(tmp_path / "cifar").meta == meta
    assert sorted(path.name for path in (tmp_path / "cifar").iterdir()) == [SUMS, ANNOTATIONS, META, ARRAYS]


def test_an_interrupted_write_leaves_the_old_store(
    tmp_path: Path, make_split: MakeSplit, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = write(tmp_path / "cifar", make_split(8), make_split(4))

    def interrupted(_: object, path: Path) -> None:
        path.write_bytes(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(store_module, "save_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "cifar", make_split(12), make_split(4))
    assert read_store(tmp_path / "cifar").meta == old
    assert [path.name for path in tmp_path.iterdir()] == ["cifar"]


def test_a_full_disk_is_told_and_leaves_the_old_store(
    tmp_path: Path, make_split: MakeSplit, files_of_at_most: Limit
) -> None:
    old = write(tmp_path / "cifar", make_split(8), make_split(4))
    with files_of_at_most(10_000), refused("unwritable", "ulimit", file=tmp_path / "cifar"):
        write(tmp_path / "cifar", make_split(400), make_split(4))
    assert read_store(tmp_path / "cifar").meta == old
    assert [path.name for path in tmp_path.iterdir()] == ["cifar"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, make_split: MakeSplit) -> None:
    (tmp_path / "data").write_text("a file where the folder should be")
    with refused("unwritable", file=tmp_path / "data/cifar"):
        write(tmp_path / "data/cifar", make_split(8), make_split(4))


@pytest.mark.parametrize("file", [ARRAYS, ANNOTATIONS, META])
def test_half_a_store_counts_as_missing(tmp_path: Path, make_split: MakeSplit, file: str) -> None:
    write(tmp_path / "cifar", make_split(8), make_split(4))
    (tmp_path / "cifar" / file).unlink()
    with refused("missing", "dvc repro prepare", file=tmp_path / "cifar" / file):
        read_store(tmp_path / "cifar")


@pytest.mark.parametrize(
    ("file", "content"), [(META, b""), (META, b'{"name": "tiny"}'), (ARRAYS, bytes(400)), (ANNOTATIONS, b"")]
)
def test_a_damaged_store_is_to_be_made_again(tmp_path: Path, make_split: MakeSplit, file: str, content: bytes) -> None:
    write(tmp_path / "cifar", make_split(8), make_split(4))
    (tmp_path / "cifar" / file).write_bytes(content)
    with refused("damaged", "dvc repro prepare", file=tmp_path / "cifar" / file):
        read_store(tmp_path / "cifar")
