"""Batches of appendix C: photographs as in section 4.1, with the boxes inside the crop."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor

from replication.data.boxes import pad_boxes, to_frame, to_view
from replication.data.crops import Frame, Pixels, centre_crop, frame_of
from replication.data.store import Images
from replication.errors import UserError
from replication.nets.boxes import anchors
from replication.nets.names import STRIDES
from replication.tasks.batches import Split, derived_seed
from replication.tasks.imagenet.feed import CHUNK, PhotographBatches, draw_slot_view, prefetch
from replication.tasks.localization.recipe import LocalizationRecipe

ANCHORS = 3  # a stream of random numbers, after those of tasks.batches


class Truth(NamedTuple):
    """The truth of n images. An image with fewer than K boxes of its class in its crop is padded with NaN."""

    classes: Tensor  # [n]
    boxes: Tensor  # [n, K, 4], pixels of the crop
    draws: Tensor  # [n, P] from 0 to 1, to sample anchors; [n, 0] in a test
    recipe: LocalizationRecipe

    def split(self, size: int) -> list["Truth"]:
        """In parts of `size` images, as tensors are split."""
        return [Truth(*part, self.recipe) for part in zip(*(field.split(size) for field in self[:3]), strict=True)]

    def to(self, device: torch.device) -> "Truth":
        return Truth(*(field.to(device) for field in self[:3]), self.recipe)


def make_recipe_anchors(recipe: LocalizationRecipe, map_size: Sequence[int], stride: int) -> Tensor:
    """The anchors of a recipe on maps of height and width `map_size`, [P, 4]."""
    return anchors(*map_size, stride, recipe.anchors.sides, recipe.anchors.ratios)


class BoxedView(NamedTuple):
    """A view of an image, its true boxes, and the frame that converts between the two."""

    pixels: Tensor  # [H, W, 3] uint8
    frame: Frame
    boxes: Tensor  # [K, 4] true ones, pixels of the image
    size: tuple[int, int]  # width and height of the image
    index: int  # of the image in its split


Part = tuple[list[BoxedView], Tensor]  # some images, and their labels [n]


class BoxedBatches(PhotographBatches):
    """Photographs with boxes, for all of appendix C. Only images with a box are trained on."""

    recipe: LocalizationRecipe

    def __init__(self, images: Images, recipe: LocalizationRecipe, device: torch.device, rank: int = 0, ranks: int = 1):
        super().__init__(images, recipe, device, rank, ranks)
        if images.train_annotations.boxes is None:
            raise UserError("the prepared images have no boxes; run `dvc repro prepare@localization`.", kind="missing")

    def iterate_views(self, split: Split, view: Callable[[Image.Image], tuple[Pixels, Frame]]) -> Iterator[Part]:
        """A split in parts: the `view` of each image, with its true boxes, and labels [n]."""
        positions = self.heldout.tolist() if split == "heldout" else range(self.test_count)
        chunks = [positions[i : i + CHUNK] for i in range(0, len(positions), CHUNK)]
        views = partial(_load_views, self.images, split, view)
        yield from prefetch(views, chunks[self.rank :: self.ranks], self.workers)


class BoxBatches(BoxedBatches):
    """Batches of a localization net; the curve's test is on centre crops."""

    def __init__(self, images: Images, recipe: LocalizationRecipe, device: torch.device, rank: int = 0, ranks: int = 1):
        super().__init__(images, recipe, device, rank, ranks)
        stride = STRIDES[recipe.maps]
        side = -(-recipe.input_size // stride)
        self.anchor_count = len(make_recipe_anchors(recipe, (side, side), stride))

    def training(self, iteration: int) -> tuple[Tensor, Truth]:
        images, labels, sizes = self.load_with_sizes(iteration)
        boxes, slots = [], self.slots()
        indices = self.indices(iteration)[slots].tolist()
        for slot, index, size in zip(range(slots.start, slots.stop), indices, sizes.tolist(), strict=True):
            view = draw_slot_view(self.recipe, iteration, slot)
            frame = frame_of(tuple(size), view.shorter_side, self.recipe.input_size, view.down, view.across)
            boxes.append(to_view(self.images.train_annotations[index].boxes, frame, view.mirror, self.recipe.visible))
        generator = torch.Generator().manual_seed(derived_seed(self.recipe.seeds[1], ANCHORS, iteration))
        draws = torch.rand((self.recipe.schedule.batch_size, self.anchor_count), generator=generator)[slots]
        truth = Truth(labels, pad_boxes(boxes), draws, self.recipe)
        return images, truth.to(self.device)

    def single_view(self, split: Split) -> Iterator[tuple[Tensor, Truth]]:
        """Centre crops; true boxes include their parts outside the crop."""
        for boxed_views, labels in self.iterate_views(split, partial(view_centre, self.recipe)):
            boxes = pad_boxes([to_frame(image.boxes, image.frame) for image in boxed_views])
            images = self.normalise(stack_pixels(boxed_views).to(self.device))
            draws = torch.empty(len(labels), 0)
            yield images, Truth(labels, boxes, draws, self.recipe).to(self.device)


def stack_pixels(boxed_views: Sequence[BoxedView]) -> Tensor:
    """The pixels of images of one size, [n, 3, H, W] uint8."""
    return torch.stack([image.pixels for image in boxed_views]).permute(0, 3, 1, 2)


def view_centre(recipe: LocalizationRecipe, image: Image.Image) -> tuple[Pixels, Frame]:
    """The centre crop of an image (Table 13: "1-crop")."""
    side, size = recipe.test.shorter_side, recipe.input_size
    return centre_crop(image, side, size), frame_of(image.size, side, size, 0.5, 0.5)


def _load_views(images: Images, split: Split, view: Callable, chunk: Sequence[int]) -> Part:
    source = "test" if split == "test" else "train"
    labels, annotations = (getattr(images, f"{source}_{what}") for what in ("labels", "annotations"))
    boxed_views = []
    for index in chunk:
        image = images.load(source, index)
        pixels, frame = view(image)
        boxed_views.append(BoxedView(torch.from_numpy(pixels), frame, annotations[index].boxes, image.size, index))
    return boxed_views, labels[list(chunk)]


make_batches = BoxBatches
