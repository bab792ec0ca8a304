"""The binary version gives the very pixels, and what is wrong with it is named."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from errors import refused
from made_files import SMALL_CIFAR, as_binary, same

from replication.data.sources import Place
from replication.data.sources.cifar10 import read_binary
from replication.data.sources.decode import Source
from replication.data.store import Split

LENGTH = 1 + 3 * 8 * 8


@pytest.fixture
def splits(make_split: Callable[..., Split]) -> tuple[Split, Split]:
    return make_split(10, classes=2, seed=1), make_split(4, classes=2, seed=2)


@pytest.fixture
def root(tmp_path: Path, splits: tuple[Split, Split]) -> Path:
    return as_binary(splits, tmp_path / "root", ["cat", "dog"])


def read(root: Path) -> Source:
    return read_binary(Place("binary", root), replace(SMALL_CIFAR, train_images=10))


@pytest.mark.parametrize("inside", ["", "cifar-10-batches-bin"])
def test_the_root_is_the_folder_or_what_holds_it(root: Path, splits: tuple[Split, Split], inside: str) -> None:
    found = read(root / inside)
    assert same(found, splits)
    assert found.classes == ["cat", "dog"]
    assert found.train.labels.dtype == splits[0].labels.dtype


@pytest.mark.parametrize("name", ["data_batch_3.bin", "test_batch.bin", "batches.meta.txt"])
def test_a_missing_file_is_named_with_the_key(root: Path, name: str) -> None:
    (root / "cifar-10-batches-bin" / name).unlink()
    with refused("missing", "cifar-10-batches-bin", key="data.cifar10.root", file=f"cifar-10-batches-bin/{name}"):
        read(root)


@pytest.mark.parametrize("name", ["data_batch_3.bin", "test_batch.bin", "batches.meta.txt"])
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")], ids=["pipe", "device"])
def test_what_has_no_end_is_not_read(root: Path, name: str, make: Callable[[Path], None]) -> None:
    file = root / "cifar-10-batches-bin" / name
    file.unlink()
    make(file)
    with refused("damaged", file=file):
        read(root)


def test_a_file_that_ends_within_a_record_is_named(root: Path) -> None:
    file = root / "cifar-10-batches-bin/data_batch_2.bin"
    file.write_bytes(file.read_bytes()[:-1])
    with refused("damaged", "385", str(LENGTH), file=file):
        read(root)


def test_a_bad_label_is_named_with_its_record(root: Path) -> None:
    file = root / "cifar-10-batches-bin/test_batch.bin"
    content = bytearray(file.read_bytes())
    content[3 * LENGTH] = 7
    file.write_bytes(content)
    with refused("damaged", "record 3", "label 7", file=file):
        read(root)


def test_a_file_with_whole_records_missing_is_refused(root: Path) -> None:
    (root / "cifar-10-batches-bin/data_batch_5.bin").write_bytes(b"")
    with refused("damaged", "8 train images", "10", file="cifar-10-batches-bin"):
        read(root)


def test_another_number_of_classes_is_told(root: Path) -> None:
    (root / "cifar-10-batches-bin/batches.meta.txt").write_text("cat\n")
    with refused("damaged", "1 classes", "2", file="batches.meta.txt"):
        read(root)
