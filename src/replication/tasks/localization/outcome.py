"""Outcomes of appendix C: a box an image by each method; and pairs of methods, image by image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from replication.nets.boxes import RIGHT, nearest_overlap, overlap
from replication.tasks.localization import ALONE, Pair


@dataclass(frozen=True)
class BoxOutcome:
    """For each method the box of each test image, [N, 4] in pixels of the image, of the true class, and its overlap
    with the nearest true box, [N] from 0 to 1. Where no guessed class is true, the box is NaN and the overlap 0.
    """

    overlaps: Mapping[str, Tensor]
    boxes: Mapping[str, Tensor]
    true: Tensor | None = None  # true boxes [N, K, 4], NaN where there are fewer than K; None: no ensembles of it

    @property
    def images(self) -> int:
        return len(next(iter(self.overlaps.values())))

    def metrics(self) -> dict[str, float]:
        """`<method>_error`: images whose box is wrong; `<method>_iou`: mean overlap."""
        overlaps = {method: values.double() for method, values in self.overlaps.items()}
        errors = {f"{key}_error": 100 * (values < RIGHT).double().mean().item() for key, values in overlaps.items()}
        return errors | {f"{key}_iou": 100 * values.mean().item() for key, values in overlaps.items()}

    def is_wrong(self, method: str) -> Tensor:
        """Whether a method's box of each image is wrong, [N]."""
        return self.overlaps[method] < RIGHT

    def tensors(self) -> dict[str, Tensor]:
        kinds = {"overlaps": self.overlaps, "boxes": self.boxes}
        tensors = {
            f"{method}.{kind}": values for kind, by_method in kinds.items() for method, values in by_method.items()
        }
        return tensors if self.true is None else tensors | {"true": self.true}

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> "BoxOutcome | None":
        if "true" not in tensors:
            return None
        kinds: dict[str, dict[str, Tensor]] = {"overlaps": {}, "boxes": {}}
        for key, values in tensors.items():
            method, _, kind = key.partition(".")
            if kind:
                kinds[kind][method] = values
        return cls(kinds["overlaps"], kinds["boxes"], tensors["true"])

    @classmethod
    def average(cls, members: Sequence["BoxOutcome"]) -> "BoxOutcome":
        """The mean box of each image, side by side, over the nets that have one; none if half of them or more lack it.

        A net lacks a box where it does not guess the class, as each guesses by its own classifier. The paper does not
        say how the ensemble in the last row of Table 13 joins boxes.
        """
        true = members[0].true
        if any(not torch.equal(member.true.nan_to_num(-1), true.nan_to_num(-1)) for member in members):
            raise ValueError("members of an ensemble must locate the same objects in the same order")
        boxes = {key: _average_boxes([member.boxes[key] for member in members]) for key in members[0].boxes}
        return cls({method: nearest_overlap(values, true) for method, values in boxes.items()}, boxes, true)


def _average_boxes(members: Sequence[Tensor]) -> Tensor:
    """The mean of several boxes of each image, each [N, 4] or NaN; NaN where half of them or more are."""
    boxes = torch.stack(list(members))
    lacking = boxes.isnan().any(-1).float().mean(0)
    return torch.where((lacking < 0.5)[:, None], boxes.nanmean(0), torch.nan)


@dataclass(frozen=True)
class PairOutcome:
    """For each pair of methods, whether the first and the second are wrong, each [N] bool.

    The rates at which one alone is wrong give the difference of their errors and its standard error over images, as a
    bootstrap of images does, but without random numbers.
    """

    wrong: Mapping[str, tuple[Tensor, Tensor]]

    @property
    def images(self) -> int:
        return len(next(iter(self.wrong.values()))[0])

    def metrics(self) -> dict[str, float]:
        """`<pair>_first_alone_wrong` and `<pair>_second_alone_wrong`."""
        values = {}
        for pair, (first, second) in self.wrong.items():
            for suffix, which in zip(ALONE, (first & ~second, second & ~first), strict=True):
                values[f"{pair}_{suffix}"] = 100 * which.double().mean().item()
        return values

    def tensors(self) -> dict[str, Tensor]:
        return {}


def compare_pairs(outcomes: Mapping[str, BoxOutcome], pairs: Mapping[str, Pair]) -> PairOutcome:
    """Compare two methods, each by a protocol, image by image."""
    return PairOutcome(
        {
            pair: tuple(outcomes[protocol].is_wrong(method) for protocol, method in members)
            for pair, members in pairs.items()
        }
    )


def measure_overlaps(boxes: Tensor, true: Sequence[Tensor]) -> Tensor:
    """The largest overlap of each box [N, 4] with its image's true boxes, lists of [K, 4]; 0 for NaN."""
    return torch.stack([overlap(box[None], of_image).amax() for box, of_image in zip(boxes, true, strict=True)])
