"""Where the pixels of a data set come from. Each source returns a train and a test split, or says what is wrong.

CIFAR-10 comes from the official archive, from parquet in the Hugging Face layout, or from a tree of image folders.
Only the archive can be checked (md5), so only its pixels are called official; the others are named variants.
"""

import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from replication.errors import UserError
from replication.images.store import Split

CIFAR10_CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


@dataclass(frozen=True)
class Expected:
    """What a complete copy of a data set holds. `key`: its place in params.yaml; `test`: the name of its test split."""

    name: str
    key: str
    test: str
    train_images: int
    test_images: int
    classes: int
    input_size: int | None


CIFAR10 = Expected("CIFAR-10", "data.cifar10", "test", 50_000, 10_000, classes=10, input_size=32)
TINY_IMAGENET = Expected("Tiny ImageNet", "data.tiny_imagenet", "valid", 100_000, 10_000, classes=200, input_size=64)


@dataclass(frozen=True)
class Source:
    """A data set as it was found."""

    train: Split
    test: Split
    classes: list[str]
    variant: str | None


def digits(input_size: int) -> Source:
    """The 1,797 handwritten digits that scikit-learn ships, as RGB of `input_size` pixels; every fifth is a test image.

    They stand in for CIFAR-10 in the quick profile: no network, and large enough to show degradation.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    grey = [Image.fromarray((image * (255 / 16)).round().astype(np.uint8)) for image in bunch.images]
    scaled = [np.asarray(image.resize((input_size, input_size), Image.Resampling.BILINEAR)) for image in grey]
    images = np.repeat(np.stack(scaled)[:, None], 3, axis=1)
    labels = bunch.target.astype(np.int64)
    test = np.arange(len(labels)) % 5 == 0
    return Source(
        train=Split(images[~test], labels[~test]),
        test=Split(images[test], labels[test]),
        classes=[str(digit) for digit in range(10)],
        variant=f"8x8 digits of scikit-learn, scaled to {input_size}x{input_size}",
    )


def cifar10_official(root: Path) -> Source:
    """The archive that the CIFAR-10 authors distribute, downloaded to `root` if it is not there, md5 checked.

    Raises:
        UserError: the download failed or arrived damaged; nothing of it is left behind.
    """
    from torchvision.datasets import CIFAR10 as Archive  # noqa: N811

    try:
        train, test = Archive(root, train=True, download=True), Archive(root, train=False)
    except (OSError, RuntimeError, EOFError, HTTPException) as error:
        with suppress(OSError):
            (root / Archive.filename).unlink()
        raise UserError(
            f"CIFAR-10 could not be fetched from {Archive.url} ({' '.join(str(error).split())}); "
            f"run again when the network is up, put "
            f"{Archive.filename} into {root}, or set data.cifar10.source to parquet or folder."
        ) from error

    def split(part: Archive) -> Split:
        return Split(part.data.transpose(0, 3, 1, 2), np.asarray(part.targets, np.int64))

    source = Source(split(train), split(test), list(train.classes), variant=None)
    check_counts(source.train.labels, source.test.labels, CIFAR10, str(root))
    return source


def parquet(root: Path, expected: Expected) -> Source:
    """Hugging Face layout: `train*.parquet` and `test*.parquet` (or what `expected.test` names), columns `img` or
    `image` and `label`.

    Raises:
        UserError: a file is missing, truncated, has other columns, or holds a bad image or label (where is said).
    """
    formats: set[str] = set()

    def rows(split: str) -> Iterator[tuple[str, bytes | None, int]]:
        files = sorted(root.glob(f"{split}*.parquet"))
        if not files:
            raise UserError(f"{root} has no {split}*.parquet; check {expected.key}.root.")
        for file in files:
            try:
                table = pyarrow.parquet.read_table(file)
            except (pyarrow.ArrowException, OSError) as error:
                raise UserError(f"{file} cannot be read as parquet ({error}); fetch it again.") from error
            column = next((name for name in ("img", "image") if name in table.column_names), None)
            if column is None or "label" not in table.column_names:
                raise UserError(f"{file} has columns {table.column_names}; it needs img (or image) and label.")
            pairs = zip(table[column].to_pylist(), table["label"].to_pylist(), strict=True)
            for row, (image, label) in enumerate(pairs):
                yield f"{file}, row {row}", image.get("bytes") if isinstance(image, dict) else None, label

    source = Source(
        train=decode_split(rows("train"), expected, formats),
        test=decode_split(rows(expected.test), expected, formats),
        classes=CIFAR10_CLASSES if expected is CIFAR10 else [str(c) for c in range(expected.classes)],
        variant=variant_of(formats, expected),
    )
    check_counts(source.train.labels, source.test.labels, expected, str(root))
    return source


def folder(root: Path, expected: Expected = CIFAR10) -> Source:
    """A tree `train/<class>/*.png|jpg` and `test/<class>/*`; labels follow the sorted names of the class folders.

    Raises:
        UserError: a folder is missing, the splits have other classes, or an image is bad (the file is named).
    """
    formats: set[str] = set()
    if not (root / "train").is_dir() or not (root / "test").is_dir():
        raise UserError(f"{root} needs the folders train/<class>/ and test/<class>/; check {expected.key}.root.")
    classes = sorted(folder.name for folder in (root / "train").iterdir() if folder.is_dir())
    others = sorted(folder.name for folder in (root / "test").iterdir() if folder.is_dir())
    if classes != others or len(classes) != expected.classes:
        raise UserError(
            f"{root} has {len(classes)} class folders in train and {len(others)} in test, expected the same "
            f"{expected.classes} in both; differing: {sorted(set(classes) ^ set(others)) or 'none'}."
        )

    def rows(split: str) -> Iterator[tuple[str, bytes | None, int]]:
        for label, name in enumerate(classes):
            for file in sorted((root / split / name).iterdir()):
                if file.suffix.lower() in (".png", ".jpg", ".jpeg"):
                    yield str(file), file.read_bytes(), label

    source = Source(
        train=decode_split(rows("train"), expected, formats),
        test=decode_split(rows("test"), expected, formats),
        classes=classes,
        variant=variant_of(formats, expected),
    )
    check_counts(source.train.labels, source.test.labels, expected, str(root))
    return source


def decode_split(rows: Iterator[tuple[str, bytes | None, int]], expected: Expected, formats: set[str]) -> Split:
    """Decode (where, bytes, label) to arrays; notes the image formats met in `formats`."""
    images, labels = [], []
    size = (expected.input_size, expected.input_size)
    for where, encoded, label in rows:
        try:
            with Image.open(io.BytesIO(encoded)) as image:
                formats.add(image.format or "unknown")
                pixels = np.asarray(image.convert("RGB"))
        except (
            UnidentifiedImageError,
            OSError,
            SyntaxError,
            TypeError,
            Image.DecompressionBombError,
        ) as error:
            raise UserError(f"{where}: the image cannot be decoded ({error}); fetch the file again.") from error
        if pixels.shape[:2] != size:
            height, width = pixels.shape[:2]
            raise UserError(
                f"{where}: the image is {width}x{height}, expected {size[0]}x{size[1]}; is this another data set?"
            )
        if not isinstance(label, int) or not 0 <= label < expected.classes:
            raise UserError(f"{where}: label {label!r} is not in 0..{expected.classes - 1}; is this another data set?")
        images.append(pixels)
        labels.append(label)
    if not images:
        return Split(np.empty((0, 3, *size), np.uint8), np.empty(0, np.int64))
    return Split(np.stack(images).transpose(0, 3, 1, 2).copy(), np.asarray(labels, np.int64))


def variant_of(formats: set[str], expected: Expected) -> str:
    """Pixels that no checksum vouches for are a variant, whatever the folder is called."""
    if expected is CIFAR10 and formats & {"JPEG", "MPO"}:
        return "re-compressed as JPEG"
    return f"unverified copy ({', '.join(sorted(formats)).lower()})"


def check_counts(train: NDArray[np.int64], test: NDArray[np.int64], expected: Expected, where: str) -> None:
    """Counts of images and classes by the labels of both splits; a split that lacks some is not the data set."""
    for name, labels, count in (
        ("train", train, expected.train_images),
        (expected.test, test, expected.test_images),
    ):
        if len(labels) != count:
            raise UserError(
                f"{where}: {len(labels):,} {name} images, expected {count:,}; "
                "the copy is incomplete or not this data set."
            )
        missing = set(range(expected.classes)) - set(labels.tolist())
        if missing:
            raise UserError(f"{where}: the {name} split has no image of label {min(missing)}; the copy is incomplete.")
