"""Tiny ImageNet as its authors distribute it: the folder tree tiny-imagenet-200."""

from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from replication.data.sources import Dataset, Place
from replication.data.sources.decode import EncodedImage, Source, decode_all
from replication.data.sources.folder import check_classes, list_class_folders, list_images
from replication.data.sources.reading import find_nearby, read_bytes, read_lines
from replication.errors import UserError

REMEDY = "extract the archive again"


def read_folder(place: Place, dataset: Dataset) -> Source:
    """The tree `train/<wnid>/images/*.JPEG` and `val/images/*.JPEG` with `val/val_annotations.txt`.

    Labels follow the sorted wnids; training images come one of each class in turn. Its test set has no labels; as in
    the parquet copy, `val` is the test split.

    Raises:
        UserError: a file is missing, the class folders are not those of wnids.txt, or an image is bad (it is named).
    """
    root, key = place.root, f"data.{dataset.key}.root"
    is_root = (root / "wnids.txt").exists()  # then what is missing was moved, not looked for in a wrong folder
    where = f"set {key} to the folder tiny-imagenet-200"
    remedy = f"{REMEDY}, or {where}" if is_root else f"{where}{find_nearby(root, 'wnids.txt')}"
    wnids, annotations = (read_lines(root / name, remedy, key) for name in ("wnids.txt", "val/val_annotations.txt"))
    names = {"wnids.txt": sorted(wnids), "train": list_class_folders(root / "train")}
    classes = check_classes(names, dataset, root, REMEDY)
    train, val = _train_rows(root / "train", classes), _val_rows(root / "val", annotations, classes)
    return decode_all(train, val, classes, dataset, str(root))


def _train_rows(train: Path, classes: list[str]) -> Iterator[EncodedImage]:
    images = [list_images(train / wnid / "images") for wnid in classes]
    for turn in zip_longest(*images):
        for label, file in enumerate(turn):
            if file:
                yield Path(file.path), file.path, read_bytes(Path(file.path), REMEDY), label


def _val_rows(val: Path, annotations: list[str], classes: list[str]) -> Iterator[EncodedImage]:
    """In the order of val_annotations.txt: name, wnid and box of an image a line."""
    file, names = val / "val_annotations.txt", set()
    for number, line in enumerate(annotations, start=1):
        name, wnid, *_ = [*line.split("\t"), ""]
        if wnid not in classes:
            message = f"{file}, line {number}: {wnid!r} is not in wnids.txt; {REMEDY}."
            raise UserError(message, kind="damaged", file=file)
        if name in names or name != Path(name).name:
            problem = "is listed twice" if name in names else "is not an image of val/images"
            message = f"{file}, line {number}: {name!r} {problem}; {REMEDY}."
            raise UserError(message, kind="damaged", file=file)
        names.add(name)
        image = val / "images" / name
        yield image, str(image), read_bytes(image, REMEDY), classes.index(wnid)
