"""Outcomes of section 4.3: the detections of all test images, the objects missed, and mean average precision."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from replication.data.annotations import CROWD, DIFFICULT, Annotations
from replication.tasks.detection import MISSED, OVERLAPS, STEP_MAP
from replication.tasks.detection.average_precision import (
    Detected,
    Matched,
    Objects,
    Paired,
    average_means,
    bootstrap_error,
    match,
    mean_average_precision,
    pair_up,
)
from replication.tasks.detection.coco import match_coco

ROUNDS = 200  # of the bootstrap: its own error is then a twentieth of what it measures


@dataclass(frozen=True)
class DetectionOutcome:
    """The detections of all test images, in pixels of the images, and the share of objects that they miss.

    `ends` [N] as of `Annotations`: the detections of image i are the rows from ends[i - 1] to ends[i].
    """

    boxes: Tensor  # [M, 4]
    scores: Tensor  # [M]
    classes: Tensor  # [M]
    ends: Tensor  # [N]
    missed: Tensor  # [G] bool, of all objects that count
    true: Annotations
    class_count: int
    # Those of the same images by other steps of Table 9, in the same pass.
    steps: Mapping[str, "DetectionOutcome"] = field(default_factory=dict)

    @property
    def images(self) -> int:
        return len(self.ends)

    def metrics(self) -> dict[str, float]:
        return {MISSED: 100 * self.missed.double().mean().item()}

    def tensors(self) -> dict[str, Tensor]:
        """The detections: what nets can be compared by, image by image, later on."""
        return {"boxes": self.boxes, "scores": self.scores, "classes": self.classes, "ends": self.ends}

    def of_image(self, index: int) -> tuple[Tensor, Tensor, Tensor]:
        """Boxes [n, 4], scores [n] and classes [n] of an image's detections."""
        rows = slice(int(self.ends[index - 1]) if index else 0, int(self.ends[index]))
        return self.boxes[rows], self.scores[rows], self.classes[rows]

    @classmethod
    def from_tensors(cls, _: dict[str, Tensor]) -> None:
        """None: detections of several nets are not averaged."""

    @classmethod
    def average(cls, _: Sequence["DetectionOutcome"]) -> "DetectionOutcome":
        raise ValueError("detections of several nets are not averaged")

    @cached_property
    def by_class(self) -> dict[int, tuple[Detected, Objects]]:
        """By class, its detections and its objects."""
        of_detection, of_object = _list_images(self.ends), _list_images(self.true.ends)
        ignored = (self.true.flags & (DIFFICULT | CROWD)) > 0
        by_class = {}
        for number in range(self.class_count):
            found, there = self.classes == number, self.true.classes == number
            detected = Detected(of_detection[found].numpy(), *_to_floats(self.scores[found], self.boxes[found]))
            objects = Objects(of_object[there].numpy(), *_to_floats(self.true.boxes[there]), ignored[there].numpy())
            by_class[number] = detected, objects
        return by_class

    @cached_property
    def pairs(self) -> dict[int, tuple[Paired, Objects]]:
        """By class, its detections, each with the object that it overlaps the most, and its objects."""
        return {number: (pair_up(*both), both[1]) for number, both in self.by_class.items()}

    @cached_property
    def coco(self) -> list[dict[int, Matched]]:
        """By overlap and class, which detections are correct by COCO's rules."""
        by_class = {number: match_coco(*both, self.images) for number, both in self.by_class.items()}
        return [{number: matched[at] for number, matched in by_class.items()} for at in range(len(OVERLAPS))]

    def match(self, overlap: float) -> dict[int, Matched]:
        """By class, which detections are correct from an overlap on."""
        return {number: match(*pair, self.images, overlap) for number, pair in self.pairs.items()}


@dataclass(frozen=True)
class MeanOutcome:
    """Mean average precision in percent, the mean over some overlaps, and its standard error over images."""

    images: int
    mean: float
    error: float

    def metrics(self) -> dict[str, float]:
        """`map_error` is what is missing to 100 %, so that a worse net has more."""
        return {"map_error": 100 - self.mean, "map_error_se": self.error}

    def tensors(self) -> dict[str, Tensor]:
        return {}


def measure_mean(outcome: DetectionOutcome, rule: str, overlaps: Sequence[float]) -> MeanOutcome:
    """Mean average precision of detections by a rule, "eleven_points" or "area"."""
    matched = [outcome.match(overlap) for overlap in overlaps]
    mean = float(np.mean([mean_average_precision(by_class, rule) for by_class in matched]))
    return MeanOutcome(outcome.images, mean, bootstrap_error(matched, rule, ROUNDS))


@dataclass(frozen=True)
class StepOutcome:
    """Mean average precision by COCO's rules, at an overlap of 0.5 and the mean from 0.5 to 0.95, in percent; and the
    standard error over images of what was gained from the step before.
    """

    images: int
    means: tuple[float, float]
    errors: tuple[float, ...]  # none of the first step

    def metrics(self) -> dict[str, float]:
        names = [metric.name for metric in STEP_MAP]
        return dict(zip(names, [*(100 - mean for mean in self.means), *self.errors], strict=False))

    def tensors(self) -> dict[str, Tensor]:
        return {}


def measure_step(outcome: DetectionOutcome, before: DetectionOutcome | None) -> StepOutcome:
    """Measure a step of Table 9, and how far images vary in what it gains."""
    ranges = slice(0, 1), slice(None)  # of the overlaps
    means, errors = [], []
    for some in ranges:
        means.append(average_means(outcome.coco[some], "points_101"))
        if before:
            errors.append(bootstrap_error(outcome.coco[some], "points_101", ROUNDS, less=before.coco[some]))
    return StepOutcome(outcome.images, (means[0], means[1]), tuple(errors))


def _list_images(ends: Tensor) -> Tensor:
    """The number of the image of each row, from where the rows of each image end."""
    counts = ends.diff(prepend=ends.new_zeros(1))
    return torch.arange(len(ends)).repeat_interleave(counts)


def _to_floats(*tensors: Tensor) -> list[np.ndarray]:
    return [tensor.double().numpy() for tensor in tensors]
