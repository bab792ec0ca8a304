"""Tiny ImageNet as its authors distribute it: the folder tree tiny-imagenet-200."""

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from replication.data.sources import Dataset, Place
from replication.data.sources.decode import Row, Source, decode_all
from replication.data.sources.folder import check_classes, list_class_folders, list_images
from replication.errors import UserError
from replication.files import kind_of, regular


def read_folder(place: Place, dataset: Dataset) -> Source:
    """The tree `train/<wnid>/images/*.JPEG` and `val/images/*.JPEG` with `val/val_annotations.txt`.

    Labels follow the sorted wnids; training images come one of each class in turn. Its test set has no labels; as in
    the parquet copy, `val` is the test split.

    Raises:
        UserError: a file is missing, the class folders are not those of wnids.txt, or an image is bad (it is named).
    """
    root = place.root
    names = {"wnids.txt": sorted(_read_lines(root / "wnids.txt", dataset)), "train": list_class_folders(root / "train")}
    classes = check_classes(names, dataset, root, "extract the archive again")
    return decode_all(
        _train_rows(root / "train", classes), _val_rows(root / "val", classes, dataset), classes, dataset, str(root)
    )


def _train_rows(train: Path, classes: list[str]) -> Iterator[Row]:
    images = [list_images(train / wnid / "images") for wnid in classes]
    for turn in zip_longest(*images):
        for label, file in enumerate(turn):
            if file:
                yield Path(file.path), file.path, Path(file.path).read_bytes(), label


def _val_rows(val: Path, classes: list[str], dataset: Dataset) -> Iterator[Row]:
    """In the order of val_annotations.txt: name, wnid and box of an image a line."""
    annotations, names = val / "val_annotations.txt", set()
    for number, line in enumerate(_read_lines(annotations, dataset), start=1):
        name, wnid, *_ = [*line.split("\t"), ""]
        if wnid not in classes:
            message = f"{annotations}, line {number}: {wnid!r} is not in wnids.txt; extract the archive again."
            raise UserError(message, kind="damaged", file=annotations)
        if name in names or name != Path(name).name:
            problem = "is listed twice" if name in names else "is not an image of val/images"
            message = f"{annotations}, line {number}: {name!r} {problem}; extract the archive again."
            raise UserError(message, kind="damaged", file=annotations)
        names.add(name)
        image = val / "images" / name
        try:
            yield image, str(image), regular(image).read_bytes(), classes.index(wnid)
        except OSError as error:
            message = f"{image} cannot be read ({error}); extract the archive again."
            raise UserError(message, kind=kind_of(error), file=image) from error


def _read_lines(file: Path, dataset: Dataset) -> list[str]:
    try:
        return regular(file).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"{file} cannot be read ({error}); set data.{dataset.key}.root to the folder tiny-imagenet-200.",
            kind=kind_of(error),
            key=f"data.{dataset.key}.root",
            file=file,
        ) from error
