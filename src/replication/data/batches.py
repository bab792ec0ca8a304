"""The training batches of a run, each a pure function of the seed and the iteration."""

from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from replication.data.augmentation import augment
from replication.data.store import Store
from replication.errors import UserError
from replication.recipe import Recipe

# Streams of random numbers that one seed feeds.
ORDER, AUGMENTATION, WEIGHTS = range(3)


def derived_seed(seed: int, stream: int, index: int = 0) -> int:
    """An independent 64-bit seed for each stream and index of a run."""
    return int(np.random.SeedSequence((seed, stream, index)).generate_state(1, np.uint64)[0])


class Batches:
    """Training, held-out and test images on the device, mean subtracted.

    As the batch of an iteration depends on nothing but seed and iteration, a resumed run, another device or another
    number of processes sees the same images in the same order with the same crops. Pixels are scaled to 0..1, a
    constant factor that the batch norm behind the first layer takes out again; no standard deviation is involved.
    """

    def __init__(self, store: Store, recipe: Recipe, device: torch.device):
        if recipe.train_images > len(store.train_labels):
            raise UserError(
                f"train_images is {recipe.train_images:,}, but {store.meta.name} has only "
                f"{len(store.train_labels):,} training images; lower it in the profile."
            )
        used = recipe.train_images
        self.recipe, self.device = recipe, device
        self.images = store.train_images[:used].to(device)
        self.labels = store.train_labels[:used].to(device)
        # Per-pixel mean of the images that are trained on (section 4.2), [1, 3, H, W] in 0..255.
        self.mean = store.train_images[:used].double().mean(0, keepdim=True).float().to(device)
        self.heldout = (store.train_images[used:].to(device), store.train_labels[used:].to(device))
        self.test = (store.test_images.to(device), store.test_labels.to(device))
        self._order = lru_cache(maxsize=4)(self._order_of_epoch)

    def training(self, iteration: int) -> tuple[Tensor, Tensor]:
        """The batch of an iteration: images [B, 3, H, W] augmented, labels [B].

        Epochs follow each other without a gap: a batch may take the last images of one and the first of the next.
        """
        chosen = self.indices(iteration).to(self.device)
        generator = torch.Generator().manual_seed(derived_seed(self.recipe.seed, AUGMENTATION, iteration))
        options = self.recipe.augmentation
        images = self.images[chosen].float()
        if options.zero == "after_mean":
            images = augment((images - self.mean) / 255, options.pad, options.mirror, generator)
        else:
            images = (augment(images, options.pad, options.mirror, generator) - self.mean) / 255
        return images, self.labels[chosen]

    def indices(self, iteration: int) -> Tensor:
        """Which training images the batch of an iteration holds, [B]."""
        batch, count = self.recipe.schedule.batch_size, len(self.labels)
        position = torch.arange(iteration * batch, (iteration + 1) * batch)
        epochs = position // count
        return torch.cat([self._order(int(e))[position[epochs == e] % count] for e in epochs.unique()])

    def plain(self, images: Tensor) -> Tensor:
        """Images as a net sees them without augmentation: the single original view (section 4.2)."""
        return ((images.float() - self.mean) / 255).contiguous(memory_format=torch.channels_last)

    def _order_of_epoch(self, epoch: int) -> Tensor:
        generator = torch.Generator().manual_seed(derived_seed(self.recipe.seed, ORDER, epoch))
        return torch.randperm(len(self.labels), generator=generator)
