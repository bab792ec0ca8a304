"""What tests of a net gave, and the folder that keeps it: `scores.csv` and `probabilities.safetensors`, with
`responses.csv` where the responses of its layers were measured, and `examples.png` where images were drawn.

`scores.csv` is long, a row a number, and read without torch. The probabilities are kept so that nets can be averaged
later; in half precision, as those of ImageNet's validation images would take 200 MB a protocol else.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


TOP = {"top1_error": 1, "top5_error": 5}  # k of a metric


@dataclass(frozen=True)
class Scores:
    """What one protocol gave for the test images: probabilities [N, classes], labels [N], on the CPU."""

    probabilities: "Tensor"
    labels: "Tensor"

    @property
    def images(self) -> int:
        return len(self.labels)

    def value(self, metric: str) -> float:
        """The error that `Metric.name` names, percent."""
        return self.error(TOP[metric])

    def tensors(self) -> dict[str, "Tensor"]:
        """What is kept of them, by name."""
        return {"probabilities": self.probabilities.half(), "labels": self.labels}

    def error(self, k: int = 1) -> float:
        """Top-k error: percent of images whose label is not among the k most probable classes."""
        if k == 1:
            right = self.probabilities.argmax(1) == self.labels
        else:
            best = self.probabilities.topk(min(k, self.probabilities.shape[1])).indices
            right = (best == self.labels[:, None]).any(1)
        return 100 * (len(right) - int(right.sum())) / len(right)


def average(members: Sequence[Scores]) -> Scores:
    """An ensemble: the mean of its members' probabilities.

    Raises:
        ValueError: the members scored different images.
    """
    import torch

    labels = members[0].labels
    if any(not torch.equal(labels, member.labels) for member in members):
        raise ValueError("members of an ensemble must score the same images in the same order")
    return Scores(torch.stack([member.probabilities for member in members]).mean(0), labels)
