"""From anchors to proposals, and which anchors and regions of an image are trained on.

Nothing here draws random numbers: the draws of an image come with its truth, as functions of seed and iteration.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.ops import clip_boxes_to_image, nms

from replication.nets.boxes import decode_boxes, encode_boxes, overlap
from replication.tasks.detection.recipe import Kept, Proposals, Regions, Sampling

# Standard deviations of the offsets of regions, by which they are divided (Fast R-CNN's code).
SPREAD = (0.1, 0.1, 0.2, 0.2)

Size = tuple[int, int]  # width and height, pixels


def propose(
    logits: Tensor, offsets: Tensor, anchors: Tensor, size: Size, options: Proposals, kept: Kept
) -> tuple[Tensor, Tensor]:
    """The proposals of an image: their boxes [n, 4] inside it, the most probable first, and their logits [n]. There is
    one at least: if none is large enough, the most probable one.

    Args:
        logits, offsets, anchors: [P], [P, 4] and [P, 4].
    """
    logits, which = logits.topk(min(kept.before, len(logits)))
    boxes = _clip(decode_boxes(offsets[which], anchors[which]), size)
    is_large = ((boxes[:, 2:] - boxes[:, :2]) >= options.least_side).all(1)
    is_large[0] |= ~is_large.any()
    boxes, logits = boxes[is_large], logits[is_large]
    chosen = nms(boxes, logits, options.overlap)[: kept.after]
    return boxes[chosen], logits[chosen]


def sample_anchors(
    anchors: Tensor, true: Tensor, draws: Tensor, size: Size, options: Sampling
) -> tuple[Tensor, Tensor, Tensor]:
    """The anchors of an image that are trained on: their numbers [n], whether each is positive [n], and the offsets
    [n, 4] from it to the nearest object, without meaning where it is negative.

    An anchor is positive if it overlaps an object enough, or more than all others do; negative if it overlaps none
    much. Positive ones are drawn up to their share, the rest are negative.

    Args:
        anchors: [P, 4].
        true: boxes of objects [K, 4].
        draws: [P] from 0 to 1; the smallest are chosen.
    """
    usable = torch.ones(len(anchors), dtype=torch.bool, device=anchors.device)
    if options.inside:
        far = torch.tensor(size, dtype=anchors.dtype, device=anchors.device)
        usable = (anchors[:, :2] >= 0).all(1) & (anchors[:, 2:] <= far).all(1)
    overlaps = overlap(anchors, true) * usable[:, None]  # [P, K]
    most, nearest = _nearest(overlaps)
    is_best = ((overlaps == overlaps.amax(0, keepdim=True)) & (overlaps > 0)).any(1)
    positive = usable & ((most >= options.positive_from) | is_best)
    negative = usable & (most < options.negative_below) & ~positive
    chosen_positive = _choose(positive, draws, round(options.anchors * options.positive))
    chosen = torch.cat([chosen_positive, _choose(negative, draws, options.anchors - len(chosen_positive))])
    return chosen, positive[chosen], _offsets(true, nearest[chosen], anchors[chosen])


class Sample(NamedTuple):
    """The regions of an image that are trained on."""

    boxes: Tensor  # [n, 4]
    classes: Tensor  # [n] from 1 on; 0 is background
    offsets: Tensor  # [n, 4] to the nearest object, in deviations; without meaning for background


def sample_regions(proposals: Tensor, true: Tensor, classes: Tensor, draws: Tensor, options: Regions) -> Sample:
    """Sample regions among an image's proposals [n, 4] and its objects [K, 4] themselves.

    If none lies in the band of overlaps that makes background, any region that is not positive counts as background.

    Args:
        classes: of the objects, [K] from 0 on.
        draws: [n + K] or more, from 0 to 1; the smallest are chosen.
    """
    boxes = torch.cat([proposals, true])
    most, nearest = _nearest(overlap(boxes, true))
    draws = draws[: len(boxes)]
    positive = most >= options.positive_from
    background = ~positive & (most >= options.background_from)
    if not background.any():
        background = ~positive
    chosen_positive = _choose(positive, draws, round(options.regions * options.positive))
    chosen = torch.cat([chosen_positive, _choose(background, draws, options.regions - len(chosen_positive))])
    labels = torch.zeros(len(chosen), dtype=torch.int64, device=boxes.device)
    labels[: len(chosen_positive)] = classes[nearest[chosen_positive]] + 1
    offsets = _offsets(true, nearest[chosen], boxes[chosen])
    return Sample(boxes[chosen], labels, offsets / offsets.new_tensor(SPREAD))


def move_regions(offsets: Tensor, regions: Tensor, size: Size) -> Tensor:
    """Boxes [n, classes, 4] inside the image from regions [n, 4] and their offsets [n, classes, 4] in deviations."""
    offsets = offsets.float()
    return _clip(decode_boxes(offsets * offsets.new_tensor(SPREAD), regions[:, None]), size)


def _nearest(overlaps: Tensor) -> tuple[Tensor, Tensor]:
    """The largest of the overlaps [P, K] of each row, [P], and its column; 0 and 0 of an image without objects."""
    if overlaps.shape[1]:
        return overlaps.max(1)
    zeros = overlaps.new_zeros(len(overlaps))
    return zeros, zeros.long()


def _offsets(true: Tensor, nearest: Tensor, boxes: Tensor) -> Tensor:
    """Offsets [n, 4] from boxes to their nearest objects; 0 of an image without objects."""
    return encode_boxes(true[nearest], boxes) if len(true) else torch.zeros_like(boxes)


def _choose(among: Tensor, draws: Tensor, count: int) -> Tensor:
    """The numbers of `count` true entries of `among` [P], or of all if there are fewer, by the smallest draws."""
    numbers = among.nonzero()[:, 0]
    return numbers[draws[numbers].argsort()[:count]]


def _clip(boxes: Tensor, size: Size) -> Tensor:
    width, height = size
    return clip_boxes_to_image(boxes, (height, width))
