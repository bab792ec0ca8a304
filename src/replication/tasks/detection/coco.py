"""Average precision by the rules of MS COCO, in plain numpy.

A detection takes the object of its class that it overlaps the most among those that no better detection took, whatever
else it overlaps. Objects marked as crowds or difficult are as COCO's crowds: detections that lie in one are ignored.
"""

from collections.abc import Sequence

import numpy as np

from replication.tasks.detection import OVERLAPS
from replication.tasks.detection.average_precision import (
    CORRECT,
    IGNORED,
    WRONG,
    Detected,
    Floats,
    Ints,
    Matched,
    Objects,
    measure_overlaps,
)

MAX_DETECTIONS = 100  # detections of a class in an image


def match_coco(
    detected: Detected, objects: Objects, images: int, overlaps: Sequence[float] = OVERLAPS
) -> list[Matched]:
    """Decide of each detection of a class whether it is correct, from each of some overlaps on.

    Args:
        images: how many there are.
    """
    order = np.argsort(-detected.scores, kind="stable")
    of_image, boxes = detected.images[order], detected.boxes[order]
    kinds = np.full((len(overlaps), len(order)), WRONG)
    left_out = np.zeros(len(order), bool)
    for image in np.unique(of_image):
        here, there = np.flatnonzero(of_image == image), np.flatnonzero(objects.images == image)
        left_out[here[MAX_DETECTIONS:]] = True
        here = here[:MAX_DETECTIONS]
        if len(there):
            table = measure_overlaps(boxes[here], objects.boxes[there], objects.ignored[there])
            for row, least in zip(kinds, overlaps, strict=True):
                row[here] = _match_image(table, objects.ignored[there], least)
    counts = np.bincount(objects.images[~objects.ignored], minlength=images)
    return [Matched(of_image[~left_out], row[~left_out], counts) for row in kinds]


def _match_image(table: Floats, ignored: np.ndarray, least: float) -> Ints:
    """The kind of each detection of an image, the best first, from its overlaps [m, n] with the objects."""
    kinds, free = np.full(len(table), WRONG), ~ignored
    for number, row in enumerate(table):
        usable = free & (row >= least)
        if usable.any():
            nearest = np.flatnonzero(usable & (row == row[usable].max()))[-1]  # of equals the last, as pycocotools
            kinds[number], free[nearest] = CORRECT, False
        elif (ignored & (row >= least)).any():
            kinds[number] = IGNORED
    return kinds
