"""Tiny ImageNet as its authors distribute it: the folder tree tiny-imagenet-200."""

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from replication.errors import UserError
from replication.sources.sources import TINY_IMAGENET, Expected, Source, check_counts, decode_split, variant_of

Row = tuple[str, bytes, int]


def folder(root: Path, expected: Expected = TINY_IMAGENET) -> Source:
    """The tree `train/<wnid>/images/*.JPEG` and `val/images/*.JPEG` with `val/val_annotations.txt`.

    Labels follow the sorted wnids. Training images come one of each class in turn, so that every class has its part in
    what `train_images` holds out. Its test set has no labels; as in the parquet copy, `val` is the test split.

    Raises:
        UserError: a file is missing, the class folders are not those of wnids.txt, or an image is bad (it is named).
    """
    classes = sorted(_lines(root / "wnids.txt", expected))
    train = root / "train"
    found = sorted(entry.name for entry in train.iterdir() if entry.is_dir()) if train.is_dir() else []
    if found != classes or len(classes) != expected.classes:
        differing = sorted(set(found) ^ set(classes))
        raise UserError(
            f"{root}: wnids.txt lists {len(classes)} classes and train has {len(found)} class folders, expected the "
            f"same {expected.classes} in both; extract the archive again; differing: "
            f"{', '.join(differing[:3]) or 'none'}{' …' if differing[3:] else ''}."
        )
    formats: set[str] = set()
    source = Source(
        train=decode_split(_train_rows(train, classes), expected, formats),
        test=decode_split(_val_rows(root / "val", classes, expected), expected, formats),
        classes=classes,
        variant=variant_of(formats, expected),
    )
    check_counts(source.train.labels, source.test.labels, expected, str(root))
    return source


def _train_rows(train: Path, classes: list[str]) -> Iterator[Row]:
    images = [sorted((train / wnid / "images").glob("*.JPEG")) for wnid in classes]
    for turn in zip_longest(*images):
        for label, file in enumerate(turn):
            if file:
                yield str(file), file.read_bytes(), label


def _val_rows(val: Path, classes: list[str], expected: Expected) -> Iterator[Row]:
    """In the order of val_annotations.txt: name, wnid and box of an image a line."""
    annotations = val / "val_annotations.txt"
    for number, line in enumerate(_lines(annotations, expected), start=1):
        name, wnid, *_ = [*line.split("\t"), ""]
        if wnid not in classes:
            raise UserError(f"{annotations}, line {number}: {wnid!r} is not in wnids.txt; extract the archive again.")
        try:
            yield str(val / "images" / name), (val / "images" / name).read_bytes(), classes.index(wnid)
        except OSError as error:
            raise UserError(f"{val / 'images' / name} cannot be read ({error}); extract the archive again.") from error


def _lines(file: Path, expected: Expected) -> list[str]:
    try:
        return file.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{file} cannot be read ({error}); set {expected.key}.root to the folder tiny-imagenet-200."
        ) from error
