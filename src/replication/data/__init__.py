"""Data sets: sources, the store and the index, batches and augmentation."""

import torch

from replication.data.augmentation import augment
from replication.data.batches import Batches, Share
from replication.data.cifar_batches import CifarBatches
from replication.data.index import Index, read_images, read_index, write_index
from replication.data.photograph_batches import PhotographBatches
from replication.data.store import Images, Meta, Split, Statistics, Store, read_store, write_store
from replication.recipe import ImagenetRecipe, Recipe

__all__ = [
    "Batches", "CifarBatches", "Images", "Index", "Meta", "PhotographBatches", "Share", "Split", "Statistics", "Store",
    "augment", "make_batches", "read_images", "read_index", "read_store", "write_index", "write_store",
]  # fmt: skip


def make_batches(images: Images, recipe: Recipe, device: torch.device, share: Share = Share()) -> Batches:  # noqa: B008
    """The batches that a recipe describes."""
    kind = PhotographBatches if isinstance(recipe, ImagenetRecipe) else CifarBatches
    return kind(images, recipe, device, share)
