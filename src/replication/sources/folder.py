"""Trees of image files, one folder a class."""

import os
from collections.abc import Iterator
from pathlib import Path

from replication.errors import UserError
from replication.sources import Dataset, Place
from replication.sources.decode import Row, Source, decoded

SUFFIXES = (".png", ".jpeg", ".jpg")


def folder(place: Place, dataset: Dataset) -> Source:
    """A tree `train/<class>/*.png|jpg` and `test/<class>/*`; labels follow the sorted names of the class folders.

    Images are in the order of their paths, class by class; `images.heldout` takes its part of every class all the same.

    Raises:
        UserError: a folder is missing, the splits have other classes, or an image is bad (the file is named).
    """
    root, splits = place.root, ("train", dataset.test)
    if not all((root / split).is_dir() for split in splits):
        needed = " and ".join(f"{split}/<class>/" for split in splits)
        raise UserError(f"{root} needs the folders {needed}; check data.{dataset.key}.root.")
    classes = same_classes(
        {split: class_folders(root / split) for split in splits}, dataset, f"{root} has", "complete the tree"
    )
    train, test = (_rows(root / split, classes) for split in splits)
    return decoded(train, test, classes, dataset, str(root))


def class_folders(split: Path) -> list[str]:
    """The sorted names of the folders below `split`; none if it is not there."""
    if not split.is_dir():
        return []
    return sorted(entry.name for entry in os.scandir(split) if entry.is_dir() and not entry.name.startswith("."))


def image_files(folder: Path) -> list[os.DirEntry[str]]:
    """The image files in a folder, by name. Hidden files are none: macOS leaves `._name.png` beside images."""
    found = (entry for entry in os.scandir(folder) if entry.name.lower().endswith(SUFFIXES))
    return sorted((entry for entry in found if not entry.name.startswith(".")), key=lambda entry: entry.name)


def same_classes(found: dict[str, list[str]], dataset: Dataset, subject: str, remedy: str) -> list[str]:
    """The classes that both places name.

    Args:
        found: the class names of each of two places, sorted, by the name of the place.
        subject: how the sentence begins, "<folder> has".
        remedy: what the user can do.

    Raises:
        UserError: they differ, or are not as many as the data set has; the first of those that differ are named.
    """
    (here, classes), (there, others) = found.items()
    if classes == others and len(classes) == dataset.classes:
        return classes
    differing = sorted(set(classes) ^ set(others))
    raise UserError(
        f"{subject} {len(classes):,} classes in {here} and {len(others):,} in {there}, expected the same "
        f"{dataset.classes:,} in both; {remedy}; differing: "
        f"{', '.join(differing[:3]) or 'none'}{' …' if differing[3:] else ''}."
    )


def _rows(split: Path, classes: list[str]) -> Iterator[Row]:
    for label, name in enumerate(classes):
        for file in image_files(split / name):
            yield file.path, Path(file.path).read_bytes(), label
