"""Average precision by the rules of PASCAL VOC's devkit, in plain numpy.

A detection is compared with the object of its class in its image that it overlaps the most. It is correct if they
overlap enough and no better detection took that object; it is ignored if the object is difficult. Else it is wrong.
The devkit counts pixels from first to last; our far sides are exclusive, so that plain overlap is the same number.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats, Ints, Flags = NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]
WRONG, CORRECT, IGNORED = 0, 1, -1


class Detected(NamedTuple):
    """All detections of a class."""

    images: Ints  # [M], the number of the image of each
    scores: Floats  # [M]
    boxes: Floats  # [M, 4], the far sides exclusive


class Objects(NamedTuple):
    """All objects of a class."""

    images: Ints  # [G]
    boxes: Floats  # [G, 4]
    ignored: Flags  # [G]: difficult


class Paired(NamedTuple):
    """The detections of a class, the best first, each with the object of its image that it overlaps the most."""

    images: Ints  # [M]
    objects: Ints  # [M]; -1 where the image has no object of the class
    overlaps: Floats  # [M]


class Matched(NamedTuple):
    """The detections of a class, the best first."""

    images: Ints  # [M]
    kinds: Ints  # [M]: WRONG, CORRECT or IGNORED
    objects: Ints  # [N]: how many objects of the class that count each image has


def pair_up(detected: Detected, objects: Objects) -> Paired:
    """Pair each detection of a class with the object that it overlaps the most."""
    order = np.argsort(-detected.scores, kind="stable")
    images, boxes = detected.images[order], detected.boxes[order]
    nearest, overlaps = np.full(len(order), -1), np.zeros(len(order))
    for image in np.unique(objects.images):
        here, there = np.flatnonzero(images == image), np.flatnonzero(objects.images == image)
        if len(here):
            table = measure_overlaps(boxes[here], objects.boxes[there])
            nearest[here], overlaps[here] = there[table.argmax(1)], table.max(1)
    return Paired(images, nearest, overlaps)


def match(paired: Paired, objects: Objects, images: int, overlap: float) -> Matched:
    """Decide of each detection of a class whether it is correct.

    Args:
        images: how many there are.
        overlap: intersection over union from which a detection is correct, the bound included.
    """
    kinds = np.full(len(paired.images), WRONG)
    hits = np.flatnonzero((paired.objects >= 0) & (paired.overlaps >= overlap))
    is_ignored = objects.ignored[paired.objects[hits]]
    kinds[hits[is_ignored]] = IGNORED
    counted = hits[~is_ignored]
    _, first = np.unique(paired.objects[counted], return_index=True)  # the best detection of each object
    kinds[counted[first]] = CORRECT
    counts = np.bincount(objects.images[~objects.ignored], minlength=images)
    return Matched(paired.images, kinds, counts)


def measure_overlaps(boxes: Floats, others: Floats, ignored: Flags | None = None) -> Floats:
    """Intersection over union of boxes [m, 4] with others [n, 4], [m, n].

    Args:
        ignored: which of the others are crowds, [n]: with these it is the share of a box that lies in them.
    """
    sides = np.minimum(boxes[:, None, 2:], others[:, 2:]) - np.maximum(boxes[:, None, :2], others[:, :2])
    shared = np.where((sides > 0).all(-1), sides.prod(-1), 0.0)
    own = (boxes[:, 2:] - boxes[:, :2]).prod(-1)[:, None]
    whole = own + (others[:, 2:] - others[:, :2]).prod(-1) - shared
    return shared / (whole if ignored is None else np.where(ignored, own, whole))


def eleven_points(recall: Floats, precision: Floats) -> float:
    """VOC 2007: the mean over recalls 0, 0.1, …, 1 of the best precision at that recall or more."""
    best = [precision[recall >= point].max(initial=0.0) for point in np.arange(11) / 10]
    return float(np.mean(best))


def points_101(recall: Floats, precision: Floats) -> float:
    """COCO: the mean over recalls 0, 0.01, …, 1 of the best precision at that recall or more."""
    return float(interpolate(recall, precision, np.linspace(0, 1, 101)).mean())


def interpolate(recall: Floats, precision: Floats, points: Floats) -> Floats:
    """The best precision at each of some recalls, or at more recall; 0 at more than is reached."""
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return np.append(best, 0.0)[np.searchsorted(recall, points)]


def area(recall: Floats, precision: Floats) -> float:
    """VOC 2010: the area under the precision, made to fall with recall."""
    recall, precision = np.r_[0.0, recall, 1.0], np.r_[0.0, precision, 0.0]
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall) * precision[1:]))


RULES: Mapping[str, Callable[[Floats, Floats], float]] = {
    "eleven_points": eleven_points,
    "area": area,
    "points_101": points_101,
}


def average_precision(matched: Matched, rule: str, weights: Floats | None = None) -> float | None:
    """The average precision of a class, 0 to 1; None if it has no object that counts.

    Args:
        weights: how often each image counts, [N]; None: once.
    """
    curve = trace_curve(matched, weights)
    return None if curve is None else RULES[rule](*curve)


def trace_curve(matched: Matched, weights: Floats | None = None) -> tuple[Floats, Floats] | None:
    """Recall and precision of a class after each detection that counts; None if it has no object that counts."""
    weights = np.ones(len(matched.objects)) if weights is None else weights
    positives = float(weights @ matched.objects)
    if not positives:
        return None
    counted = matched.kinds != IGNORED
    of_detection = weights[matched.images[counted]]
    correct = np.cumsum(of_detection * (matched.kinds[counted] == CORRECT))
    all_so_far = np.cumsum(of_detection)
    seen = all_so_far > 0
    return correct[seen] / positives, correct[seen] / all_so_far[seen]


def mean_average_precision(by_class: Mapping[int, Matched], rule: str, weights: Floats | None = None) -> float:
    """The mean over the classes that have objects, in percent; 0 if none has."""
    values = [average_precision(matched, rule, weights) for matched in by_class.values()]
    known = [value for value in values if value is not None]
    return 100 * float(np.mean(known)) if known else 0.0


Means = list[dict[int, Matched]]  # by class, for each of the overlaps over which a mean is taken


def bootstrap_error(matched: Means, rule: str, rounds: int, seed: int = 0, less: Means | None = None) -> float:
    """The standard error of mean average precision over images, in points: images are drawn anew, with replacement.

    Args:
        less: other detections on the same images; the error is then that of the difference from theirs.
    """
    images = len(next(iter(matched[0].values())).objects)
    random = np.random.default_rng(seed)
    values = []
    for _ in range(rounds):
        weights = np.bincount(random.integers(0, images, images), minlength=images).astype(float)
        values.append(average_means(matched, rule, weights) - (average_means(less, rule, weights) if less else 0.0))
    return float(np.std(values, ddof=1))


def average_means(matched: Means, rule: str, weights: Floats | None = None) -> float:
    """The mean over overlaps of mean average precision, in percent."""
    return float(np.mean([mean_average_precision(by_class, rule, weights) for by_class in matched]))
