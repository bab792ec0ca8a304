"""Detections of an image: its proposals are judged and moved, and the best of each class are kept."""

from typing import NamedTuple

from torch import Tensor
from torchvision.ops import batched_nms

from replication.nets.boxes import RIGHT, overlap
from replication.tasks.detection.feed import Target
from replication.tasks.detection.net import Maps
from replication.tasks.detection.proposals import Size, move_regions, propose
from replication.tasks.detection.recipe import DetectionRecipe

SURE = 0.5  # least score of a detection that finds an object, for the curve


class Detections(NamedTuple):
    """The detections of an image, the best first."""

    boxes: Tensor  # [n, 4], pixels of the view
    scores: Tensor  # [n]
    classes: Tensor  # [n], from 0 on

    def to_cpu(self) -> "Detections":
        return Detections(*(field.cpu() for field in self))


def detect(answers: Maps, index: int, size: Size, recipe: DetectionRecipe) -> Detections:
    """The detections of an image of a batch, by the rules of a test.

    Args:
        size: width and height of the image, without padding.
    """
    options = recipe.proposals
    regions, _ = propose(*answers.of_image(index, size), size, options, options.test)
    per_image = [regions[:0]] * len(answers.maps)
    per_image[index] = regions
    scores, offsets = answers.judge(per_image)
    return choose(scores.softmax(1)[:, 1:], move_regions(offsets, regions, size), recipe)


def choose(scores: Tensor, boxes: Tensor, recipe: DetectionRecipe) -> Detections:
    """Choose among scores [n, classes] and boxes [n, classes, 4], class by class: those that are probable enough and
    overlap no better one much; of these the best of the image.
    """
    options = recipe.test
    probable, classes = (scores > options.score_from).nonzero(as_tuple=True)
    scores, boxes = scores[probable, classes], boxes[probable, classes]
    has_area = (boxes[:, 2:] > boxes[:, :2]).all(1)
    scores, boxes, classes = scores[has_area], boxes[has_area], classes[has_area]
    kept = batched_nms(boxes, scores, classes, options.overlap)[: options.most]
    return Detections(boxes[kept], scores[kept], classes[kept])


def find_missed(detections: Detections, target: Target) -> Tensor:
    """Whether each object that counts, [K], is missed: no sure detection of its class overlaps it by half."""
    sure = detections.scores >= SURE
    boxes, classes = detections.boxes[sure], detections.classes[sure]
    counts = ~target.ignored
    hits = overlap(target.boxes[counts], boxes) >= RIGHT
    hits &= target.classes[counts][:, None] == classes
    return ~hits.any(1)
