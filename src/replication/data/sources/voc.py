"""PASCAL VOC as its devkit lays it out: VOC2007/ and VOC2012/ with ImageSets/Main, Annotations and JPEGImages.

The devkit counts pixels from 1 and names the first and last pixel of an object. Photographs are indexed, not copied.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.etree import ElementTree

import torch

from replication.data.annotations import DIFFICULT, Objects, gather
from replication.data.decoding import read_size
from replication.data.index import Entry, Files, ListedImages, make_table
from replication.data.sources import Dataset, Place
from replication.data.sources.boxes import check_box
from replication.data.sources.reading import explain_errors, find_nearby, read_lines
from replication.errors import UserError
from replication.files import classify_error, require_regular

TRAIN, TEST = (("2007", "trainval"), ("2012", "trainval")), (("2007", "test"),)  # of Table 7, "07+12"


def read_devkit(place: Place, dataset: Dataset) -> Files:
    """Training images of VOC 2007 and 2012 (trainval), test images of VOC 2007; objects keep their flag "difficult".

    Raises:
        UserError: a file is missing or bad, or the number of images is not that of the data set; names the file.
    """
    train, test = (_list_images(place.root, parts, dataset) for parts in (TRAIN, TEST))
    _check_counts(train, test, place, dataset)
    return Files(train, test, list(dataset.class_names), "extracted devkit, not verified", [])


def read_2007(place: Place, dataset: Dataset) -> Files:
    """VOC 2007 alone, split anew: what is there of trainval and every other test image are trained on, and the other
    test images are test images. So a copy without most of trainval can be used.

    Raises:
        UserError: a list, an annotation or a test image is missing or bad; names the file.
    """
    root, key = place.root, f"data.{dataset.key}.root"
    folder = root / "VOC2007"
    trainval, tested = (_read_list(folder, part, key) for part in ("trainval", "test"))
    present = [name for name in trainval if (folder / f"JPEGImages/{name}.jpg").exists()]
    print(f"{len(present):,} of {len(trainval):,} images of trainval are there", flush=True)
    splits = [*present, *tested[::2]], tested[1::2]
    train, test = (_describe_images(root, [(folder, name) for name in names], dataset) for names in splits)
    return Files(train, test, list(dataset.class_names), "VOC 2007, another split, not verified", [])


def read_folder(place: Place, dataset: Dataset) -> Files:
    """A data set in the form of the devkit that is one folder, without years: its lists trainval and test.

    Raises:
        UserError: a file is missing or bad, or the number of images is not that of the data set; names the file.
    """
    key = f"data.{dataset.key}.root"
    train, test = (
        _describe_images(place.root, [(place.root, name) for name in _read_list(place.root, part, key)], dataset)
        for part in ("trainval", "test")
    )
    _check_counts(train, test, place, dataset)
    return Files(train, test, list(dataset.class_names), "a copy, not verified", [])


def _check_counts(train: ListedImages, test: ListedImages, place: Place, dataset: Dataset) -> None:
    for images, split, count in ((train, "training", dataset.train_images), (test, "test", dataset.test_images)):
        if len(images) != count:
            raise UserError(
                f"{place.root}: {len(images):,} {split} images, expected {count:,}; extract the archives again.",
                kind="damaged",
                file=place.root,
            )


def _list_images(root: Path, parts: Iterable[tuple[str, str]], dataset: Dataset) -> ListedImages:
    """The images of some years' lists, in their order, and their objects."""
    folders = [(root / f"VOC{year}", part) for year, part in parts]
    key = f"data.{dataset.key}.root"
    return _describe_images(
        root, [(folder, name) for folder, part in folders for name in _read_list(folder, part, key)], dataset
    )


def _read_list(folder: Path, part: str, key: str) -> list[str]:
    """The names of the images of a list, "000005"."""
    nearby = "" if folder.is_dir() else find_nearby(folder.parent, folder.name)
    remedy = f"set {key} to the folder that has {folder.name}{nearby}"
    lines = read_lines(folder / f"ImageSets/Main/{part}.txt", remedy, key)
    return [line.split()[0] for line in lines if line.strip()]


def _describe_images(root: Path, images: Iterable[tuple[Path, str]], dataset: Dataset) -> ListedImages:
    """Images by their year's folder and their name, and their objects."""
    entries: list[Entry] = []
    objects: list[Objects] = []
    for folder, name in images:
        image = folder / f"JPEGImages/{name}.jpg"
        with explain_errors(image, "extract the archive again"):
            size = image.stat().st_size
        entries.append((image.relative_to(root).as_posix(), "", 0, size))
        objects.append(read_objects(folder / f"Annotations/{name}.xml", dataset.class_names, image))
    return ListedImages(make_table(entries), gather(objects))


def read_objects(file: Path, classes: Sequence[str], image: Path | None = None) -> Objects:
    """The objects of an annotation in XML, boxes cut at the edges of the image.

    Args:
        image: its photograph, whose size must be that of the annotation; its header alone is read.

    Raises:
        UserError: the file is missing or no such annotation, a class is unknown, or a box is bad; or the photograph,
            turned as its EXIF orientation says, has another size.
    """
    try:
        tree = ElementTree.parse(require_regular(file))
    except (ElementTree.ParseError, OSError) as error:
        message = f"{file} is not an annotation in XML ({error}); extract the archive again."
        raise UserError(message, kind=classify_error(error), file=file) from error
    size = tuple(_read_number(tree.findtext(f"size/{side}"), file) for side in ("width", "height"))
    if image and (actual := read_size(image)) != size:
        message = (
            f"{image} has {actual[0]}x{actual[1]} pixels, turned upright, but its boxes are of {size[0]}x{size[1]}; "
            "save it upright, without an EXIF orientation, or annotate it anew."
        )
        raise UserError(message, kind="damaged", file=image)
    labels, boxes, flags = [], [], []
    for item in tree.iter("object"):
        name = item.findtext("name") or ""
        if name not in classes:
            message = f"{file} has an object of the class {name!r}, which is none of the data set; is this another one?"
            raise UserError(message, kind="damaged", file=file)
        corners = [_read_number(item.findtext(f"bndbox/{key}"), file) - 1 for key in ("xmin", "ymin", "xmax", "ymax")]
        labels.append(classes.index(name))
        boxes.append(check_box(corners, size, str(file), file))
        flags.append(DIFFICULT if item.findtext("difficult") == "1" else 0)
    return Objects(
        torch.tensor(labels, dtype=torch.int64),
        torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        torch.tensor(flags, dtype=torch.uint8),
    )


def _read_number(text: str | None, file: Path) -> int:
    """A number of pixels; some annotations of 2012 have fractions."""
    try:
        return round(float(text or ""))
    except (ValueError, OverflowError) as error:
        message = f"{file} has {text!r} for a number of pixels; extract the archive again."
        raise UserError(message, kind="damaged", file=file) from error
