"""Where the objects of images are: the boxes that a source of photographs comes with, for the task `localization`.

Sources count pixels from 0 and name the first and last pixel of an object; ours are corners, so that the far sides are
one more. A box of coinciding corners (434 of Tiny ImageNet's training boxes have no width or height) is one pixel wide.
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

from replication.data.index import Files
from replication.data.sources import Dataset, Place
from replication.data.sources.folder import class_folders, image_files
from replication.data.sources.parquet import files_of, unreadable
from replication.errors import UserError
from replication.files import kind_of, regular, why

Corners = NDArray[np.float32]  # of the boxes of an image, [K, 4]
ANNOTATIONS = Path("Annotations/CLS-LOC")


def checked(numbers: Sequence[object], size: tuple[int, int] | None, where: str, file: Path | None = None) -> list[int]:
    """First and last pixels of an object (left, top, right, bottom) as corners; what reaches over the image is cut.

    Args:
        size: width and height of the image, if they are known.
        where: begins the message of an error: `file`, and the place in it.

    Raises:
        UserError: they are no four whole numbers, the corners are swapped, or the box lies outside its image.
    """
    try:
        left, top, right, bottom = (int(number) for number in numbers)  # type: ignore[call-overload]
    except (TypeError, ValueError) as error:
        told = f"{where}: {numbers!r} is not a box of four whole numbers; fetch the boxes again."
        raise UserError(told, kind="damaged", file=file) from error
    box = (left, top, right, bottom)
    if right < left or bottom < top:
        told = f"{where}: the corners of box {box} are swapped; fetch the boxes again."
        raise UserError(told, kind="damaged", file=file)
    width, height = size or (np.inf, np.inf)
    cut = [max(left, 0), max(top, 0), int(min(right + 1, width)), int(min(bottom + 1, height))] if size else [
        left, top, right + 1, bottom + 1
    ]  # fmt: skip
    if cut[2] <= cut[0] or cut[3] <= cut[1] or right < 0 or bottom < 0:
        told = f"{where}: box {box} lies outside its image of {width}x{height} pixels; fetch the boxes again."
        raise UserError(told, kind="damaged", file=file)
    return cut


def parquet(place: Place, dataset: Dataset) -> tuple[list[Corners], list[Corners]]:
    """Column `bbox` ([left, top, right, bottom]) of the files of `sources.parquet`, one box an image.

    Raises:
        UserError: a file has no such column, or a box is bad (where is said).
    """
    return _of_column(place, "train", dataset), _of_column(place, dataset.test, dataset)


def tiny_imagenet(place: Place, dataset: Dataset) -> tuple[list[Corners], list[Corners]]:
    """`train/<wnid>/<wnid>_boxes.txt` and `val/val_annotations.txt` of the folder tiny-imagenet-200.

    Raises:
        UserError: a file is missing, lacks an image, or a box is bad (where is said).
    """
    size, root = (dataset.input_size or 64,) * 2, place.root
    classes = class_folders(root / "train")
    of_classes = [_named(root / "train" / wnid / f"{wnid}_boxes.txt", 0, size) for wnid in classes]
    of_class_images = []
    for wnid, boxes in zip(classes, of_classes, strict=True):
        images = [file.name for file in image_files(root / "train" / wnid / "images")]
        if missing := [name for name in images if name not in boxes]:
            file = root / "train" / wnid / f"{wnid}_boxes.txt"
            raise UserError(f"{file} has no box of {missing[0]}; extract the archive again.", kind="damaged", file=file)
        of_class_images.append([boxes[name] for name in images])
    train = [box for turn in zip_longest(*of_class_images) for box in turn if box is not None]
    return train, list(_named(root / "val" / "val_annotations.txt", 1, size).values())


def imagenet(place: Place, dataset: Dataset, files: Files) -> tuple[Files, list[Corners], list[Corners]]:
    """ImageNet's boxes, of its index. Training images without a box of their class are left out.

    Raises:
        UserError: the boxes are missing or bad, a validation image has none, or a class has no training image left.
    """
    boxes = {}
    for split in ("train", "test"):
        table, part = getattr(files, split), "train" if split == "train" else "val"
        wnids = [files.classes[label] for label in table["label"].to_pylist()]
        boxes[split] = loc(place.root, part, table["name"].to_pylist(), wnids)
    has = np.array([len(of) > 0 for of in boxes["train"]])
    train = files.train.filter(pyarrow.array(has))
    if missing := set(range(len(files.classes))) - set(train["label"].to_pylist()):
        told = f"{place.root}: no training image of {files.classes[min(missing)]} has a box; put the boxes there."
        raise UserError(told, kind="missing", file=place.root)
    for name, of in zip(files.test["name"].to_pylist(), boxes["test"], strict=True):
        if not len(of):
            told = f"{place.root}: the validation image {name} has no box of its class; put the boxes there."
            raise UserError(told, kind="missing", file=place.root)
    print(f"{train.num_rows:,} of {len(has):,} training images have a box", flush=True)
    return replace(files, train=train), [of for of in boxes["train"] if len(of)], boxes["test"]


def loc(root: Path, split: str, names: Sequence[str], wnids: Sequence[str]) -> list[Corners]:
    """Boxes of ImageNet's images: Kaggle's `LOC_<split>_solution.csv`, else XML below `Annotations/CLS-LOC/<split>`.

    Args:
        names: of the images, "n01440764_10026.JPEG" say, with any folder before them.
        wnids: class of each; boxes of other classes are left out.

    Returns:
        For each image [K, 4]; of many training images there are none.

    Raises:
        UserError: neither is there, or a box is bad (where is said).
    """
    table = root / f"LOC_{split}_solution.csv"
    if table.exists():
        boxes = dict(_of_table(table))
        return [_only(boxes.get(Path(name).stem, []), wnid) for name, wnid in zip(names, wnids, strict=True)]
    folder = root / ANNOTATIONS / split
    if not folder.is_dir():
        told = f"{root} has neither LOC_{split}_solution.csv nor {ANNOTATIONS / split}; put the boxes there."
        raise UserError(told, kind="missing", file=root)
    found = []
    for name, wnid in zip(names, wnids, strict=True):
        stem = Path(name).stem
        files = [folder / f"{stem}.xml", folder / wnid / f"{stem}.xml"]
        file = next((file for file in files if file.exists()), None)
        found.append(_only(list(_of_xml(file)) if file else [], wnid))
    return found


def _of_column(place: Place, split: str, dataset: Dataset) -> list[Corners]:
    size, found = (dataset.input_size,) * 2 if dataset.input_size else None, []
    for file in files_of(place, split, dataset):
        try:
            if "bbox" not in pyarrow.parquet.read_schema(file).names:
                told = f"{file} has no column bbox with the boxes of its images; fetch a copy that has them."
                raise UserError(told, kind="missing", key="bbox", file=file)
            column = pyarrow.parquet.read_table(file, columns=["bbox"])["bbox"].to_pylist()
        except (pyarrow.ArrowException, OSError) as error:
            raise unreadable(file, error) from error
        for row, numbers in enumerate(column):
            found.append(np.array([checked(numbers, size, f"{file}, row {row}", file)], np.float32))
    return found


def _named(file: Path, skip: int, size: tuple[int, int]) -> dict[str, Corners]:
    """Lines of name and box, with `skip` fields between them, separated by tabs."""
    try:
        lines = regular(file).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        told = f"{file} cannot be read: {why(error) if isinstance(error, OSError) else error}."
        raise UserError(told, kind=kind_of(error), file=file) from error
    found = {}
    for number, line in enumerate(lines, start=1):
        name, *rest = line.split("\t")
        found[name] = np.array([checked(rest[skip : skip + 4], size, f"{file}, line {number}", file)], np.float32)
    return found


def _of_table(table: Path) -> Iterator[tuple[str, list[tuple[str, list[int]]]]]:
    """Rows "n01440764_10026,n01440764 13 18 310 245 n01440764 …": of an image any number of boxes."""
    with regular(table).open(newline="", encoding="utf-8") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            where, boxes = f"{table}, line {number}", []
            fields = (row.get("PredictionString") or "").split()
            if not row.get("ImageId") or not fields or len(fields) % 5:
                told = f"{where}: expected an ImageId and five fields a box, found {row!r:.80}; fetch it again."
                raise UserError(told, kind="damaged", file=table)
            for first in range(0, len(fields), 5):
                wnid, *numbers = fields[first : first + 5]
                boxes.append((wnid, checked(numbers, None, where, table)))
            yield row["ImageId"], boxes


def _of_xml(file: Path) -> Iterator[tuple[str, list[int]]]:
    """Objects of an annotation in the style of VOC."""
    try:
        tree = ElementTree.parse(regular(file))
    except (ElementTree.ParseError, OSError) as error:
        told = f"{file} is not an annotation in XML ({error}); extract the boxes again."
        raise UserError(told, kind=kind_of(error), file=file) from error
    size = tuple(int(tree.findtext(f"size/{side}") or 0) for side in ("width", "height"))
    for thing in tree.iter("object"):
        numbers = [thing.findtext(f"bndbox/{key}") for key in ("xmin", "ymin", "xmax", "ymax")]
        yield thing.findtext("name") or "", checked(numbers, size if all(size) else None, str(file), file)  # type: ignore[arg-type]


def _only(boxes: list[tuple[str, list[int]]], wnid: str) -> Corners:
    return np.array([box for name, box in boxes if name == wnid], np.float32).reshape(-1, 4)
