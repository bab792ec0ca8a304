"""Batches of section 4.1: photographs are rescaled, cropped and mirrored one by one, in loader threads if they must be
decoded first. Colour shift and mean are batched operations on the device.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from replication.data.crops import Pixels, centre_crop, crop
from replication.data.store import Images
from replication.tasks.batches import AUGMENTATION, Batches, Split, draw_indices
from replication.tasks.imagenet.recipe import ImagenetRecipe, RescaledCrop

CHUNK = 100  # test images that a worker loads at a time
PIXELS = 100 * 224 * 224  # of test images in one forward pass, so that no scale needs more memory than another
BATCHES_AHEAD = 2  # batches that a worker may be ahead

View = Callable[[Image.Image], Pixels]


class PhotographBatches(Batches):
    """Batches of photographs; the curve's test is on centre crops (Figure 4)."""

    recipe: ImagenetRecipe

    def __init__(self, images: Images, recipe: ImagenetRecipe, device: torch.device, rank: int = 0, ranks: int = 1):
        super().__init__(images, recipe, device, rank, ranks)
        self.images = images
        # Decoding needs every core to keep a GPU busy; images in memory need no worker.
        self.workers = 0 if images.in_memory else max(1, _cores() // ranks)
        self.mean = images.mean[None].to(device)
        variances, components = torch.linalg.eigh(images.colour_covariance.double())
        # Rows: a unit of each principal component, times its eigenvalue, of colours in 0..1 (AlexNet, section 4.1).
        self.components = (components * variances).T.float().to(device)
        self._training: Iterator | None = None
        self._next = -1

    def training(self, iteration: int) -> tuple[Tensor, Tensor]:
        images, labels, _ = self.load_with_sizes(iteration)
        return images, labels

    def load_with_sizes(self, iteration: int) -> tuple[Tensor, Tensor, Tensor]:
        """`training`, and width and height of the original images, [B / ranks, 2]."""
        pinned = self.device.type == "cuda"
        views = partial(_training_views, self.images, self.recipe, self.trained, self.slots(), pinned)
        *parts, sizes = self.load_next(iteration, views)
        pixels, colours, labels = (part.to(self.device, non_blocking=True) for part in parts)
        return self.shift_colours(pixels, colours), labels, sizes

    def load_next(self, iteration: int, load: Callable[[int], Any]) -> Any:
        """The result of `load` for an iteration; threads prefetch the next ones. `load` is the same in all calls."""
        planned = self.recipe.schedule.iterations  # statistics may be recomputed over more batches than were trained on
        if self._training is None or iteration != self._next or iteration >= planned:
            self._training = prefetch(load, range(iteration, max(planned, iteration + 1)), self.workers)
        self._next = iteration + 1
        return next(self._training)

    def shift_colours(self, pixels: Tensor, colours: Tensor) -> Tensor:
        """uint8 views [B, S, S, 3] less the mean, shifted by `colours` [B, 3] times the principal components."""
        return self.normalise(pixels.permute(0, 3, 1, 2)) + (colours @ self.components)[:, :, None, None]

    def single_view(self, split: Split) -> Iterator[tuple[Tensor, Tensor]]:
        side, size = self.recipe.test.shorter_side, self.recipe.input_size
        for pixels, labels in self.views(split, lambda image: centre_crop(image, side, size)):
            yield self.normalise(torch.stack(pixels).permute(0, 3, 1, 2)), labels

    def contents(self, iteration: int) -> list[dict[str, Any]]:
        """See `RandomView`."""
        views = [draw_slot_view(self.recipe, iteration, slot) for slot in range(self.recipe.schedule.batch_size)]
        return [
            {"image": image, **vars(view), "colour": " ".join(f"{weight:.6g}" for weight in view.colour)}
            for image, view in zip(self.indices(iteration).tolist(), views, strict=True)
        ]

    def views(self, split: Split, view: View) -> Iterator[tuple[list[Tensor], Tensor]]:
        """A split in parts: the `view` of each image, uint8 on the device, and labels [n]."""
        positions = self.heldout.tolist() if split == "heldout" else range(self.test_count)
        chunks = [positions[i : i + CHUNK] for i in range(0, len(positions), CHUNK)]
        views = partial(_test_views, self.images, split, view)
        for pixels, labels in prefetch(views, chunks[self.rank :: self.ranks], self.workers):
            yield [part.to(self.device) for part in pixels], labels.to(self.device)


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def prefetch(load: Callable[[Any], Any], items: Iterable[Any], workers: int) -> Iterator[Any]:
    """The results of `load` for each item, in order; worker threads prefetch the next ones. Without workers: on demand.

    Threads suffice, as Pillow decodes and rescales without the interpreter's lock. Processes would need shared memory,
    wait for ever where it is too small, and cannot be forked from a process that uses CUDA.
    """
    if not workers:
        yield from map(load, items)
        return
    pool, waiting = ThreadPoolExecutor(workers, "loader"), deque()
    try:
        for item in items:
            waiting.append(pool.submit(load, item))
            if len(waiting) > BATCHES_AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


# These functions do not refer to the batches, which hold the generator of `prefetch`: in a cycle its threads would live
# until the garbage collector runs.


def _training_views(
    images: Images, recipe: ImagenetRecipe, trained: Tensor, slots: slice, pinned: bool, iteration: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """This process's part of the batch of an iteration: pixels [B, S, S, 3], colours [B, 3], labels [B], sizes [B, 2]
    of the images.
    """
    chosen = trained[draw_indices(recipe, iteration)[slots]]
    views = [_training_view(images, recipe, int(i), iteration, slot) for slot, i in enumerate(chosen, slots.start)]
    pixels, colours, sizes = (torch.from_numpy(np.stack(part)) for part in zip(*views, strict=True))
    parts = pixels, colours.float(), images.train_labels[chosen], sizes
    return tuple(part.pin_memory() for part in parts) if pinned else parts


def _training_view(
    images: Images, recipe: ImagenetRecipe, index: int, iteration: int, slot: int
) -> tuple[Pixels, NDArray[np.float64], tuple[int, int]]:
    view = draw_slot_view(recipe, iteration, slot)
    image = images.load("train", index)
    pixels = crop(image, view.shorter_side, recipe.input_size, view.down, view.across)
    return pixels[:, ::-1] if view.mirror else pixels, view.colour, image.size


def draw_slot_view(recipe: ImagenetRecipe, iteration: int, slot: int) -> "RandomView":
    """The random view of the image in a slot of an iteration's batch."""
    return draw_view(recipe.augmentation, np.random.default_rng((recipe.seeds[1], AUGMENTATION, iteration, slot)))


def _test_views(images: Images, split: Split, view: View, chunk: Sequence[int]) -> tuple[list[Tensor], Tensor]:
    """The `view` of each of some images, and labels [n]."""
    source = "test" if split == "test" else "train"
    labels = images.test_labels if source == "test" else images.train_labels
    return [torch.from_numpy(view(images.load(source, index))) for index in chunk], labels[list(chunk)]


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


make_batches = PhotographBatches
