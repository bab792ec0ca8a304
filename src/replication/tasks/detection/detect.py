"""Detections of an image: its proposals are judged and moved, and the best of each class are kept."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.ops import batched_nms

from replication.nets.boxes import RIGHT, overlap
from replication.tasks.detection import BASELINE, MULTI_SCALE, REFINED, VOTED
from replication.tasks.detection.feed import Target
from replication.tasks.detection.judge import Judge, Judged, Level, join, judge_again, judge_together
from replication.tasks.detection.net import Maps
from replication.tasks.detection.proposals import Size
from replication.tasks.detection.recipe import DetectionRecipe

SURE = 0.5  # least score of a detection that finds an object, for the curve


class Detections(NamedTuple):
    """The detections of an image, the best first."""

    boxes: Tensor  # [n, 4], pixels of the view
    scores: Tensor  # [n]
    classes: Tensor  # [n], from 0 on

    def to_cpu(self) -> "Detections":
        return Detections(*(field.cpu() for field in self))


def detect(output: Maps, index: int, size: Size, recipe: DetectionRecipe) -> Detections:
    """The detections of an image of a batch, by the rules of a test, without the improvements of appendix B.

    Args:
        size: width and height of the image, without padding.
    """
    judge = Judge(Level(output.of_one(index), size), recipe)
    return choose(judge.judge(judge.propose()), recipe)


def choose(judged: Judged, recipe: DetectionRecipe, votes: bool = False) -> Detections:
    """Choose among judged boxes, class by class: those that are probable enough and overlap no better one much; of
    these the best of the image.

    Args:
        votes: all probable boxes of its class that overlap a detection by `improvements.vote_from` vote for its place:
            it is their mean, weighted by their scores (box voting, appendix B).
    """
    options = recipe.test
    probable, classes = (judged.scores > options.score_from).nonzero(as_tuple=True)
    scores, boxes = judged.scores[probable, classes], judged.boxes[probable, classes]
    has_area = (boxes[:, 2:] > boxes[:, :2]).all(1)
    scores, boxes, classes = scores[has_area], boxes[has_area], classes[has_area]
    kept = batched_nms(boxes, scores, classes, options.overlap)[: options.most]
    places = boxes[kept]
    if votes:
        is_voter = overlap(places, boxes) >= recipe.improvements.vote_from
        is_voter &= classes[kept][:, None] == classes
        weights = is_voter * scores
        places = weights @ boxes / weights.sum(1, keepdim=True)
    return Detections(places, scores[kept], classes[kept])


def detect_improved(single: Sequence[Judge], scaled: Sequence[Judge], recipe: DetectionRecipe) -> dict[str, Detections]:
    """The detections of an image by the steps of Table 9, each on top of the one before it, and by box voting alone.

    Args:
        single: the image as each net of an ensemble, or one net, sees it at its own scale.
        scaled: the same at several scales.
    """
    regions = torch.cat([judge.propose() for judge in single])
    first = judge_together(single, regions)
    both, both_scaled = (
        join(judged, judge_again(judges, judged, recipe))
        for judges, judged in ((single, first), (scaled, judge_together(scaled, regions)))
    )
    return {
        BASELINE: choose(first, recipe),
        VOTED: choose(first, recipe, votes=True),
        REFINED: choose(both, recipe, votes=True),
        MULTI_SCALE: choose(both_scaled, recipe, votes=True),
    }


def find_missed(detections: Detections, target: Target) -> Tensor:
    """Whether each object that counts, [K], is missed: no sure detection of its class overlaps it by half."""
    sure = detections.scores >= SURE
    boxes, classes = detections.boxes[sure], detections.classes[sure]
    counts = ~target.ignored
    hits = overlap(target.boxes[counts], boxes) >= RIGHT
    hits &= target.classes[counts][:, None] == classes
    return ~hits.any(1)
