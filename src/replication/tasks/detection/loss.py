"""The loss of the task `detection` (appendix A; where the paper says nothing, that of Fast and Faster R-CNN's code)."""

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy, smooth_l1_loss

from replication.tasks.batches import Split
from replication.tasks.detection import MISSED
from replication.tasks.detection.detect import detect, find_missed
from replication.tasks.detection.feed import DetectionBatches, Target, Targets
from replication.tasks.detection.net import Maps
from replication.tasks.detection.proposals import Sample, propose, sample_anchors, sample_regions
from replication.tasks.inference import count_wrong
from replication.tasks.outcome import ErrorCount, Loss

BETA = 1 / 9  # offset of anchors at which the smooth L1 loss becomes linear (Faster R-CNN's code)


def loss(output: Maps, truth: Targets) -> Loss:
    """The four losses of each image, added up over images: of anchors (logistic, offsets) and of regions (softmax,
    offsets). Each is a sum over the sampled anchors or regions, divided by their number; proposals are constants.

    The error of an image is the number of its regions with a wrong class, as a share of those that have an object, at
    most 1. So a net that calls everything background has an error of 100 %.
    """
    total = torch.zeros((), device=output.maps.device)
    samples: list[Sample] = []
    for index, target in enumerate(truth):
        of_anchors, sample = _train_proposals(output, index, target, truth)
        total = total + of_anchors
        samples.append(sample)
    scores, offsets = output.judge([sample.boxes for sample in samples], [target.size for target in truth])
    counts = [len(sample.boxes) for sample in samples]
    wrong = torch.zeros_like(total)
    for sample, of_classes, moves in zip(samples, scores.split(counts), offsets.split(counts), strict=True):
        part, errors = _judge_sample(sample, of_classes, moves, truth.recipe.regions.beta)
        total, wrong = total + part, wrong + errors
    return Loss(total, wrong)


def _train_proposals(output: Maps, index: int, target: Target, truth: Targets) -> tuple[Tensor, Sample]:
    """The loss of an image's anchors, and the sample of its regions."""
    recipe = truth.recipe
    logits, offsets, anchors = output.of_image(index, target.size)
    with torch.no_grad():
        chosen, positive, wanted = sample_anchors(
            anchors, target.boxes, target.anchor_draws, target.size, recipe.sampling
        )
        boxes, _ = propose(logits, offsets, anchors, target.size, recipe.proposals, recipe.proposals.training)
        sample = sample_regions(boxes, target.boxes, target.classes, target.region_draws, recipe.regions)
    logistic = binary_cross_entropy_with_logits(logits[chosen], positive.float(), reduction="sum")
    moved = smooth_l1_loss(offsets[chosen[positive]], wanted[positive], beta=BETA, reduction="sum")
    return (logistic + moved) / max(1, len(chosen)), sample


def _judge_sample(sample: Sample, scores: Tensor, offsets: Tensor, beta: float) -> tuple[Tensor, Tensor]:
    """The loss of an image's regions, and its error."""
    positive = sample.classes.nonzero()[:, 0]
    softmax = cross_entropy(scores, sample.classes, reduction="sum")
    moves = offsets[positive, sample.classes[positive] - 1]
    moved = smooth_l1_loss(moves, sample.offsets[positive], beta=beta, reduction="sum")
    errors = (scores.detach().argmax(1) != sample.classes).sum() / max(1, len(positive))
    return (softmax + moved) / max(1, len(sample.boxes)), errors.clamp(max=1)


def count_errors(net: nn.Module, batches: DetectionBatches, split: Split) -> ErrorCount:
    """The share of objects that the net misses on this process's part of a split: it counts objects, not images."""

    def is_missed(output: Maps, truth: Targets) -> Tensor:
        (target,) = truth
        return find_missed(detect(output, 0, target.size, truth.recipe), target)

    return count_wrong(net, batches, split, MISSED, is_missed)
