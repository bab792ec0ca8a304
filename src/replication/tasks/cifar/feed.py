"""Batches of section 4.2: all images are on the device, and are cropped and mirrored there."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad as zero_pad

from replication.data.store import Store
from replication.tasks.batches import AUGMENTATION, Batches, Split, derived_seed
from replication.tasks.cifar.recipe import CifarRecipe

CHUNK = 100  # test images at a time: their maps stay in a core's cache; the last bits of a score depend on it


class CifarBatches(Batches):
    """Batches of small images; the test is on the single original view."""

    recipe: CifarRecipe

    def __init__(self, store: Store, recipe: CifarRecipe, device: torch.device, rank: int = 0, ranks: int = 1):
        super().__init__(store, recipe, device, rank, ranks)
        self.images, self.labels = store.train_images.to(device), store.train_labels.to(device)
        # Per-pixel mean of the images that are trained on (section 4.2).
        self.mean = store.train_images[self.trained].double().mean(0, keepdim=True).float().to(device)
        self._splits = {
            "test": (store.test_images.to(device), store.test_labels.to(device)),
            "heldout": (store.train_images[self.heldout].to(device), store.train_labels[self.heldout].to(device)),
        }

    def training(self, iteration: int) -> tuple[Tensor, Tensor]:
        chosen = self.indices(iteration).to(self.device)
        generator = torch.Generator().manual_seed(derived_seed(self.recipe.seeds[1], AUGMENTATION, iteration))
        options = self.recipe.augmentation
        images = self.images[chosen].float()
        if options.zero == "after_mean":
            images = augment((images - self.mean) / 255, options.pad, options.mirror, generator)
        else:
            images = (augment(images, options.pad, options.mirror, generator) - self.mean) / 255
        return images[self.slots()], self.labels[chosen][self.slots()]

    def contents(self, iteration: int) -> list[dict[str, Any]]:
        """`down` and `across` place the crop in the padded image, pixels from its top left."""
        chosen, options = self.indices(iteration), self.recipe.augmentation
        generator = torch.Generator().manual_seed(derived_seed(self.recipe.seeds[1], AUGMENTATION, iteration))
        top, left, flipped = draw_crops(len(chosen), options.pad, generator)
        columns = (chosen, top[:, 0], left[:, 0], flipped[:, 0] & options.mirror)
        return [
            {"image": image, "down": down, "across": across, "mirror": mirror}
            for image, down, across, mirror in zip(*(column.tolist() for column in columns), strict=True)
        ]

    def single_view(self, split: Split) -> Iterator[tuple[Tensor, Tensor]]:
        images, labels = self._splits[split]
        for part, truth in list(zip(images.split(CHUNK), labels.split(CHUNK), strict=True))[self.rank :: self.ranks]:
            yield self.plain(part), truth


def draw_crops(count: int, pad: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Draw for each of `count` images the row and column of its crop, and whether it is mirrored, each [N, 1]."""
    top, left = torch.randint(0, 2 * pad + 1, (2, count, 1), generator=generator)
    return top, left, torch.rand((count, 1), generator=generator) < 0.5


def augment(images: Tensor, pad: int, mirror: bool, generator: torch.Generator) -> Tensor:
    """Crop each image at random from its zero-padded self, and mirror half of them.

    With `pad` 4 there are 9 x 9 = 81 crops, all equally likely.

    Args:
        images: [N, C, H, W].
        pad: zeros added on each side, pixels.
        mirror: flip each image left to right with probability 1/2.
        generator: a CPU generator, so that the same crops are drawn whatever the device.

    Returns:
        [N, C, H, W], in channels_last memory.
    """
    count, _, height, width = images.shape
    top, left, flipped = draw_crops(count, pad, generator)
    rows = top + torch.arange(height)
    columns = left + torch.arange(width)
    if mirror:
        columns = torch.where(flipped, columns.flip(1), columns)
    image, rows, columns = (
        i.to(images.device) for i in (torch.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :])
    )
    crops = zero_pad(images, (pad, pad, pad, pad))[image, :, rows, columns]
    return crops.permute(0, 3, 1, 2)


make_batches = CifarBatches
