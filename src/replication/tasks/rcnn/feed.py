"""Batches of R-CNN (appendix C): proposals of a trained localization net, cropped from their images and warped.

    image ─ centre crop ─ localization net ─ the most probable boxes of its class ─ one is drawn ─ warped ─ RegionNet

The paper trains on the 200 best boxes of each image for its own class. Here they are proposed again whenever an image
is drawn, from its centre crop: nothing is stored, and an iteration depends only on seed and number.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from replication.data.boxes import clip_boxes, to_image
from replication.data.crops import warp_region
from replication.data.store import Images
from replication.nets.boxes import encode_boxes, overlap
from replication.tasks.batches import Split, TrainedNet, derived_seed, draw_indices
from replication.tasks.imagenet.feed import PIXELS, draw_slot_view, prefetch
from replication.tasks.localization.feed import BoxedBatches, BoxedView, view_centre
from replication.tasks.localization.recipe import LocalizationRecipe
from replication.tasks.rcnn.proposals import Proposals, propose_boxes
from replication.tasks.rcnn.recipe import RcnnRecipe

PROPOSALS = 4  # a stream of random numbers, after those of tasks.localization.feed


class Regions(NamedTuple):
    """The truth of n training regions."""

    classes: Tensor  # [n], of their images
    positive: Tensor  # [n] bool: whether they overlap a true box enough
    offsets: Tensor  # [n, 4], from them to the nearest true box

    def split(self, size: int) -> list["Regions"]:
        """In parts of `size` regions, as tensors are split."""
        return [Regions(*part) for part in zip(*(field.split(size) for field in self), strict=True)]


class RegionBatches(BoxedBatches):
    """Batches of R-CNN; the curve's test proposes boxes from centre crops, for the true class."""

    recipe: RcnnRecipe

    def training(self, iteration: int) -> tuple[Tensor, Regions]:
        part, recipe = self.slots(), self.recipe
        load = partial(_load_training, self.images, recipe, self.proposing_net.batches.recipe, self.trained, part)
        photographs, boxed_views, labels = self.load_next(iteration, load)
        _, boxes = self.proposals(boxed_views, labels[:, None])
        generator = torch.Generator().manual_seed(derived_seed(recipe.seeds[1], PROPOSALS, iteration))
        draws = torch.rand((recipe.schedule.batch_size, 2), generator=generator)[part]
        views = [draw_slot_view(recipe, iteration, slot) for slot in range(part.start, part.stop)]
        chosen = [
            self.draw(of_class[0], image.boxes, *draw)
            for of_class, image, draw in zip(boxes, boxed_views, draws.tolist(), strict=True)
        ]  # fmt: skip
        regions = [(image, box, view.mirror) for image, (box, *_), view in zip(photographs, chosen, views, strict=True)]
        pixels = torch.from_numpy(np.stack(list(prefetch(partial(_region, recipe.input_size), regions, self.workers))))
        colours = torch.from_numpy(np.stack([view.colour for view in views])).float()
        offsets = torch.stack([offset for _, _, offset in chosen])
        offsets[:, 0] *= torch.tensor([-1.0 if view.mirror else 1.0 for view in views])
        truth = Regions(labels, torch.tensor([positive for _, positive, _ in chosen]), offsets)
        images = self.shift_colours(pixels.to(self.device), colours.to(self.device))
        return images, Regions(*(field.to(self.device) for field in truth))

    @property
    def proposing_net(self) -> TrainedNet:
        """The localization net that proposes boxes."""
        return self.started_from["proposals"]

    def draw(self, boxes: Tensor, true: Tensor, share: float, which: float) -> tuple[Tensor, bool, Tensor]:
        """Draw one of an image's proposals [P, 4]; return it, whether it is positive, and its offsets to the nearest
        box of `true` [K, 4].

        Args:
            share: from 0 to 1; below `regions.positive` a positive box is drawn, if there is one, else a negative one.
            which: from 0 to 1; chooses among the boxes of that kind.
        """
        overlaps, nearest = overlap(boxes, true).max(1)
        positive = overlaps >= self.recipe.regions.positive_from
        is_positive = bool(positive.any()) and (share < self.recipe.regions.positive or bool(positive.all()))
        among = torch.nonzero(positive == is_positive)[:, 0]
        index = among[int(which * len(among))]
        return boxes[index], is_positive, encode_boxes(true[nearest[index]], boxes[index])

    def propose_in_views(self, boxed_views: Sequence[BoxedView], classes: Tensor) -> tuple[Tensor, Tensor]:
        """The boxes proposed from one view of each image for its classes [B, n], in pixels of the views."""
        return propose_boxes(self.proposing_net, boxed_views, classes, self.recipe.regions.proposals)

    def proposals(self, boxed_views: Sequence[BoxedView], classes: Tensor) -> tuple[Tensor, Tensor]:
        """The boxes proposed from one view of each image for its classes [B, n]: probabilities [B, n, P], and boxes
        [B, n, P, 4] in pixels of the images, inside them. Where the view has fewer than P anchors, all of them.
        """
        scores, boxes = self.propose_in_views(boxed_views, classes)
        clipped_boxes = [clip_to_image(corners, view) for corners, view in zip(boxes, boxed_views, strict=True)]
        return scores, torch.stack(clipped_boxes)

    def contents(self, iteration: int) -> list[dict[str, Any]]:
        """Image, mirror and colour of each region; which box of an image it is depends on the net that proposes."""
        return [{key: row[key] for key in ("image", "mirror", "colour")} for row in super().contents(iteration)]

    def single_view(self, split: Split) -> Iterator[tuple[Tensor, Proposals]]:
        """Regions [n * P, 3, S, S] of n images, and the proposals for their own classes, in small parts."""
        for proposals in self.propose(split):
            yield self.regions(proposals), proposals

    def propose(self, split: Split) -> Iterator[Proposals]:
        """Boxes for the true class of each image of this process's part of a split, from its centre crop."""
        source = "test" if split == "test" else "train"
        for boxed_views, labels in self.iterate_views(split, partial(view_centre, self.proposing_net.batches.recipe)):
            classes = labels[:, None]
            scores, boxes = self.proposals(boxed_views, classes)
            images = [(source, image.index) for image in boxed_views]
            yield from self.parts(Proposals(images, [image.boxes for image in boxed_views], classes, scores, boxes))

    def parts(self, proposals: Proposals) -> Iterator[Proposals]:
        """Split proposals into parts whose regions fit in one forward pass, of at least one image."""
        pixels = proposals.scores[0].numel() * self.recipe.input_size**2  # of the regions of one image
        size = max(1, PIXELS // pixels)
        for first in range(0, len(proposals.images), size):
            yield Proposals(*(field[first : first + size] for field in proposals))

    def regions(self, proposals: Proposals) -> Tensor:
        """The regions of all proposals, cropped, warped, less the mean, [B * n * P, 3, S, S]."""
        photographs = prefetch(lambda image: self.images.load(*image), proposals.images, self.workers)
        items = [
            (photograph, box, False)
            for photograph, boxes in zip(photographs, proposals.boxes.flatten(1, 2), strict=True)
            for box in boxes
        ]
        pixels = np.stack(list(prefetch(partial(_region, self.recipe.input_size), items, self.workers)))
        return self.normalise(torch.from_numpy(pixels).permute(0, 3, 1, 2).to(self.device))


def clip_to_image(boxes: Tensor, image: BoxedView) -> Tensor:
    """Convert boxes [..., 4] of a view to pixels of its image, and clip them to it."""
    width, height = image.size
    return clip_boxes(to_image(boxes.float(), image.frame), (width, height))


def _region(size: int, item: tuple[Image.Image, Tensor, bool]) -> np.ndarray:
    image, box, mirror = item
    pixels = warp_region(image, tuple(box.tolist()), size)
    return pixels[:, ::-1] if mirror else pixels


def _load_training(
    images: Images, recipe: RcnnRecipe, proposing: LocalizationRecipe, trained: Tensor, slots: slice, step: int
) -> tuple[list[Image.Image], list[BoxedView], Tensor]:
    """This process's part of an iteration's batch: whole images, their centre crops for the proposer, and labels."""
    chosen = trained[draw_indices(recipe, step)[slots]]
    photographs = [images.load("train", index) for index in chosen.tolist()]
    boxed_views = []
    for image, index in zip(photographs, chosen.tolist(), strict=True):
        pixels, frame = view_centre(proposing, image)
        boxes = images.train_annotations[index].boxes
        boxed_views.append(BoxedView(torch.from_numpy(pixels), frame, boxes, image.size, index))
    return photographs, boxed_views, images.train_labels[chosen]


make_batches = RegionBatches
