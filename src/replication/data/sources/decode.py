"""Encoded images and their labels become a split. A bad image, a bad label or an incomplete split is an error."""

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
EncodedImage = tuple[Path, str, bytes | None, int]
MOST_PIXELS = 1_000_000  # of an image in a data set of small images; a larger one is refused by its header


@dataclass(frozen=True)
class Source:
    """A data set as a source gives it. `pixels` says what is known of them without their digest."""

    train: Split
    test: Split
    classes: list[str]
    pixels: str


def decode_all(
    train: Iterable[EncodedImage], test: Iterable[EncodedImage], classes: list[str], dataset: Dataset, where: str
) -> Source:
    """Decode both splits to arrays.

    Raises:
        UserError: an image or label is bad (its place is named), or a split is not whole.
    """
    formats: set[str] = set()
    splits = [_split(rows, dataset, formats) for rows in (train, test)]
    return make_source(*splits, classes, describe_formats(formats, dataset), dataset, where)


def make_source(train: Split, test: Split, classes: list[str], pixels: str, dataset: Dataset, where: str) -> Source:
    """The source of these splits.

    Raises:
        UserError: there are too few or too many images, or a class has none.
    """
    check_counts(train.labels, test.labels, dataset, where)
    return Source(train, test, classes, pixels)


def describe_formats(formats: set[str], dataset: Dataset) -> str:
    """Describe pixels of these file formats, whose digest is not the official one."""
    names = ", ".join(sorted(formats)).lower()
    if dataset.digests is None:
        return f"unverified copy ({names})"
    if formats & {"JPEG", "MPO"}:
        return "re-compressed as JPEG"
    return f"pixels or labels differ from the official ones ({names})"


def check_label(label: object, dataset: Dataset, where: str, file: Path | None = None) -> int:
    """A label as a number; pandas writes whole numbers as 3.0 in a column that once had gaps.

    Args:
        where: begins the message of an error: `file`, and the place in it.

    Raises:
        UserError: `label` is no whole number from 0 up to the number of classes.
    """
    number = int(label) if isinstance(label, float) and label.is_integer() else label
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < dataset.classes:
        message = f"{where}: label {label!r} is not in 0..{dataset.classes - 1}; is this another data set?"
        raise UserError(message, kind="damaged", file=file)
    return number


def check_counts(train: NDArray[np.int64], test: NDArray[np.int64], dataset: Dataset, where: str) -> None:
    """Refuse splits with another number of images than the data set has, or with a class without images.

    Args:
        train: labels [N].
        test: labels [N].
        where: their folder.

    Raises:
        UserError: says which count is wrong.
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
            message = f"{where}: the {name} split has no image of label {min(missing)}; the copy is incomplete."
            raise UserError(message, kind="damaged", file=Path(where))


def _split(rows: Iterable[EncodedImage], dataset: Dataset, formats: set[str]) -> Split:
    """Decode rows to arrays; add the formats of their images to `formats`."""
    size = dataset.input_size
    images, labels = [], []
    for file, where, encoded, label in rows:
        image, kind = decode_with_format(encoded, where, MOST_PIXELS, file)
        if image.size != (size, size):
            actual = f"{image.width}x{image.height}"
            message = f"{where}: the image is {actual}, expected {size}x{size}; is this another data set?"
            raise UserError(message, kind="damaged", file=file)
        labels.append(check_label(label, dataset, where, file))
        formats.add(kind)
        images.append(np.asarray(image))
    if not images:
        return Split(np.empty((0, 3, size, size), np.uint8), np.empty(0, np.int64))
    return Split(np.stack(images).transpose(0, 3, 1, 2).copy(), np.asarray(labels, np.int64))
