"""Batches of section 4.3: whole photographs of any size, rescaled, with all their objects."""

from collections.abc import Iterator, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import pad

from replication.data.annotations import CROWD, DIFFICULT
from replication.data.boxes import mirror_boxes
from replication.data.store import Images
from replication.errors import UserError
from replication.nets.names import STRIDES
from replication.tasks.batches import AUGMENTATION, Split, derived_seed, draw_indices
from replication.tasks.detection.recipe import REFERENCE, DetectionRecipe, Scale
from replication.tasks.imagenet.feed import PhotographBatches, prefetch

ANCHORS, REGIONS = 5, 6  # streams of random numbers, after those of the other tasks


class Target(NamedTuple):
    """The truth of an image: its size in the view, and its K objects there."""

    size: tuple[int, int]  # width and height
    boxes: Tensor  # [K, 4], pixels of the view
    classes: Tensor  # [K]
    ignored: Tensor  # [K] bool: marked as difficult or as a crowd, so that a test does not count them
    anchor_draws: Tensor  # from 0 to 1, to sample anchors; none in a test
    region_draws: Tensor  # the same for regions

    def to(self, device: torch.device) -> "Target":
        return Target(self.size, *(field.to(device) for field in self[1:]))


class Targets(list[Target]):
    """The truth of some images, and the recipe by which they are trained on and tested."""

    def __init__(self, targets: Sequence[Target], recipe: DetectionRecipe):
        super().__init__(targets)
        self.recipe = recipe

    def split(self, size: int) -> list["Targets"]:
        """In parts of `size` images, as tensors are split."""
        return [Targets(self[first : first + size], self.recipe) for first in range(0, len(self), size)]


class Views(list[Tensor]):
    """Images [3, H, W] of several sizes."""

    def split(self, size: int) -> list[Tensor]:
        """In parts of `size` images, each padded with zeros to its largest image, [size, 3, H, W]. So a group of images
        is the same in whatever process it is.
        """
        return [pad_images(self[first : first + size]) for first in range(0, len(self), size)]


def pad_images(images: Sequence[Tensor]) -> Tensor:
    """Images [3, H, W] as one tensor; zeros, the mean colour, to the right and below."""
    height, width = (max(image.shape[side] for image in images) for side in (1, 2))
    padded = [pad(image, (0, width - image.shape[2], 0, height - image.shape[1])) for image in images]
    return torch.stack(padded).contiguous(memory_format=torch.channels_last)


def fit_size(size: tuple[int, int], scale: Scale) -> tuple[int, int]:
    """Width and height of an image of this width and height after rescaling."""
    factor = min(scale.shorter_side / min(size), scale.longer_side / max(size))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


class View(NamedTuple):
    """An image as it passes through the net."""

    pixels: Tensor  # [3, H, W] uint8
    target: Target


class DetectionBatches(PhotographBatches):
    """Photographs with objects. Images without any are trained on too: they have background alone."""

    recipe: DetectionRecipe

    def __init__(self, images: Images, recipe: DetectionRecipe, device: torch.device, rank: int = 0, ranks: int = 1):
        if images.train_annotations.boxes is None:
            raise UserError("the prepared images have no boxes; run `dvc repro prepare@detection`.", kind="missing")
        super().__init__(_without_labels(images), recipe, device, rank, ranks)
        self.images = images
        self.mean = self.mean.mean((2, 3), keepdim=True)  # of each colour, as images have no common size

    def training(self, iteration: int) -> tuple[Views, Targets]:
        views = self.load_next(iteration, partial(_load_training, self.images, self.recipe, self.trained, self.slots()))
        targets = [view.target.to(self.device) for view in views]
        return Views(self.normalise(view.pixels) for view in views), Targets(targets, self.recipe)

    def normalise(self, images: Tensor) -> Tensor:
        """An image [3, H, W] uint8 less the mean colour, divided by 255, on the device."""
        return (images.to(self.device).float() - self.mean[0]) / 255

    def single_view(self, split: Split) -> Iterator[tuple[Tensor, Targets]]:
        """One image after the other, [1, 3, H, W]: padding would change what is near the border."""
        for _, view in self.iterate_images(split):
            yield pad_images([self.normalise(view.pixels)]), Targets([view.target.to(self.device)], self.recipe)

    def iterate_images(self, split: Split) -> Iterator[tuple[tuple[int, int], View]]:
        """Each image of this process's part of a split: its own width and height, and its view in a test."""
        positions = self.heldout.tolist() if split == "heldout" else range(self.test_count)
        load = partial(_load_test, self.images, self.recipe, split)
        yield from prefetch(load, positions[self.rank :: self.ranks], self.workers)

    def iterate_scales(self, split: Split) -> Iterator[tuple[tuple[int, int], View, list[Tensor]]]:
        """The same with the image at each of `improvements.scales`, [3, H, W] uint8."""
        load = partial(_load_scales, self.images, self.recipe, split)
        yield from prefetch(load, range(self.rank, self.test_count, self.ranks), self.workers)

    def contents(self, iteration: int) -> list[dict[str, Any]]:
        """Image and mirror of each."""
        slots = range(self.recipe.schedule.batch_size)
        return [
            {"image": image, "mirror": draw_mirror(self.recipe, iteration, slot)}
            for slot, image in zip(slots, self.indices(iteration).tolist(), strict=True)
        ]


def draw_mirror(recipe: DetectionRecipe, iteration: int, slot: int) -> bool:
    """Whether the image in a slot of an iteration's batch is mirrored."""
    random = np.random.default_rng((recipe.seeds[1], AUGMENTATION, iteration, slot))
    return recipe.augmentation.mirror and bool(random.random() < 0.5)


def _without_labels(images: Images) -> Any:
    """Images as batches of classification take them, with one class for all: which of them are held out does not depend
    on their objects.
    """
    labels = {
        f"{split}_labels": torch.zeros(len(annotations), dtype=torch.int64)
        for split, annotations in (("train", images.train_annotations), ("test", images.test_annotations))
    }
    kept = ("meta", "in_memory", "mean", "colour_covariance")
    return SimpleNamespace(**{key: getattr(images, key) for key in kept}, **labels)


def _load_training(
    images: Images, recipe: DetectionRecipe, trained: Tensor, slots: slice, iteration: int
) -> list[View]:
    """This process's part of the batch of an iteration."""
    chosen = trained[draw_indices(recipe, iteration)[slots]].tolist()
    return [_view_training(images, recipe, index, iteration, slot) for slot, index in enumerate(chosen, slots.start)]


def _view_training(images: Images, recipe: DetectionRecipe, index: int, iteration: int, slot: int) -> View:
    image = images.load("train", index)
    pixels, boxes, size = _rescale(image, images.train_annotations[index].boxes, recipe.augmentation)
    classes, _, flags = images.train_annotations[index]
    if draw_mirror(recipe, iteration, slot):
        pixels, boxes = pixels.flip(2), mirror_boxes(boxes, size[0])
    left_out = flags & (CROWD if recipe.difficult else CROWD | DIFFICULT) > 0
    boxes, classes = boxes[~left_out], classes[~left_out]
    stride, shapes = STRIDES[recipe.maps], len(recipe.anchors.sides) * len(recipe.anchors.ratios)
    places = -(-size[0] // stride) * -(-size[1] // stride)
    number = iteration * recipe.schedule.batch_size + slot
    anchor_draws, region_draws = (
        _draw(recipe, stream, number, count)
        for stream, count in ((ANCHORS, shapes * places), (REGIONS, recipe.proposals.training.after + len(boxes)))
    )
    return View(
        pixels, Target(size, boxes, classes, torch.zeros_like(classes, dtype=torch.bool), anchor_draws, region_draws)
    )


def _draw(recipe: DetectionRecipe, stream: int, number: int, count: int) -> Tensor:
    """Draws for image `number` of a training, [count] from 0 to 1."""
    return torch.rand(count, generator=torch.Generator().manual_seed(derived_seed(recipe.seeds[1], stream, number)))


def _load_test(images: Images, recipe: DetectionRecipe, split: Split, index: int) -> tuple[tuple[int, int], View]:
    source = "test" if split == "test" else "train"
    image, (classes, corners, flags) = images.load(source, index), getattr(images, f"{source}_annotations")[index]
    pixels, boxes, size = _rescale(image, corners, recipe.test)
    none = torch.empty(0)
    return image.size, View(pixels, Target(size, boxes, classes, flags & (DIFFICULT | CROWD) > 0, none, none))


def _load_scales(
    images: Images, recipe: DetectionRecipe, split: Split, index: int
) -> tuple[tuple[int, int], View, list[Tensor]]:
    size, view = _load_test(images, recipe, split, index)
    image = images.load("test" if split == "test" else "train", index)
    none = torch.empty(0, 4)
    return size, view, [_rescale(image, none, scale)[0] for scale in list_scales(recipe)]


def list_scales(recipe: DetectionRecipe) -> list[Scale]:
    """The scales of a multi-scale test, in proportion to that of a test."""
    factors = [side / REFERENCE for side in recipe.improvements.scales]
    sides = ("shorter_side", "longer_side")
    return [
        recipe.test.model_copy(update={side: max(1, round(getattr(recipe.test, side) * factor)) for side in sides})
        for factor in factors
    ]


def _rescale(image: Image.Image, boxes: Tensor, scale: Scale) -> tuple[Tensor, Tensor, tuple[int, int]]:
    """Pixels [3, H, W] uint8 of a rescaled image, its boxes in them, and its width and height."""
    size = fit_size(image.size, scale)
    resized = image if size == image.size else image.resize(size, Image.Resampling.BILINEAR)
    factors = torch.tensor([size[0] / image.width, size[1] / image.height] * 2)
    return torch.from_numpy(np.array(resized)).permute(2, 0, 1), boxes * factors, size


make_batches = DetectionBatches
