"""Read the boxes of objects that come with a source of photographs.

Sources count pixels from 0 and name the first and last pixel of an object. Our far sides are exclusive, so one more. A
box of coinciding corners (434 of Tiny ImageNet's training boxes have no width or height) is one pixel wide.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pyarrow
import pyarrow.parquet
from numpy.typing import NDArray

from replication.data.annotations import label_images
from replication.data.index import Files, ListedImages
from replication.data.sources import Dataset, Place
from replication.data.sources.folder import list_class_folders, list_images
from replication.data.sources.parquet import explain_unreadable, list_files
from replication.data.sources.reading import read_lines
from replication.errors import UserError
from replication.files import make_read_error, require_regular

Corners = NDArray[np.float32]  # of the boxes of an image, [K, 4]
ClassBox = tuple[str, list[int]]  # the wnid of an object, and its corners
ANNOTATIONS = Path("Annotations/CLS-LOC")


def check_box(
    numbers: Sequence[object], size: tuple[int, int] | None, where: str, file: Path | None = None
) -> list[int]:
    """First and last pixels of an object (left, top, right, bottom) as corners, cut at the edges of the image.

    Args:
        size: width and height of the image, if they are known.
        where: begins the message of an error: `file`, and the place in it.

    Raises:
        UserError: they are no four whole numbers, the corners are swapped, or the box lies outside its image.
    """
    try:
        left, top, right, bottom = (int(number) for number in numbers)  # type: ignore[call-overload]
    except (TypeError, ValueError) as error:
        message = f"{where}: {numbers!r} is not a box of four whole numbers; fetch the boxes again."
        raise UserError(message, kind="damaged", file=file) from error
    box = (left, top, right, bottom)
    if right < left or bottom < top:
        message = f"{where}: the corners of box {box} are swapped; fetch the boxes again."
        raise UserError(message, kind="damaged", file=file)
    corners = [left, top, right + 1, bottom + 1]
    if size:
        corners = [max(left, 0), max(top, 0), min(right + 1, size[0]), min(bottom + 1, size[1])]
    if corners[2] <= corners[0] or corners[3] <= corners[1] or right < 0 or bottom < 0:
        pixels = f" of {size[0]}x{size[1]} pixels" if size else ""
        message = f"{where}: box {box} lies outside its image{pixels}; fetch the boxes again."
        raise UserError(message, kind="damaged", file=file)
    return corners


def read_parquet(place: Place, dataset: Dataset) -> tuple[list[Corners], list[Corners]]:
    """Column `bbox` ([left, top, right, bottom]) of the files of `sources.parquet`, one box an image.

    Raises:
        UserError: a file has no such column, or a box is bad; names the row.
    """
    return _read_column(place, "train", dataset), _read_column(place, dataset.test, dataset)


def read_tiny_imagenet(place: Place, dataset: Dataset) -> tuple[list[Corners], list[Corners]]:
    """`train/<wnid>/<wnid>_boxes.txt` and `val/val_annotations.txt` of the folder tiny-imagenet-200.

    Raises:
        UserError: a file is missing, lacks an image, or a box is bad; names the line.
    """
    size, root = (dataset.input_size or 64,) * 2, place.root
    classes = list_class_folders(root / "train")
    boxes_by_class = []
    for wnid in classes:
        file = root / "train" / wnid / f"{wnid}_boxes.txt"
        boxes = _read_named_boxes(file, 0, size)
        images = [image.name for image in list_images(root / "train" / wnid / "images")]
        if missing := [name for name in images if name not in boxes]:
            raise UserError(f"{file} has no box of {missing[0]}; extract the archive again.", kind="damaged", file=file)
        boxes_by_class.append([boxes[name] for name in images])
    train = [box for turn in zip_longest(*boxes_by_class) for box in turn if box is not None]
    return train, list(_read_named_boxes(root / "val" / "val_annotations.txt", 1, size).values())


def read_imagenet(place: Place, dataset: Dataset, files: Files) -> Files:
    """The images of an index of ImageNet with their boxes. Training images without a box of their class are left out.

    Raises:
        UserError: the boxes are missing or bad, a validation image has none, or a class has no training image left.
    """
    train = _add_boxes(place.root, "train", files.train, files.classes)
    test = _add_boxes(place.root, "val", files.test, files.classes)
    if missing := set(range(len(files.classes))) - set(train.annotations.labels.tolist()):
        message = f"{place.root}: no training image of {files.classes[min(missing)]} has a box; put the boxes there."
        raise UserError(message, kind="missing", file=place.root)
    if missing := set(files.test.entries["name"].to_pylist()) - set(test.entries["name"].to_pylist()):
        message = f"{place.root}: the validation image {min(missing)} has no box of its class; put its box there."
        raise UserError(message, kind="missing", file=place.root)
    print(f"{len(train):,} of {len(files.train):,} training images have a box", flush=True)
    return replace(files, train=train, test=test)


def _add_boxes(root: Path, split: str, images: ListedImages, classes: Sequence[str]) -> ListedImages:
    """The images that have boxes of their class, with these boxes."""
    labels = images.annotations.labels.numpy()
    wnids = [classes[label] for label in labels]
    boxes = read_localization_boxes(root, split, images.entries["name"].to_pylist(), wnids)
    has_box = np.array([len(corners) > 0 for corners in boxes], bool)
    annotations = label_images(labels[has_box], [corners for corners in boxes if len(corners)])
    return ListedImages(images.entries.filter(pyarrow.array(has_box)), annotations)


def read_localization_boxes(root: Path, split: str, names: Sequence[str], wnids: Sequence[str]) -> list[Corners]:
    """Boxes of ImageNet's images: Kaggle's `LOC_<split>_solution.csv`, else XML below `Annotations/CLS-LOC/<split>`.

    Args:
        names: of the images, "n01440764_10026.JPEG" say, with any folder before them.
        wnids: class of each; boxes of other classes are left out.

    Returns:
        For each image [K, 4]; many training images have no box.

    Raises:
        UserError: both are missing, or a box is bad; names its file and line.
    """
    table = root / f"LOC_{split}_solution.csv"
    if table.exists():
        boxes = dict(_read_table(table))
        return [_select_class(boxes.get(Path(name).stem, []), wnid) for name, wnid in zip(names, wnids, strict=True)]
    folder = root / ANNOTATIONS / split
    if not folder.is_dir():
        message = f"{root} has neither LOC_{split}_solution.csv nor {ANNOTATIONS / split}; put the boxes into it."
        raise UserError(message, kind="missing", file=root)
    selected = []
    for name, wnid in zip(names, wnids, strict=True):
        stem = Path(name).stem
        files = [folder / f"{stem}.xml", folder / wnid / f"{stem}.xml"]
        file = next((file for file in files if file.exists()), None)
        selected.append(_select_class(list(_read_xml(file)) if file else [], wnid))
    return selected


def _read_column(place: Place, split: str, dataset: Dataset) -> list[Corners]:
    size, boxes = (dataset.input_size,) * 2 if dataset.input_size else None, []
    for file in list_files(place, split, dataset):
        try:
            if "bbox" not in pyarrow.parquet.read_schema(file).names:
                message = f"{file} has no column bbox with the boxes of its images; fetch a copy that has them."
                raise UserError(message, kind="missing", key="bbox", file=file)
            column = pyarrow.parquet.read_table(file, columns=["bbox"])["bbox"].to_pylist()
        except (pyarrow.ArrowException, OSError) as error:
            raise explain_unreadable(file, error) from error
        for row, numbers in enumerate(column):
            boxes.append(np.array([check_box(numbers, size, f"{file}, row {row}", file)], np.float32))
    return boxes


def _read_named_boxes(file: Path, skip: int, size: tuple[int, int]) -> dict[str, Corners]:
    """Boxes by the name of the image: lines of name and box, with `skip` fields between them, separated by tabs."""
    boxes = {}
    for number, line in enumerate(read_lines(file), start=1):
        name, *fields = line.split("\t")
        boxes[name] = np.array([check_box(fields[skip : skip + 4], size, f"{file}, line {number}", file)], np.float32)
    return boxes


def _read_table(table: Path) -> Iterator[tuple[str, list[ClassBox]]]:
    """Rows "n01440764_10026,n01440764 13 18 310 245 n01440764 …": an image, and any number of boxes."""
    with require_regular(table).open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            where, boxes = f"{table}, line {number}", []
            fields = (row.get("PredictionString") or "").split()
            if not row.get("ImageId") or not fields or len(fields) % 5:
                message = f"{where}: expected an ImageId and five fields a box, found {row!r:.80}; fetch it again."
                raise UserError(message, kind="damaged", file=table)
            for first in range(0, len(fields), 5):
                wnid, *numbers = fields[first : first + 5]
                boxes.append((wnid, check_box(numbers, None, where, table)))
            yield row["ImageId"], boxes


def _read_xml(file: Path) -> Iterator[ClassBox]:
    """The objects of an annotation in VOC's XML."""
    try:
        tree = ElementTree.parse(require_regular(file))
    except (ElementTree.ParseError, OSError) as error:
        message = f"{file} is not an annotation in XML ({error}); extract the boxes again."
        raise make_read_error(file, error, message) from error
    size = tuple(int(tree.findtext(f"size/{side}") or 0) for side in ("width", "height"))
    for item in tree.iter("object"):
        numbers = [item.findtext(f"bndbox/{key}") for key in ("xmin", "ymin", "xmax", "ymax")]
        yield item.findtext("name") or "", check_box(numbers, size if all(size) else None, str(file), file)  # type: ignore[arg-type]


def _select_class(boxes: list[ClassBox], wnid: str) -> Corners:
    return np.array([box for name, box in boxes if name == wnid], np.float32).reshape(-1, 4)
