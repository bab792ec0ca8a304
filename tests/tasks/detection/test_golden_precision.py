"""Average precision of a public set of detections, against numbers that other programs print for it.

`golden/cartucho.npz` has the numbers of Cartucho/mAP at 3605865 (Apache-2.0): 85 images, 686 objects of 30 classes and
494 detections, boxes as first and last pixels. Its script prints 31.05 %, the area by VOC's rules.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from replication.tasks.detection import OVERLAPS
from replication.tasks.detection.average_precision import (
    Detected,
    Matched,
    Objects,
    average_means,
    match,
    mean_average_precision,
    pair_up,
)
from replication.tasks.detection.coco import match_coco

IMAGES, CLASSES = 85, 30
Arrays = dict[int, tuple[Detected, Objects]]


def read_golden(last_pixels: bool) -> Arrays:
    """By class; with `last_pixels` far sides become exclusive, else the corners are taken as they are."""
    with np.load(Path(__file__).parent / "golden/cartucho.npz") as file:
        objects, detections, scores = (file[key].astype(float) for key in ("objects", "detections", "scores"))
    if last_pixels:
        objects[:, 4:] += 1
        detections[:, 4:] += 1
    by_class = {}
    for number in range(CLASSES):
        found, true = detections[:, 1] == number, objects[:, 1] == number
        by_class[number] = (
            Detected(detections[found, 0].astype(int), scores[found], detections[found, 2:]),
            Objects(objects[true, 0].astype(int), objects[true, 2:], np.zeros(true.sum(), bool)),
        )
    return by_class


@pytest.mark.parametrize(("rule", "expected"), [("area", 31.05), ("eleven_points", 31.70)])
def test_voc_rules_give_the_number_that_the_golden_set_is_published_with(rule: str, expected: float) -> None:
    matched = {number: match(pair_up(*both), both[1], IMAGES, 0.5) for number, both in read_golden(True).items()}
    assert mean_average_precision(matched, rule) == pytest.approx(expected, abs=0.005)


def by_coco(by_class: Arrays, images: int) -> list[dict[int, Matched]]:
    matched = {number: match_coco(*both, images) for number, both in by_class.items()}
    return [{number: of_class[at] for number, of_class in matched.items()} for at in range(len(OVERLAPS))]


def test_coco_rules_give_the_numbers_of_pycocotools_for_the_golden_set() -> None:
    """14.93, 31.20 and 12.22 were printed by pycocotools 2.0.11."""
    matched = by_coco(read_golden(False), IMAGES)
    numbers = [average_means(some, "points_101") for some in (matched, matched[:1], matched[5:6])]
    assert numbers == pytest.approx([14.93, 31.20, 12.22], abs=0.005)


def test_coco_rules_agree_with_pycocotools_on_crowded_random_images() -> None:
    """Many detections, objects and crowds on each other, so that which of them are matched matters."""
    coco = pytest.importorskip("pycocotools.coco", reason="pycocotools is in the extra dev")
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    random, images, classes = np.random.default_rng(3), 12, 3

    def draw(count: int) -> np.ndarray:
        corners = random.integers(0, 40, (count, 2))
        return np.hstack([corners, corners + random.integers(10, 40, (count, 2))]).astype(float)

    def as_coco(box: np.ndarray) -> list[float]:
        return [*box[:2].tolist(), *(box[2:] - box[:2]).tolist()]

    by_class, annotations, results = {}, [], []
    for number in range(classes):
        objects = Objects(random.integers(0, images, 40), draw(40), random.random(40) < 0.2)
        near = random.integers(0, 40, 60)  # one in two detections is near an object
        boxes = np.vstack([objects.boxes[near] + random.integers(-3, 4, (60, 4)), draw(60)])
        detected = Detected(np.r_[objects.images[near], random.integers(0, images, 60)], random.random(120), boxes)
        by_class[number] = detected, objects
        for image, box, crowd in zip(*objects, strict=True):
            about: dict[str, Any] = {"image_id": int(image) + 1, "category_id": number + 1, "bbox": as_coco(box)}
            area = float((box[2:] - box[:2]).prod())
            annotations.append(about | {"id": len(annotations) + 1, "area": area, "iscrowd": int(crowd)})
        for image, score, box in zip(*detected, strict=True):
            about = {"image_id": int(image) + 1, "category_id": number + 1, "bbox": as_coco(box)}
            results.append(about | {"score": float(score)})
    true = coco.COCO()
    true.dataset = {
        "images": [{"id": number + 1} for number in range(images)],
        "categories": [{"id": number + 1} for number in range(classes)],
        "annotations": annotations,
        "info": {},
    }
    true.createIndex()
    evaluation = cocoeval.COCOeval(true, true.loadRes(results), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    matched = by_coco(by_class, images)
    numbers = [average_means(some, "points_101") for some in (matched, matched[:1], matched[5:6])]
    assert numbers == pytest.approx((100 * evaluation.stats[:3]).tolist(), abs=1e-6)
    assert 5 < numbers[1] < 95
