"""MS COCO of 2014: annotations/instances_<split>.json, and a folder of photographs a split, train2014 and val2014.

A box is left, top, width and height, in fractions of pixels. So its far sides are exclusive as they stand. Photographs
are indexed, not copied.
"""

import json
import math
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch

from replication.data.annotations import CROWD, Objects, gather
from replication.data.decoding import read_size
from replication.data.index import Entry, Files, ListedImages, make_table
from replication.data.sources import Dataset, Place
from replication.data.sources.reading import explain_errors, find_nearby, read_bytes
from replication.errors import UserError

TRAIN, TEST = "train2014", "val2014"


class Described(NamedTuple):
    """A photograph as the annotations describe it."""

    name: str  # of its file
    size: tuple[int, int]  # width and height, pixels
    objects: Objects
    dropped: int  # boxes without width or height


def read_folder(place: Place, dataset: Dataset) -> Files:
    """Training images of train2014, test images of val2014. Crowds keep their flag.

    Boxes without width or height are dropped. Training images that have no objects, or only crowds, are left out.

    Raises:
        UserError: a file is missing or bad, or a list has another number of images than the data set; names the file.
    """
    train = _read_split(place.root, TRAIN, dataset, dataset.train_images)
    test = _read_split(place.root, TEST, dataset, dataset.test_images)
    return Files(train, test, list(dataset.class_names), "extracted archives, not verified", [])


def _read_split(root: Path, split: str, dataset: Dataset, count: int) -> ListedImages:
    """The images of a split in the order of their ids, and their objects."""
    key, file = f"data.{dataset.key}.root", root / f"annotations/instances_{split}.json"
    listed = _read_list(file, dataset, count, key)
    kept = [image for image in listed if split == TEST or _can_train(image.objects)]
    entries: list[Entry] = []
    for image in kept:
        photograph = root / split / image.name
        with explain_errors(photograph, f"extract {split}.zip into {key}", key):
            length = photograph.stat().st_size
        if (size := read_size(photograph)) != image.size:
            message = (
                f"{photograph} has {size[0]}x{size[1]} pixels, turned upright, but its boxes are of "
                f"{image.size[0]}x{image.size[1]}; extract {split}.zip again into {key}."
            )
            raise UserError(message, kind="damaged", key=key, file=photograph)
        entries.append((f"{split}/{image.name}", "", 0, length))
    dropped, empty = sum(image.dropped for image in listed), count - len(kept)
    print(
        f"{split}: {len(kept):,} images are listed, {empty:,} without objects are left out, {dropped:,} boxes without "
        "width or height are dropped",
        flush=True,
    )
    return ListedImages(make_table(entries), gather([image.objects for image in kept]))


def _can_train(objects: Objects) -> bool:
    """Whether an object is there that is no crowd."""
    return bool(((objects.flags & CROWD) == 0).any())


def _read_list(file: Path, dataset: Dataset, count: int, key: str) -> list[Described]:
    """All images of an annotation file."""
    nearby = "" if file.is_file() else find_nearby(file.parents[1], f"annotations/{file.name}")
    text = read_bytes(file, f"set {key} to the folder that has annotations/{file.name}{nearby}", key)
    try:
        images = list(_describe_images(json.loads(text, object_hook=_drop_outline), dataset))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        problem = " ".join(f"{type(error).__name__}: {error}".split())
        message = f"{file} has no annotations as of {dataset.name} ({problem}); extract it again into {key}."
        raise UserError(message, kind="damaged", key=key, file=file) from error
    if len(images) != count:
        message = (
            f"{file} lists {len(images):,} images, expected {count:,}; set {key} to a whole copy of {dataset.name}."
        )
        raise UserError(message, kind="damaged", key=key, file=file)
    return images


def _drop_outline(item: dict[str, Any]) -> dict[str, Any]:
    """An object of JSON without the outline of a thing, which takes most of the memory."""
    item.pop("segmentation", None)
    return item


def _describe_images(content: dict[str, Any], dataset: Dataset) -> Iterator[Described]:
    """The images of an annotation file in the order of their ids, and their objects.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: the content is not that of COCO.
    """
    categories = sorted(content["categories"], key=lambda category: category["id"])  # with gaps: 1 to 90
    names = tuple(category["name"] for category in categories)
    if names != dataset.class_names:
        raise ValueError(f"its {len(names)} classes are others")
    labels = {category["id"]: label for label, category in enumerate(categories)}
    images = {image["id"]: image for image in content["images"]}
    of_image = defaultdict(list)
    for item in content["annotations"]:
        if item["image_id"] not in images:
            raise ValueError(f"annotation {item['id']} is of image {item['image_id']}, which is not listed")
        of_image[item["image_id"]].append(item)
    for number, image in sorted(images.items()):
        size = (int(image["width"]), int(image["height"]))
        rows = [(labels[item["category_id"]], _read_box(item, size), item["iscrowd"]) for item in of_image[number]]
        rows = [(label, box, crowd) for label, box, crowd in rows if box[2] > box[0] and box[3] > box[1]]
        objects = Objects(
            torch.tensor([label for label, _, _ in rows], dtype=torch.int64),
            torch.tensor([box for _, box, _ in rows], dtype=torch.float32).reshape(-1, 4),
            torch.tensor([CROWD if crowd else 0 for _, _, crowd in rows], dtype=torch.uint8),
        )
        yield Described(Path(image["file_name"]).name, size, objects, len(of_image[number]) - len(rows))


def _read_box(item: dict[str, Any], size: tuple[int, int]) -> list[float]:
    """The corners of an object, cut at the edges of its image.

    Raises:
        ValueError, TypeError: they are no four numbers, or a side is negative.
    """
    left, top, width, height = (float(number) for number in item["bbox"])
    if not math.isfinite(left + top + width + height) or width < 0 or height < 0:
        raise ValueError(f"annotation {item['id']} has the box {item['bbox']}")
    right, bottom = min(left + width, size[0]), min(top + height, size[1])
    return [max(left, 0.0), max(top, 0.0), right, bottom]
