"""Batches of section 4.1: photographs are rescaled, cropped and mirrored one by one, by loader workers if they must be
decoded first; the colour shift and the mean are batched operations on the device.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from replication.arms.imagenet import ImagenetRecipe, RescaledCrop
from replication.feed.batches import AUGMENTATION, Batches, Split, drawn
from replication.images.crops import Pixels, centre_crop, crop
from replication.images.store import Images

CHUNK = 100  # test images that a worker loads at a time

View = Callable[[Image.Image], Pixels]


class PhotographBatches(Batches):
    """Batches of photographs; the curve's test is on centre crops (Figure 4)."""

    recipe: ImagenetRecipe

    def __init__(self, images: Images, recipe: ImagenetRecipe, device: torch.device, rank: int = 0, ranks: int = 1):
        super().__init__(images, recipe, device, rank, ranks)
        self.images = images
        # Decoding keeps a GPU busy only with every core at it; images in memory need no worker.
        self.workers = 0 if images.in_memory else max(1, _cores() // ranks)
        self.mean = images.mean[None].to(device)
        variances, components = torch.linalg.eigh(images.colour_covariance.double())
        # Rows: a unit of each principal component, times its eigenvalue, of colours in 0..1 (AlexNet, section 4.1).
        self.components = (components * variances).T.float().to(device)
        self._training: Iterator | None = None
        self._next = -1

    def training(self, iteration: int) -> tuple[Tensor, Tensor]:
        planned = self.recipe.schedule.iterations  # statistics may be recomputed over more batches than were trained on
        if self._training is None or iteration != self._next or iteration >= planned:
            iterations = range(iteration, max(planned, iteration + 1))
            views = _TrainingViews(self.images, self.recipe, self.trained, self.slots())
            self._training = iter(self._loader(views, iterations))
        self._next = iteration + 1
        pixels, colours, labels = (part.to(self.device, non_blocking=True) for part in next(self._training))
        images = self.plain(pixels.permute(0, 3, 1, 2))
        return images + (colours @ self.components)[:, :, None, None], labels

    def single_view(self, split: Split) -> Iterator[tuple[Tensor, Tensor]]:
        side, size = self.recipe.test.shorter_side, self.recipe.input_size
        for pixels, labels in self.views(split, lambda image: centre_crop(image, side, size)):
            yield self.plain(torch.stack(pixels).permute(0, 3, 1, 2)), labels

    def views(self, split: Split, view: View) -> Iterator[tuple[list[Tensor], Tensor]]:
        """A split in parts: for each image what `view` makes of it, uint8 on the device; labels [n]."""
        positions = self.heldout.tolist() if split == "heldout" else range(self.test_count)
        chunks = [positions[i : i + CHUNK] for i in range(0, len(positions), CHUNK)]
        for pixels, labels in self._loader(_TestViews(self.images, split, view), chunks[self.rank :: self.ranks]):
            yield [part.to(self.device) for part in pixels], labels.to(self.device)

    def _loader(self, views: Dataset, items: Sequence[int] | list[Sequence[int]]) -> DataLoader:
        return DataLoader(
            views, batch_size=None, sampler=items, num_workers=self.workers,
            prefetch_factor=4 if self.workers else None, pin_memory=self.device.type == "cuda",
            multiprocessing_context="fork" if self.workers else None,
        )  # fmt: skip


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _TrainingViews(Dataset):
    """Item i: this process's part of the batch of iteration i, as (pixels [B, S, S, 3], colours [B, 3], labels [B]).

    It does not hold the batches, which hold its loader: Python takes many seconds to free workers that lie on a cycle.
    """

    def __init__(self, images: Images, recipe: ImagenetRecipe, trained: Tensor, slots: slice):
        self.images, self.recipe, self.trained, self.slots = images, recipe, trained, slots

    def __getitem__(self, iteration: int) -> tuple[Tensor, Tensor, Tensor]:
        chosen = self.trained[drawn(self.recipe, iteration)[self.slots]]
        seen = [self._view(int(i), iteration, slot) for slot, i in enumerate(chosen, start=self.slots.start)]
        pixels, colours = (np.stack(part) for part in zip(*seen, strict=True))
        return torch.from_numpy(pixels), torch.from_numpy(colours).float(), self.images.train_labels[chosen]

    def _view(self, index: int, iteration: int, slot: int) -> tuple[Pixels, NDArray[np.float64]]:
        recipe = self.recipe
        random = np.random.default_rng((recipe.seed, AUGMENTATION, iteration, slot))
        view = draw_view(recipe.augmentation, random)
        image = self.images.load("train", index)
        pixels = crop(image, view.shorter_side, recipe.input_size, view.down, view.across)
        return pixels[:, ::-1] if view.mirror else pixels, view.colour


class _TestViews(Dataset):
    """Item: the positions of some images, as a list of what `view` makes of each, and labels [n]."""

    def __init__(self, images: Images, split: Split, view: View):
        self.images, self.split, self.view = images, "test" if split == "test" else "train", view

    def __getitem__(self, chunk: Sequence[int]) -> tuple[list[Tensor], Tensor]:
        labels = self.images.test_labels if self.split == "test" else self.images.train_labels
        pixels = [torch.from_numpy(self.view(self.images.load(self.split, index))) for index in chunk]
        return pixels, labels[list(chunk)]


@dataclass(frozen=True)
class RandomView:
    """One draw of the training augmentation. `down` and `across` place the crop, each from 0 (top, left) to 1."""

    shorter_side: int
    down: float
    across: float
    mirror: bool
    colour: NDArray[np.float64]  # weight of each principal component of the colours, [3]


def draw_view(options: RescaledCrop, random: np.random.Generator) -> RandomView:
    """Draw a view: every shorter side of the range, both ends included, equally likely."""
    least, most = options.shorter_side
    return RandomView(
        shorter_side=int(random.integers(least, most + 1)),
        down=random.random(),
        across=random.random(),
        mirror=options.mirror and random.random() < 0.5,
        colour=random.normal(0, options.colour, 3) if options.colour else np.zeros(3),
    )
