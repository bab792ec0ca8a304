"""Encoded images and their labels become a split; a bad one, and a split that is not whole, are told in a sentence."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from replication.data.decoding import decode_with_format
from replication.data.sources import Dataset
from replication.data.store import Split
from replication.errors import UserError

# The file that an image is from; that file and the place in it, in words; the bytes of the image; its label.
Row = tuple[Path, str, bytes | None, int]
MOST_PIXELS = 1_000_000  # of an image of a data set of small ones: what is larger is not decoded to be refused


@dataclass(frozen=True)
class Source:
    """A data set as it was found. `pixels` says what is known of them before their digest is looked at."""

    train: Split
    test: Split
    classes: list[str]
    pixels: str


def decoded(train: Iterable[Row], test: Iterable[Row], classes: list[str], dataset: Dataset, where: str) -> Source:
    """Decode both splits to arrays.

    Raises:
        UserError: an image or label is bad (its place is named), or a split is not whole.
    """
    formats: set[str] = set()
    splits = [_split(rows, dataset, formats) for rows in (train, test)]
    return complete(*splits, classes, described(formats, dataset), dataset, where)


def complete(train: Split, test: Split, classes: list[str], pixels: str, dataset: Dataset, where: str) -> Source:
    """The source of these splits.

    Raises:
        UserError: images or a class are missing, or too many.
    """
    check_counts(train.labels, test.labels, dataset, where)
    return Source(train, test, classes, pixels)


def described(formats: set[str], dataset: Dataset) -> str:
    """What pixels of these file formats are, unless their digest is the official one."""
    names = ", ".join(sorted(formats)).lower()
    if dataset.digests is None:
        return f"unverified copy ({names})"
    if formats & {"JPEG", "MPO"}:
        return "re-compressed as JPEG"
    return f"pixels or labels differ from the official ones ({names})"


def checked_label(label: object, dataset: Dataset, where: str, file: Path | None = None) -> int:
    """A label as a number; pandas writes whole numbers as 3.0 where a column once lacked one.

    Args:
        where: begins the message of an error: `file`, and the place in it.

    Raises:
        UserError: `label` is no whole number from 0 up to the number of classes.
    """
    number = int(label) if isinstance(label, float) and label.is_integer() else label
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < dataset.classes:
        told = f"{where}: label {label!r} is not in 0..{dataset.classes - 1}; is this another data set?"
        raise UserError(told, kind="damaged", file=file)
    return number


def check_counts(train: NDArray[np.int64], test: NDArray[np.int64], dataset: Dataset, where: str) -> None:
    """Counts of images and classes by the labels of both splits; a split that lacks some is not the data set.

    Args:
        where: the folder that they are from.

    Raises:
        UserError: a count is another, or a class has no image.
    """
    for name, labels, count in (("train", train, dataset.train_images), (dataset.test, test, dataset.test_images)):
        if len(labels) != count:
            raise UserError(
                f"{where}: {len(labels):,} {name} images, expected {count:,}; "
                "the copy is incomplete or not this data set.",
                kind="damaged",
                file=Path(where),
            )
        missing = set(range(dataset.classes)) - set(labels.tolist())
        if missing:
            told = f"{where}: the {name} split has no image of label {min(missing)}; the copy is incomplete."
            raise UserError(told, kind="damaged", file=Path(where))


def _split(rows: Iterable[Row], dataset: Dataset, formats: set[str]) -> Split:
    """Decode rows to arrays; notes the image formats met in `formats`."""
    size = dataset.input_size
    images, labels = [], []
    for file, where, encoded, label in rows:
        image, kind = decode_with_format(encoded, where, MOST_PIXELS, file)
        if image.size != (size, size):
            found = f"{image.width}x{image.height}"
            told = f"{where}: the image is {found}, expected {size}x{size}; is this another data set?"
            raise UserError(told, kind="damaged", file=file)
        labels.append(checked_label(label, dataset, where, file))
        formats.add(kind)
        images.append(np.asarray(image))
    if not images:
        return Split(np.empty((0, 3, size, size), np.uint8), np.empty(0, np.int64))
    return Split(np.stack(images).transpose(0, 3, 1, 2).copy(), np.asarray(labels, np.int64))
