"""The boxes that a net of appendix C answers with, and whether they are right. Training needs this alone.

A box is right if it overlaps a true box of the class by half or more (intersection over union).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from replication.data.boxes import padded
from replication.nets.boxes import decoded
from replication.nets.regions import Features
from replication.tasks.batches import Split
from replication.tasks.inference import autocast, wrong_answers
from replication.tasks.localization.boxes import candidates, misses
from replication.tasks.localization.feed import BoxBatches, Seen
from replication.tasks.localization.recipe import LocalizationRecipe

if TYPE_CHECKING:
    from replication.tasks.rcnn.feed import Proposed, RegionBatches


@dataclass(frozen=True)
class Proposer:
    """A trained net of the first step proposes boxes for the second; see `feed.regions.Proposes`."""

    net: nn.Module  # folded
    batches: BoxBatches  # as it sees images

    @property
    def recipe(self) -> LocalizationRecipe:
        return self.batches.recipe

    @torch.no_grad()
    def __call__(self, seen: Sequence[Seen], classes: Tensor, count: int) -> tuple[Tensor, Tensor]:
        images = torch.stack([of.pixels for of in seen]).permute(0, 3, 1, 2).to(self.batches.device)
        with autocast(self.batches):
            answers = self.net(self.batches.plain(images))
            asked = classes.to(self.batches.device)
            scores, boxes = candidates(answers, "per_class_rpn", asked, self.recipe, count)
        return scores.float().cpu(), boxes.float().cpu()


def wrong_regions(net: nn.Module, batches: "RegionBatches", split: Split) -> Tensor:
    """How many images of this process's part of a split R-CNN gives a wrong box, its best proposal moved; a scalar."""

    def wrong(answers: Features, proposed: "Proposed") -> Tensor:
        boxes = best_of(*moved(answers, proposed))[:, 0]
        return misses(boxes, padded(proposed.true))

    return wrong_answers(net, batches, split, wrong)


def moved(answers: Features, proposed: "Proposed") -> tuple[Tensor, Tensor]:
    """What R-CNN makes of the boxes that are proposed: probabilities [B, n, P] and boxes [B, n, P, 4]."""
    shape = proposed.scores.shape
    classes = proposed.classes[..., None].expand(shape).reshape(-1, 1)
    logits, offsets = answers.answers("rcnn", classes.to(answers.features.device))
    scores, offsets = logits.sigmoid().reshape(shape).cpu(), offsets.reshape(*shape, 4).cpu()
    return scores, decoded(offsets, proposed.boxes)


def best_of(scores: Tensor, boxes: Tensor) -> Tensor:
    """Of boxes [B, n, P, 4] those of the largest scores [B, n, P], [B, n, 4]."""
    return boxes.gather(2, scores.argmax(2)[..., None, None].expand(-1, -1, 1, 4))[:, :, 0]
