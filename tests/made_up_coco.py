"""A small MS COCO: photographs and annotations in its form, with gaps between the ids of its classes."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image, ImageDraw

from replication.data.sources import COCO, Dataset

Thing = tuple[str, list[float], int]  # class, left/top/width/height, iscrowd


def small_coco(train: int, test: int) -> Dataset:
    """COCO, but with other numbers of images."""
    return replace(COCO, train_images=train, test_images=test)


def number_classes() -> dict[str, int]:
    """An id for each class: 1, 2, 3, 5, 6, 7, 9, … one in four is not used."""
    return {name: 1 + number + number // 3 for number, name in enumerate(COCO.class_names)}


def write_split(
    root: Path, split: str, images: dict[str, list[Thing]], size: tuple[int, int] = (60, 40), mode: str = "RGB"
) -> Path:
    """Write photographs with a bright box an object, and their annotations; returns the file of these."""
    ids, annotations, listed = number_classes(), [], []
    (root / split).mkdir(parents=True, exist_ok=True)
    (root / "annotations").mkdir(exist_ok=True)
    for number, (name, things) in enumerate(images.items(), start=7):
        listed.append({"id": number, "file_name": f"{name}.jpg", "width": size[0], "height": size[1], "license": 1})
        image = Image.new("RGB", size, "#203040")
        for kind, (left, top, width, height), crowd in things:
            box = [left, top, left + max(width - 1, 0), top + max(height - 1, 0)]
            ImageDraw.Draw(image).rectangle(box, fill=("#e04040", "#40e040", "#4040e0")[ids[kind] % 3])
            annotations.append({
                "id": len(annotations) + 1, "image_id": number, "category_id": ids[kind], "iscrowd": crowd,
                "bbox": [left, top, width, height], "area": width * height * 0.7, "segmentation": [[1.0, 2.0, 3.0]],
            })  # fmt: skip
        image.convert(mode).save(root / split / f"{name}.jpg", quality=95)
    categories = [{"id": number, "name": kind, "supercategory": "all"} for kind, number in reversed(ids.items())]
    content = {"info": {}, "licenses": [], "images": listed[::-1], "annotations": annotations, "categories": categories}
    return write_json(root / f"annotations/instances_{split}.json", content)


def write_json(file: Path, content: Any) -> Path:
    file.write_text(json.dumps(content), encoding="utf-8")
    return file


def turn(file: Path, size: tuple[int, int]) -> None:
    """Replace a photograph by one of this size that its EXIF orientation turns by a quarter."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.new("RGB", size, "#406080").save(file, exif=exif)
