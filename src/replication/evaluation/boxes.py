"""The boxes that a net of appendix C answers with, and whether they are right. Training needs this alone.

A box is right if it overlaps a true box of the class by half or more (intersection over union).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from replication.arms.localization import LocalizationRecipe
from replication.data.boxes import padded
from replication.data.store import Images
from replication.evaluation.error import autocast, folded, wrong_answers
from replication.evaluation.trained import trained_net
from replication.feed.batches import Split
from replication.feed.localization import BoxBatches, Seen, Truth, anchors_of
from replication.nets.anchors import RIGHT, decoded, nearest, overlap
from replication.nets.localization import Maps
from replication.nets.regions import Features
from replication.runs.folder import read_run

if TYPE_CHECKING:
    from replication.feed.regions import Proposed, RegionBatches


def candidates(
    answers: Maps, way: str, classes: Tensor, recipe: LocalizationRecipe, count: int
) -> tuple[Tensor, Tensor]:
    """The `count` most probable boxes by one of the ways, for the classes [B, n].

    Returns:
        Probabilities [B, n, count] and boxes [B, n, count, 4] in pixels of the view. A regression has one box, whose
        probability is half.
    """
    logits, offsets = answers.answers(way, classes)
    if "rpn" in way:
        anchors = anchors_of(recipe, answers.maps.shape[2:], answers.net.stride).to(logits.device)
    else:
        anchors = torch.tensor([[0.0, 0.0, recipe.input_size, recipe.input_size]], device=logits.device)
        logits = torch.zeros_like(logits)
    best, which = logits.topk(min(count, logits.shape[2]))
    offsets = offsets.gather(2, which[..., None].expand(-1, -1, -1, 4))
    return best.sigmoid(), decoded(offsets, anchors[which])


def best_boxes(answers: Maps, way: str, classes: Tensor, recipe: LocalizationRecipe) -> Tensor:
    """The most probable box of each of the classes [B, n], [B, n, 4] in pixels of the view."""
    return candidates(answers, way, classes, recipe, 1)[1][:, :, 0]


def misses(boxes: Tensor, true: Tensor) -> Tensor:
    """Whether each of the boxes [B, 4] overlaps none of its image's true ones [B, K, 4] by half, [B]."""
    return nearest(boxes, true) < RIGHT


def merged(scores: Tensor, boxes: Tensor, overlapping: float) -> Tensor:
    """One box of several [..., M, 4]: the mean, weighted by their scores [..., M], of those that overlap the best one.

    Args:
        overlapping: from this overlap on.
    """
    best = scores.argmax(-1)[..., None, None].expand(*boxes.shape[:-2], 1, 4)
    near = overlap(boxes.gather(-2, best), boxes)[..., 0, :] >= overlapping
    weights = torch.where(near, scores, 0)[..., None]
    return (weights * boxes).sum(-2) / weights.sum(-2)


def wrong_boxes(net: nn.Module, batches: BoxBatches, split: Split) -> Tensor:
    """How many images of this process's part of a split the per-class RPN gives a wrong box; a scalar."""

    def wrong(answers: Maps, truth: Truth) -> Tensor:
        boxes = best_boxes(answers, "per_class_rpn", truth.classes[:, None], batches.recipe)[:, 0]
        return misses(boxes, truth.boxes)

    return wrong_answers(net, batches, split, wrong)


@dataclass(frozen=True)
class Proposer:
    """A trained net of the first step proposes boxes for the second; see `feed.regions.Proposes`."""

    net: nn.Module  # folded
    batches: BoxBatches  # as it sees images

    @property
    def recipe(self) -> LocalizationRecipe:
        return self.batches.recipe

    @torch.no_grad()
    def __call__(self, seen: Sequence[Seen], classes: Tensor, count: int) -> tuple[Tensor, Tensor]:
        images = torch.stack([of.pixels for of in seen]).permute(0, 3, 1, 2).to(self.batches.device)
        with autocast(self.batches):
            answers = self.net(self.batches.plain(images))
            asked = classes.to(self.batches.device)
            scores, boxes = candidates(answers, "per_class_rpn", asked, self.recipe, count)
        return scores.float().cpu(), boxes.float().cpu()


def proposer_of(folder: Path, images: Images, device: torch.device) -> Proposer:
    """The net of a run folder of appendix C's first step, as it proposes boxes of these images."""
    recipe = read_run(folder).recipe
    net = trained_net(folder, recipe, len(images.meta.classes)).to(device, memory_format=torch.channels_last)
    return Proposer(folded(net), BoxBatches(images, recipe, device))


def wrong_regions(net: nn.Module, batches: "RegionBatches", split: Split) -> Tensor:
    """How many images of this process's part of a split R-CNN gives a wrong box, its best proposal moved; a scalar."""

    def wrong(answers: Features, proposed: "Proposed") -> Tensor:
        boxes = best_of(*moved(answers, proposed))[:, 0]
        return misses(boxes, padded(proposed.true))

    return wrong_answers(net, batches, split, wrong)


def moved(answers: Features, proposed: "Proposed") -> tuple[Tensor, Tensor]:
    """What R-CNN makes of the boxes that are proposed: probabilities [B, n, P] and boxes [B, n, P, 4]."""
    shape = proposed.scores.shape
    classes = proposed.classes[..., None].expand(shape).reshape(-1, 1)
    logits, offsets = answers.answers("rcnn", classes.to(answers.features.device))
    scores, offsets = logits.sigmoid().reshape(shape).cpu(), offsets.reshape(*shape, 4).cpu()
    return scores, decoded(offsets, proposed.boxes)


def best_of(scores: Tensor, boxes: Tensor) -> Tensor:
    """Of boxes [B, n, P, 4] those of the largest scores [B, n, P], [B, n, 4]."""
    return boxes.gather(2, scores.argmax(2)[..., None, None].expand(-1, -1, 1, 4))[:, :, 0]
