"""CIFAR-10 as its authors distribute it, in both of its versions. What makes pixels official is their digest."""

from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

import numpy as np

from replication.errors import UserError
from replication.files import regular
from replication.images.store import Split
from replication.sources import Dataset, Place
from replication.sources.decode import Source, checked_label, complete, described

BINARY_FOLDER, BINARY_CLASSES = "cifar-10-batches-bin", "batches.meta.txt"
BINARY_TRAIN, BINARY_TEST = tuple(f"data_batch_{number}.bin" for number in range(1, 6)), ("test_batch.bin",)


def official(place: Place, dataset: Dataset) -> Source:
    """The python version: the folder cifar-10-batches-py in the root, or the archive, which is fetched to the root if
    neither is there. Every file is checked against its md5.

    Raises:
        UserError: the download failed or arrived damaged; nothing of it is left behind.
    """
    from torchvision.datasets import CIFAR10
    from torchvision.datasets.utils import check_integrity

    class Archive(CIFAR10):
        url = place.url or CIFAR10.url

    try:
        train, test = Archive(place.root, train=True, download=True), Archive(place.root, train=False)
    except (OSError, RuntimeError, EOFError, ValueError, HTTPException) as error:
        archive = place.root / Archive.filename
        with suppress(OSError):
            if not check_integrity(archive, Archive.tgz_md5):  # a sound one may have been put there by the user
                archive.unlink()
        raise UserError(
            f"{dataset.name} could not be fetched from {Archive.url} ({' '.join(str(error).split())}); run again when "
            f"the network is up, put {Archive.filename} into {place.root}, set data.{dataset.key}.url to another "
            f"address, or set data.{dataset.key}.source to binary, parquet or folder."
        ) from error

    def split(part: CIFAR10) -> Split:
        return Split(part.data.transpose(0, 3, 1, 2), np.asarray(part.targets, np.int64))

    pixels = described({"python version"}, dataset)
    return complete(split(train), split(test), list(train.classes), pixels, dataset, str(place.root))


def binary(place: Place, dataset: Dataset) -> Source:
    """The binary version, extracted: the folder cifar-10-batches-bin in the root, or the root itself.

    An image is a record: a byte for its label, then its pixels, [3, 32, 32].

    Raises:
        UserError: a file is missing, ends within a record, or has a bad label (the record is named).
    """
    folder = place.root / BINARY_FOLDER
    folder = folder if folder.is_dir() else place.root
    classes = _read(folder / BINARY_CLASSES, dataset).decode(errors="replace").split()
    if len(classes) != dataset.classes:
        raise UserError(
            f"{folder / BINARY_CLASSES} names {len(classes)} classes, expected {dataset.classes}; extract the archive "
            "again."
        )
    train, test = (_records([folder / name for name in names], dataset) for names in (BINARY_TRAIN, BINARY_TEST))
    return complete(train, test, classes, described({"binary version"}, dataset), dataset, str(folder))


def _records(files: list[Path], dataset: Dataset) -> Split:
    shape = (3, dataset.input_size, dataset.input_size)
    length = 1 + int(np.prod(shape))
    parts = []
    for file in files:
        content = np.frombuffer(_read(file, dataset), np.uint8)
        if len(content) % length:
            raise UserError(
                f"{file} has {len(content):,} bytes, no multiple of {length:,}, the length of a record; extract the "
                "archive again."
            )
        records = content.reshape(-1, length)
        bad = np.flatnonzero(records[:, 0] >= dataset.classes)
        if len(bad):
            checked_label(int(records[bad[0], 0]), dataset, f"{file}, record {bad[0]}")
        parts.append(records)
    records = np.concatenate(parts)
    return Split(np.ascontiguousarray(records[:, 1:]).reshape(-1, *shape), records[:, 0].astype(np.int64))


def _read(file: Path, dataset: Dataset) -> bytes:
    try:
        return regular(file).read_bytes()
    except OSError as error:
        raise UserError(
            f"{file} cannot be read ({error}); set data.{dataset.key}.root to the folder that has {BINARY_FOLDER}."
        ) from error
