"""Tiny ImageNet as its authors distribute it: the folder tree tiny-imagenet-200."""

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from replication.errors import UserError
from replication.files import regular
from replication.sources import Dataset, Place
from replication.sources.decode import Row, Source, decoded
from replication.sources.folder import class_folders, image_files, same_classes


def folder(place: Place, dataset: Dataset) -> Source:
    """The tree `train/<wnid>/images/*.JPEG` and `val/images/*.JPEG` with `val/val_annotations.txt`.

    Labels follow the sorted wnids; training images come one of each class in turn. Its test set has no labels; as in
    the parquet copy, `val` is the test split.

    Raises:
        UserError: a file is missing, the class folders are not those of wnids.txt, or an image is bad (it is named).
    """
    root = place.root
    named = {"wnids.txt": sorted(_lines(root / "wnids.txt", dataset)), "train": class_folders(root / "train")}
    classes = same_classes(named, dataset, f"{root} has", "extract the archive again")
    return decoded(
        _train_rows(root / "train", classes), _val_rows(root / "val", classes, dataset), classes, dataset, str(root)
    )


def _train_rows(train: Path, classes: list[str]) -> Iterator[Row]:
    images = [image_files(train / wnid / "images") for wnid in classes]
    for turn in zip_longest(*images):
        for label, file in enumerate(turn):
            if file:
                yield file.path, Path(file.path).read_bytes(), label


def _val_rows(val: Path, classes: list[str], dataset: Dataset) -> Iterator[Row]:
    """In the order of val_annotations.txt: name, wnid and box of an image a line."""
    annotations, seen = val / "val_annotations.txt", set()
    for number, line in enumerate(_lines(annotations, dataset), start=1):
        name, wnid, *_ = [*line.split("\t"), ""]
        if wnid not in classes:
            raise UserError(f"{annotations}, line {number}: {wnid!r} is not in wnids.txt; extract the archive again.")
        if name in seen or name != Path(name).name:
            why = "stands there twice" if name in seen else "is no image of val/images"
            raise UserError(f"{annotations}, line {number}: {name!r} {why}; extract the archive again.")
        seen.add(name)
        try:
            yield str(val / "images" / name), regular(val / "images" / name).read_bytes(), classes.index(wnid)
        except OSError as error:
            raise UserError(f"{val / 'images' / name} cannot be read ({error}); extract the archive again.") from error


def _lines(file: Path, dataset: Dataset) -> list[str]:
    try:
        return regular(file).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{file} cannot be read ({error}); set data.{dataset.key}.root to the folder tiny-imagenet-200."
        ) from error
