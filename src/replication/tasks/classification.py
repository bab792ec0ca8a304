"""Loss and outcome of the classification tasks."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from replication.tasks.batches import Batches, Split
from replication.tasks.inference import count_wrong
from replication.tasks.outcome import ErrorCount, Loss


def cross_entropy_loss(scores: Tensor, labels: Tensor) -> Loss:
    """Cross entropy of `scores` [n, classes], before the softmax, with `labels` [n]."""
    return Loss(cross_entropy(scores.float(), labels, reduction="sum"), (scores.detach().argmax(1) != labels).sum())


def count_top1_errors(net: nn.Module, batches: Batches, split: Split) -> ErrorCount:
    """The top-1 error on this process's part of a split, a single view of each image."""
    return count_wrong(net, batches, split, "top1_error", lambda scores, labels: scores.argmax(1) != labels)


@dataclass(frozen=True)
class ClassOutcome:
    """Probabilities [N, classes] of the test images and their labels [N], on the CPU."""

    probabilities: Tensor
    labels: Tensor

    @property
    def images(self) -> int:
        return len(self.labels)

    def metrics(self) -> dict[str, float]:
        return {"top1_error": self.error(1), "top5_error": self.error(5)}

    def error(self, k: int = 1) -> float:
        """Top-k error: percent of images whose label is not among the k most probable classes."""
        if k == 1:
            right = self.probabilities.argmax(1) == self.labels
        else:
            best = self.probabilities.topk(min(k, self.probabilities.shape[1])).indices
            right = (best == self.labels[:, None]).any(1)
        return 100 * (len(right) - int(right.sum())) / len(right)

    def tensors(self) -> dict[str, Tensor]:
        # In half precision: in fp32 ImageNet's validation images take 200 MB a protocol.
        return {"probabilities": self.probabilities.half(), "labels": self.labels}

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> "ClassOutcome | None":
        return cls(tensors["probabilities"].float(), tensors["labels"]) if tensors else None

    @classmethod
    def average(cls, members: Sequence["ClassOutcome"]) -> "ClassOutcome":
        """The mean of the members' probabilities."""
        labels = members[0].labels
        if any(not torch.equal(labels, member.labels) for member in members):
            raise ValueError("members of an ensemble must be tested on the same images in the same order")
        return cls(torch.stack([member.probabilities for member in members]).mean(0), labels)
