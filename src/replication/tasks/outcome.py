"""What all tasks share: the loss of a batch, and the outcome of a protocol."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol, Self

if TYPE_CHECKING:
    from torch import Tensor


class Loss(NamedTuple):
    """The loss of a batch-norm group of images; scalars on the device."""

    total: "Tensor"  # sum of the images' losses, in fp32
    wrong: "Tensor"  # how many images the net gets wrong


class Outcome(Protocol):
    """What one protocol measured on the test images."""

    @property
    def images(self) -> int:
        """How many images it was measured on."""

    def metrics(self) -> dict[str, float]:
        """Each of its metrics by name, in the metric's unit."""

    def tensors(self) -> dict[str, "Tensor"]:
        """Tensors by name that are saved, to average nets later; empty if it follows from other outcomes."""


class EnsembleOutcome(Outcome, Protocol):
    """An outcome that can be averaged over nets."""

    @classmethod
    def from_tensors(cls, tensors: dict[str, "Tensor"]) -> Self | None:
        """The outcome with these saved tensors; None if they cannot be averaged."""

    @classmethod
    def average(cls, members: Sequence[Self]) -> Self:
        """The outcome of an ensemble.

        Raises:
            ValueError: they were not tested on the same images.
        """


@dataclass(frozen=True)
class ErrorCount:
    """The number of wrong images: all that a curve needs."""

    metric: str  # the name of the error in percent
    wrong: int
    images: int

    def metrics(self) -> dict[str, float]:
        return {self.metric: 100 * self.wrong / self.images}

    def tensors(self) -> dict[str, "Tensor"]:
        return {}

    @classmethod
    def merge(cls, parts: Sequence["ErrorCount"]) -> "ErrorCount":
        """The counts of all processes, each of its part of the images."""
        return cls(parts[0].metric, sum(part.wrong for part in parts), sum(part.images for part in parts))
