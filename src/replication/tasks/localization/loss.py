"""The loss of the task `localization` (appendix C; where the paper says nothing, Faster R-CNN's)."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss

from replication.nets.boxes import encode_boxes, overlap
from replication.tasks.localization.boxes import best_boxes, count_errors, is_missed
from replication.tasks.localization.feed import Truth, make_recipe_anchors
from replication.tasks.localization.net import METHODS, Maps
from replication.tasks.outcome import Loss

__all__ = ["count_errors", "loss"]


def loss(output: Maps, truth: Truth) -> Loss:
    """The losses of the four methods, for the images' own classes, added up.

    Each has the smooth L1 loss of the offsets, summed over the four. An RPN averages it over the sampled positive
    anchors, and adds the logistic loss, averaged over all sampled anchors. The regressions predict offsets from the
    whole crop to its largest box. An image without a box in its crop trains the logistics alone.

    An image is wrong if the per-class RPN's best box is wrong.
    """
    classes = truth.classes[:, None]
    anchors = make_recipe_anchors(truth.recipe, output.maps.shape[2:], output.net.stride).to(truth.boxes.device)
    chosen, positive, nearest = sample_anchors(anchors, truth)
    target = encode_boxes(nearest, anchors)
    crop = torch.tensor([0.0, 0.0, *[truth.recipe.input_size] * 2], device=truth.boxes.device)
    largest, has_box = largest_box(truth.boxes)
    total = torch.zeros((), device=truth.boxes.device)
    for method in METHODS:
        logits, offsets = (values[:, 0] for values in output.predict(method, classes))
        if "rpn" in method:
            logistic = binary_cross_entropy_with_logits(logits, positive.float(), reduction="none")
            total = total + ((logistic * chosen).sum(1) / chosen.sum(1).clamp(min=1)).sum()
            offset_loss, trained = smooth_l1_loss(offsets, target, reduction="none").sum(2), chosen & positive
            total = total + (torch.where(trained, offset_loss, 0).sum(1) / trained.sum(1).clamp(min=1)).sum()
        else:
            offset_loss = smooth_l1_loss(offsets[:, 0], encode_boxes(largest, crop), reduction="none").sum(1)
            total = total + torch.where(has_box, offset_loss, 0).sum()
    with torch.no_grad():
        boxes = best_boxes(output, "per_class_rpn", classes, truth.recipe)[:, 0]
        wrong = is_missed(boxes, truth.boxes).sum()
    return Loss(total, wrong)


def sample_anchors(anchors: Tensor, truth: Truth) -> tuple[Tensor, Tensor, Tensor]:
    """Sample the anchors of each image to train on; label all of them, and find the true box nearest to each.

    An anchor is positive if it overlaps a true box enough, or more than all others do; negative if it overlaps none
    much. `sampling` says how many are drawn: positive ones up to their share, the rest negative.

    Args:
        anchors: [P, 4].
        truth: with boxes [B, K, 4]; where an image has fewer than K, NaN.

    Returns:
        chosen [B, P] and positive [B, P], bool; nearest [B, P, 4]: for an image without a box, the anchors themselves.
    """
    options = truth.recipe.sampling
    overlaps = overlap(anchors, truth.boxes)  # [B, P, K]
    most, which = overlaps.max(2)
    best_of_box = (overlaps == overlaps.amax(1, keepdim=True)) & (overlaps > 0)
    positive = (most >= options.positive_from) | best_of_box.any(2)
    negative = (most < options.negative_below) & ~positive
    at_most = round(options.anchors * options.positive)
    chosen = _draw(positive, truth.draws, torch.full_like(most[:, 0], at_most))
    chosen = chosen | _draw(negative, truth.draws, options.anchors - chosen.sum(1))
    boxes = truth.boxes.gather(1, which[..., None].expand(-1, -1, 4))
    return chosen, positive, torch.where(boxes.isnan(), anchors, boxes)


def largest_box(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """The largest of each image's boxes [B, K, 4], [B, 4], and whether it has one; if not, a box of one pixel."""
    areas = torch.nan_to_num((boxes[..., 2:] - boxes[..., :2]).prod(-1), nan=-1.0)
    largest = boxes[torch.arange(len(boxes)), areas.argmax(1)]
    has_box = areas.amax(1) > 0
    return torch.where(has_box[:, None], largest, torch.tensor([0.0, 0.0, 1.0, 1.0], device=boxes.device)), has_box


def _draw(among: Tensor, draws: Tensor, count: Tensor) -> Tensor:
    """Choose `count` [B] of the true entries of `among` [B, P], or all if there are fewer, by the smallest draws."""
    rank = torch.where(among, draws, 2.0).argsort(1).argsort(1)
    return among & (rank < count[:, None])
