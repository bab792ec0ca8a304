"""What nets say about regions of an image: scores and boxes, at one or several scales, of one or several nets.

The improvements of appendix B are all made of it: refinement judges the moved regions again, a multi-scale test pools a
region at two scales, and an ensemble averages what its nets say.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from replication.tasks.detection.net import Maps, frame_image
from replication.tasks.detection.proposals import Size, move_regions, propose
from replication.tasks.detection.recipe import REFERENCE, DetectionRecipe

LEAST_SIDE = 1.0  # of a region that is judged again, pixels


class Level(NamedTuple):
    """An image at one scale."""

    maps: Maps  # of this image alone
    size: Size  # width and height, without padding


class Judged(NamedTuple):
    """What is said about n regions."""

    scores: Tensor  # [n, classes], probabilities; what is missing to 1 is background
    boxes: Tensor  # [n, classes, 4], where an object of the class would be


class Judge:
    """An image as one net sees it. Regions and boxes are in pixels of its own scale.

    Args:
        own: the image at the scale of the recipe's test.
        scales: the image at several scales, from the smallest on; none: regions are pooled at its own scale.
    """

    def __init__(self, own: Level, recipe: DetectionRecipe, scales: Sequence[Level] = ()):
        self.own, self.recipe, self.scales = own, recipe, scales

    def propose(self) -> Tensor:
        """The proposals, [n, 4]."""
        maps, size = self.own
        options = self.recipe.proposals
        return propose(*maps.of_image(0, size), size, options, options.test)[0]

    def judge(self, regions: Tensor) -> Judged:
        """Judge regions [n, 4]."""
        maps, size = self.own
        logits, offsets = self._judge_at_scales(regions) if self.scales else maps.judge([regions], [size])
        return Judged(logits.softmax(1)[:, 1:], move_regions(offsets, regions, size))

    def _judge_at_scales(self, regions: Tensor) -> tuple[Tensor, Tensor]:
        net = self.own.maps.net
        if not net.head.context:
            return net.classify(self._pool_at_scales(regions))
        whole = frame_image(self.own.size, regions.device)
        features = self._pool_at_scales(torch.cat([regions, whole]))
        return net.classify(torch.cat([features[:-1], features[-1:].expand(len(regions), -1)], 1))

    def _pool_at_scales(self, regions: Tensor) -> Tensor:
        """Features of regions, [n, features]: the larger ones of two adjacent scales, one on either side of the scale
        at which a region has its best size.
        """
        options, width, height = self.recipe.improvements, *self.own.size
        factors = [(level.size[0] / width, level.size[1] / height) for level in self.scales]
        near, other = self._choose_scales(regions, factors)
        merged: Tensor | None = None
        for number, (level, (across, down)) in enumerate(zip(self.scales, factors, strict=True)):
            chosen = ((near == number) | (other == number)).nonzero()[:, 0]
            if not len(chosen):
                continue
            features = level.maps.pool([regions[chosen] * regions.new_tensor([across, down, across, down])])
            if options.maxout == "after":
                features = features.mean(dim=(2, 3))
            if merged is None:
                merged = features.new_full((len(regions), *features.shape[1:]), -torch.inf)
            merged[chosen] = torch.maximum(merged[chosen], features)
        assert merged is not None
        return merged if options.maxout == "after" else merged.mean(dim=(2, 3))

    def _choose_scales(self, regions: Tensor, factors: Sequence[tuple[float, float]]) -> tuple[Tensor, Tensor]:
        """The numbers of two scales for each region: where its area is nearest to that of the best side, and the
        neighbour on the other side of it.
        """
        recipe = self.recipe
        best = (recipe.improvements.best_side * recipe.test.shorter_side / REFERENCE) ** 2
        areas = (regions[:, 2:] - regions[:, :2]).prod(1)
        excess = areas[:, None] * regions.new_tensor([across * down for across, down in factors]) - best
        near = excess.abs().argmin(1)
        step = torch.where(excess.gather(1, near[:, None])[:, 0] > 0, -1, 1)
        last = len(factors) - 1
        is_inside = (near + step >= 0) & (near + step <= last)
        return near, torch.where(is_inside, near + step, near - step).clamp(0, last)


def judge_together(judges: Sequence[Judge], regions: Tensor) -> Judged:
    """What the nets of an ensemble say about regions [n, 4]: their mean."""
    scores, boxes = zip(*(judge.judge(regions) for judge in judges), strict=True)
    return Judged(torch.stack(scores).mean(0), torch.stack(boxes).mean(0))


def judge_again(judges: Sequence[Judge], judged: Judged, recipe: DetectionRecipe) -> Judged:
    """Judge the boxes that regions were moved to (box refinement), those of less than a pixel left out."""
    regions = torch.arange(len(judged.scores), device=judged.scores.device)
    if recipe.improvements.refine == "proposal":
        classes = judged.scores.argmax(1)
    else:
        regions, classes = (judged.scores > recipe.test.score_from).nonzero(as_tuple=True)
    moved = judged.boxes[regions, classes]
    is_large = ((moved[:, 2:] - moved[:, :2]) >= LEAST_SIDE).all(1)
    moved, classes = moved[is_large], classes[is_large]
    if not len(moved):
        return Judged(judged.scores[:0], judged.boxes[:0])
    again = judge_together(judges, moved)
    if recipe.improvements.refine == "class":  # a box is judged again as its class alone
        of_class = torch.nn.functional.one_hot(classes, again.scores.shape[1])
        again = Judged(again.scores * of_class, again.boxes)
    return again


def join(first: Judged, second: Judged) -> Judged:
    """The boxes of both."""
    return Judged(torch.cat([first.scores, second.scores]), torch.cat([first.boxes, second.boxes]))
