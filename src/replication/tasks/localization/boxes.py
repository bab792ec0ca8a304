"""The boxes that a localization net predicts, and whether they are correct.

A box is correct if its intersection over union with a true box of the class is half or more.
"""

import torch
from torch import Tensor, nn

from replication.nets.boxes import RIGHT, decode_boxes, nearest_overlap, overlap
from replication.tasks.batches import Split
from replication.tasks.inference import count_wrong
from replication.tasks.localization.feed import BoxBatches, Truth, make_recipe_anchors
from replication.tasks.localization.net import Maps
from replication.tasks.localization.recipe import LocalizationRecipe
from replication.tasks.outcome import ErrorCount


def candidates(
    output: Maps, method: str, classes: Tensor, recipe: LocalizationRecipe, count: int
) -> tuple[Tensor, Tensor]:
    """The `count` most probable boxes by one of the methods, for the classes [B, n].

    Returns:
        Probabilities [B, n, count] and boxes [B, n, count, 4] in pixels of the view. A regression has one box, whose
        probability is half.
    """
    logits, offsets = output.predict(method, classes)
    if "rpn" in method:
        anchors = make_recipe_anchors(recipe, output.maps.shape[2:], output.net.stride).to(logits.device)
    else:
        anchors = torch.tensor([[0.0, 0.0, recipe.input_size, recipe.input_size]], device=logits.device)
        logits = torch.zeros_like(logits)
    best, which = logits.topk(min(count, logits.shape[2]))
    offsets = offsets.gather(2, which[..., None].expand(-1, -1, -1, 4))
    return best.sigmoid(), decode_boxes(offsets, anchors[which])


def best_boxes(output: Maps, method: str, classes: Tensor, recipe: LocalizationRecipe) -> Tensor:
    """The most probable box of each of the classes [B, n], [B, n, 4] in pixels of the view."""
    return candidates(output, method, classes, recipe, 1)[1][:, :, 0]


def is_missed(boxes: Tensor, true: Tensor) -> Tensor:
    """Whether each of the boxes [B, 4] overlaps none of its image's true boxes [B, K, 4] by half, [B]."""
    return nearest_overlap(boxes, true) < RIGHT


def merge_boxes(scores: Tensor, boxes: Tensor, overlapping: float) -> Tensor:
    """Merge several boxes [..., M, 4] into one: the mean, weighted by scores [..., M], of those that overlap the best.

    Args:
        overlapping: from this overlap on.
    """
    best = scores.argmax(-1)[..., None, None].expand(*boxes.shape[:-2], 1, 4)
    near = overlap(boxes.gather(-2, best), boxes)[..., 0, :] >= overlapping
    weights = torch.where(near, scores, 0)[..., None]
    return (weights * boxes).sum(-2) / weights.sum(-2)


def count_errors(net: nn.Module, batches: BoxBatches, split: Split) -> ErrorCount:
    """The per-class RPN's error on this process's part of a split, on centre crops, for the true class."""

    def is_wrong(output: Maps, truth: Truth) -> Tensor:
        boxes = best_boxes(output, "per_class_rpn", truth.classes[:, None], batches.recipe)[:, 0]
        return is_missed(boxes, truth.boxes)

    return count_wrong(net, batches, split, "per_class_rpn_error", is_wrong)
