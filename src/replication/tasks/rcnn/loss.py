"""The loss of R-CNN (appendix C; where the paper says nothing, Fast R-CNN's), and the error of its curve."""

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, smooth_l1_loss

from replication.data.boxes import pad_boxes
from replication.tasks.batches import Split
from replication.tasks.inference import count_wrong
from replication.tasks.localization.boxes import is_missed
from replication.tasks.outcome import ErrorCount, Loss
from replication.tasks.rcnn.feed import RegionBatches, Regions
from replication.tasks.rcnn.net import Features
from replication.tasks.rcnn.proposals import Proposals, choose_best, judge


def loss(output: Features, truth: Regions) -> Loss:
    """The logistic loss of the images' own classes, and for positive regions the smooth L1 loss of the offsets, summed
    over the four. A region is wrong if its logistic is on the wrong side of half.
    """
    logits, offsets = (values[:, 0, 0] for values in output.predict(truth.classes[:, None]))
    total = binary_cross_entropy_with_logits(logits, truth.positive.float(), reduction="sum")
    offset_loss = smooth_l1_loss(offsets, truth.offsets, reduction="none").sum(1)
    total = total + torch.where(truth.positive, offset_loss, 0).sum()
    return Loss(total, ((logits.detach() > 0) != truth.positive).sum())


def count_errors(net: nn.Module, batches: RegionBatches, split: Split) -> ErrorCount:
    """R-CNN's error on this process's part of a split, for the true class: its most probable box, moved."""

    def is_wrong(output: Features, proposals: Proposals) -> Tensor:
        return is_missed(choose_best(*judge(output, proposals))[:, 0], pad_boxes(proposals.true))

    return count_wrong(net, batches, split, "rcnn_error", is_wrong)
