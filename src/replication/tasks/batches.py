"""The training batches of a run, each a pure function of the seed and the iteration."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from replication.config.recipe import Recipe
from replication.data.heldout import split_training
from replication.data.store import Images
from replication.errors import UserError
from replication.tasks import get_task

# Streams of random numbers that one seed feeds.
ORDER, AUGMENTATION, WEIGHTS = range(3)
DROPOUT = 99  # far from the streams that tasks add

THOUSAND = 1000  # iterations that one digest of the data order covers

Split = Literal["test", "heldout"]


def derived_seed(seed: int, stream: int, index: int = 0) -> int:
    """An independent 64-bit seed for each stream and index of a run."""
    return int(np.random.SeedSequence((seed, stream, index)).generate_state(1, np.uint64)[0])


class TrainedNet(NamedTuple):
    """A trained net that a run starts from, ready for testing, and images as that net sees them."""

    net: nn.Module
    batches: "Batches"


class Batches(ABC):
    """Training, held-out and test images as a net sees them, on the device, mean subtracted.

    The batch of an iteration depends only on seed and iteration. So a resumed run, another device or another number of
    processes sees the same images in the same order with the same crops. Pixels are scaled to 0..1, without a standard
    deviation: the batch norm after the first layer cancels a constant factor.
    """

    # By role, as in the recipe; set it before use if the recipe names some.
    started_from: Mapping[str, TrainedNet] = MappingProxyType({})
    mean: Tensor  # per-pixel mean of the images trained on, [1, 3, S, S] in 0..255, on the device

    def __init__(self, images: Images, recipe: Recipe, device: torch.device, rank: int, ranks: int):
        """Part `rank` of `ranks` equal parts of every batch is this process's."""
        count = len(images.train_labels)
        if recipe.train_images > count:
            raise UserError(
                f"train_images is {recipe.train_images:,}, but {images.meta.name} has only "
                f"{count:,} training images; lower it in the profile.",
                kind="invalid",
                key="train_images",
            )
        self.recipe, self.device, self.rank, self.ranks = recipe, device, rank, ranks
        self.class_names = get_task(recipe.task).class_names(images.meta.classes)
        self.classes = len(self.class_names)
        self.trained, self.heldout = split_training(images.train_labels, recipe.train_images)  # positions in the store
        self.test_count, self.heldout_count = len(images.test_labels), len(self.heldout)

    @abstractmethod
    def training(self, iteration: int) -> tuple[Tensor, Tensor]:
        """This process's part of the batch of an iteration: images [B / ranks, 3, S, S] augmented, labels.

        Epochs follow each other without a gap: a batch may join the last images of one and the first of the next.
        """

    @abstractmethod
    def single_view(self, split: Split) -> Iterator[tuple[Tensor, Tensor]]:
        """This process's part of a split, in chunks, one view of each image, not augmented: [n, 3, S, S], labels."""

    def indices(self, iteration: int) -> Tensor:
        """Positions of the training images that the batch of an iteration holds, on all processes together, [B]."""
        return self.trained[draw_indices(self.recipe, iteration)]

    @abstractmethod
    def contents(self, iteration: int) -> list[dict[str, Any]]:
        """What the batch of an iteration holds, on all processes together: one row per image, in their order.

        `image` is its position in the store; the other columns describe crop and mirror.
        """

    def order_digests(self) -> list[str]:
        """sha256 of `indices`, as int64, over each thousand iterations of the schedule; 16 hex digits.

        Two runs that saw the same images in the same order have the same digests; crops follow from the same seed.
        """
        digests, iterations = [], self.recipe.schedule.iterations
        for first in range(0, iterations, THOUSAND):
            digest = hashlib.sha256()
            for iteration in range(first, min(first + THOUSAND, iterations)):
                digest.update(self.indices(iteration).numpy().tobytes())
            digests.append(digest.hexdigest()[:16])
        return digests

    def slots(self) -> slice:
        """The places in the batch that are this process's."""
        part = self.recipe.schedule.batch_size // self.ranks
        return slice(self.rank * part, (self.rank + 1) * part)

    def normalise(self, images: Tensor) -> Tensor:
        """Subtract the mean image from uint8 images [n, 3, H, W], rescaled to their size, and divide by 255."""
        return subtract_mean(images, self.mean)


def subtract_mean(images: Tensor, mean: Tensor) -> Tensor:
    """Subtract the mean image [1, 3, S, S], rescaled to their size, from uint8 images [n, 3, H, W]; divide by 255."""
    if images.shape[2:] != mean.shape[2:]:
        mean = interpolate(mean, images.shape[2:], mode="bilinear", antialias=True)
    return ((images.float() - mean) / 255).contiguous(memory_format=torch.channels_last)


def draw_indices(recipe: Recipe, iteration: int) -> Tensor:
    """The images in the batch of an iteration, [B], as positions among the images trained on."""
    batch, count = recipe.schedule.batch_size, recipe.train_images
    position = torch.arange(iteration * batch, (iteration + 1) * batch)
    epochs = position // count
    return torch.cat([_order(recipe.seeds[1], count, int(e))[position[epochs == e] % count] for e in epochs.unique()])


@lru_cache(maxsize=4)
def _order(seed: int, count: int, epoch: int) -> Tensor:
    return torch.randperm(count, generator=torch.Generator().manual_seed(derived_seed(seed, ORDER, epoch)))
