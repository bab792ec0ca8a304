"""Trees of image files, one folder a class."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from replication.data.sources import Dataset, Place
from replication.data.sources.decode import EncodedImage, Source, decode_all
from replication.data.sources.reading import explain_errors, find_nearby, read_bytes
from replication.errors import UserError

SUFFIXES = (".png", ".jpeg", ".jpg", ".webp", ".bmp")


def read_folder(place: Place, dataset: Dataset) -> Source:
    """A tree `train/<class>/*.png|jpg` and `test/<class>/*`; labels follow the sorted names of the class folders.

    Images are in the order of their paths, class by class; `data.heldout` holds out a part of every class all the same.

    Raises:
        UserError: a folder is missing, the splits have other classes, or an image is bad (the file is named).
    """
    root, splits = place.root, ("train", dataset.test)
    if not all((root / split).is_dir() for split in splits):
        needed = " and ".join(f"{split}/<class>/" for split in splits)
        missing = next(split for split in splits if not (root / split).is_dir())
        message = f"{root} needs the folders {needed}; check data.{dataset.key}.root{find_nearby(root, missing)}."
        raise UserError(message, kind="missing", key=f"data.{dataset.key}.root", file=root)
    names = {split: list_class_folders(root / split) for split in splits}
    classes = check_classes(names, dataset, root, "complete the tree")
    train, test = (_rows(root / split, classes) for split in splits)
    return decode_all(train, test, classes, dataset, str(root))


def list_class_folders(split: Path) -> list[str]:
    """The sorted names of the folders below `split`; none if it is missing. Numbers go by value: 2, then 10."""
    if not split.is_dir():
        return []
    names = [entry.name for entry in _visible(split) if _is_true(entry.is_dir)]
    return sorted(names, key=int) if all(map(str.isdecimal, names)) else names


def list_images(folder: Path) -> list[os.DirEntry[str]]:
    """The image files in a folder, by name, without pipes, devices and dangling links."""
    return [entry for entry in _visible(folder) if entry.name.lower().endswith(SUFFIXES) and _is_true(entry.is_file)]


def _is_true(question: Callable[[], bool]) -> bool:
    with suppress(OSError):  # a link to itself
        return question()
    return False


def _visible(folder: Path) -> list[os.DirEntry[str]]:
    """The entries of a folder, by name. Hidden ones are left out: macOS leaves `._name.png` beside images, Jupyter its
    `.ipynb_checkpoints`.

    Raises:
        UserError: the folder cannot be read, or a name is not UTF-8.
    """
    with explain_errors(folder):
        entries = [entry for entry in os.scandir(folder) if not entry.name.startswith(".")]
    for entry in entries:  # a name that is not UTF-8 is one that cannot be printed
        if not entry.name.isprintable():
            message = f"{folder} has a file whose name is not text, {entry.name!r}; rename it, or move it away."
            raise UserError(message, kind="invalid", file=folder)
    return sorted(entries, key=lambda entry: entry.name)


def check_classes(names: dict[str, list[str]], dataset: Dataset, root: Path, remedy: str) -> list[str]:
    """The classes that both places name.

    Args:
        names: the class names of each of two places, sorted, by the name of the place.
        root: the folder that has both places.
        remedy: what the user can do.

    Raises:
        UserError: they differ, or are not as many as the data set has; names the first differences.
    """
    (place, classes), (other_place, others) = names.items()
    if classes == others and len(classes) == dataset.classes:
        return classes
    differing = sorted(set(classes) ^ set(others))
    raise UserError(
        f"{root} has {len(classes):,} classes in {place} and {len(others):,} in {other_place}, expected the same "
        f"{dataset.classes:,} in both; {remedy}; differing: "
        f"{', '.join(differing[:3]) or 'none'}{' …' if differing[3:] else ''}.",
        kind="damaged",
        file=root,
    )


def _rows(split: Path, classes: list[str]) -> Iterator[EncodedImage]:
    for label, name in enumerate(classes):
        for file in list_images(split / name):
            yield Path(file.path), file.path, read_bytes(Path(file.path)), label
