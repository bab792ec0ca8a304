"""Proposals of a trained localization net, and R-CNN's scores of them."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from replication.nets.boxes import decode_boxes
from replication.tasks.batches import TrainedNet
from replication.tasks.inference import autocast
from replication.tasks.localization.boxes import candidates
from replication.tasks.localization.feed import BoxedView, stack_pixels
from replication.tasks.rcnn.net import Features


class Proposals(NamedTuple):
    """The proposals for n classes of each of B images."""

    images: list[tuple[str, int]]  # split and index of each, as `Images.load` takes them
    true: list[Tensor]  # true boxes of each image, [K, 4] in its pixels
    classes: Tensor  # [B, n]
    scores: Tensor  # [B, n, P], by the localization net
    boxes: Tensor  # [B, n, P, 4] in pixels of the images, inside them


@torch.no_grad()
def propose_boxes(
    proposing: TrainedNet, views: Sequence[BoxedView], classes: Tensor, count: int
) -> tuple[Tensor, Tensor]:
    """The `count` most probable boxes of a localization net for the classes [B, n] of images, from one view of each.

    Returns:
        Probabilities [B, n, count] and boxes [B, n, count, 4] in pixels of the views; fewer where there are fewer
        anchors.
    """
    net, batches = proposing
    images = stack_pixels(views).to(batches.device)
    with autocast(batches):
        output = net(batches.normalise(images))
        scores, boxes = candidates(output, "per_class_rpn", classes.to(batches.device), batches.recipe, count)
    return scores.float().cpu(), boxes.float().cpu()


def judge(output: Features, proposals: Proposals) -> tuple[Tensor, Tensor]:
    """R-CNN's probabilities of proposals [B, n, P], and the moved boxes [B, n, P, 4]."""
    shape = proposals.scores.shape
    classes = proposals.classes[..., None].expand(shape).reshape(-1, 1)
    logits, offsets = output.predict(classes.to(output.features.device))
    scores, offsets = logits.sigmoid().reshape(shape).cpu(), offsets.reshape(*shape, 4).cpu()
    return scores, decode_boxes(offsets, proposals.boxes)


def choose_best(scores: Tensor, boxes: Tensor) -> Tensor:
    """The boxes with the largest scores [B, n, P] among boxes [B, n, P, 4], [B, n, 4]."""
    return boxes.gather(2, scores.argmax(2)[..., None, None].expand(-1, -1, 1, 4))[:, :, 0]
