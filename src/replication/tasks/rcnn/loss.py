"""What a training of R-CNN minimises (appendix C; Fast R-CNN's loss where it says nothing)."""

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss

from replication.nets.regions import Features
from replication.tasks.rcnn.feed import Drawn


def regions(answers: Features, truth: Drawn) -> tuple[Tensor, Tensor]:
    """The logistic loss of the images' own classes, and for positive regions the smooth L1 loss of the offsets, summed
    over the four.

    Returns:
        The sum of the regions' losses, in fp32, and of how many the logistic is on the wrong side of half; scalars.
    """
    logits, offsets = (found[:, 0, 0] for found in answers.answers("rcnn", truth.classes[:, None]))
    loss = binary_cross_entropy_with_logits(logits, truth.positive.float(), reduction="sum")
    missed = smooth_l1_loss(offsets, truth.offsets, reduction="none").sum(1)
    loss = loss + torch.where(truth.positive, missed, 0).sum()
    return loss, ((logits.detach() > 0) != truth.positive).sum()
