"""Batches of section 4.2: all images are on the device, and are cropped and mirrored there."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad as zero_pad

from replication.data.store import Store
from replication.tasks.batches import AUGMENTATION, Batches, Split, derived_seed
from replication.tasks.cifar.recipe import CifarRecipe

CHUNK = 100  # test images at a time: their maps stay in a core's cache; the last bits of a score depend on it

AHEAD = 100  # iterations whose draws reach the device in one copy


class CifarBatches(Batches):
    """Batches of small images; the test is on the single original view."""

    recipe: CifarRecipe

    def __init__(self, store: Store, recipe: CifarRecipe, device: torch.device, rank: int = 0, ranks: int = 1):
        super().__init__(store, recipe, device, rank, ranks)
        self.images, self.labels = store.train_images.to(device), store.train_labels.to(device)
        self._first, self._drawn = -1, torch.empty(0)  # draws on the device, and the first iteration that they are of
        # Per-pixel mean of the images that are trained on (section 4.2).
        self.mean = store.train_images[self.trained].double().mean(0, keepdim=True).float().to(device)
        self._splits = {
            "test": (store.test_images.to(device), store.test_labels.to(device)),
            "heldout": (store.train_images[self.heldout].to(device), store.train_labels[self.heldout].to(device)),
        }

    def training(self, iteration: int) -> tuple[Tensor, Tensor]:
        chosen, *places = self._draws(iteration)
        options = self.recipe.augmentation
        images = self.images[chosen].float()
        if options.zero == "after_mean":
            images = crop((images - self.mean) / 255, options.pad, *places)
        else:
            images = (crop(images, options.pad, *places) - self.mean) / 255
        return images[self.slots()], self.labels[chosen][self.slots()]

    def _draws(self, iteration: int) -> Iterable[Tensor]:
        """What `_draw` draws, on the device; of many iterations in one copy, for which the host does not wait."""
        first = iteration - iteration % AHEAD
        if first != self._first:
            drawn = torch.stack([torch.stack(self._draw(each)) for each in range(first, first + AHEAD)])
            pinned = drawn.pin_memory() if self.device.type == "cuda" else drawn
            self._first, self._drawn = first, pinned.to(self.device, non_blocking=True)
        return self._drawn[iteration - first].unbind()

    def _draw(self, iteration: int) -> tuple[Tensor, ...]:
        """The images of an iteration's batch, and row, column and mirroring of their crops, each [B] int64."""
        chosen, options = self.indices(iteration), self.recipe.augmentation
        generator = torch.Generator().manual_seed(derived_seed(self.recipe.seeds[1], AUGMENTATION, iteration))
        return chosen, *draw_crops(len(chosen), options.pad, options.mirror, generator)

    def contents(self, iteration: int) -> list[dict[str, Any]]:
        """`down` and `across` place the crop in the padded image, pixels from its top left."""
        return [
            {"image": image, "down": down, "across": across, "mirror": bool(mirror)}
            for image, down, across, mirror in zip(*(column.tolist() for column in self._draw(iteration)), strict=True)
        ]

    def single_view(self, split: Split) -> Iterator[tuple[Tensor, Tensor]]:
        images, labels = self._splits[split]
        for part, truth in list(zip(images.split(CHUNK), labels.split(CHUNK), strict=True))[self.rank :: self.ranks]:
            yield self.normalise(part), truth


def draw_crops(count: int, pad: int, mirror: bool, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Draw for each of `count` images the row and the column of its crop, and whether it is mirrored, each [N] int64.

    Args:
        pad: zeros on each side of the image; with 4 there are 9 x 9 = 81 crops, all equally likely.
        mirror: mirror an image with probability 1/2.
        generator: a CPU generator, so that the same crops are drawn whatever the device.
    """
    top, left = torch.randint(0, 2 * pad + 1, (2, count), generator=generator)
    mirrored = torch.rand(count, generator=generator) < 0.5
    return top, left, (mirrored & mirror).long()


def crop(images: Tensor, pad: int, top: Tensor, left: Tensor, mirrored: Tensor) -> Tensor:
    """Crop each image [N, C, H, W] from its zero-padded self at its place; mirror it left to right where `mirrored`.

    All are on one device. The result is in channels_last memory.
    """
    count, _, height, width = images.shape
    number = torch.arange(count, device=images.device)[:, None, None]
    across = torch.arange(width, device=images.device)
    columns = left[:, None] + torch.where(mirrored[:, None] != 0, across.flip(0), across)
    rows = top[:, None] + torch.arange(height, device=images.device)
    padded = zero_pad(images, (pad, pad, pad, pad))
    return padded[number, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


make_batches = CifarBatches
