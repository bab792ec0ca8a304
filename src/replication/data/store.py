"""The store: a data set as one file of uint8 arrays plus `meta.json`, with a fingerprint of its pixels."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file, save_file

from replication.data.boxes import Boxes, read_boxes, write_boxes
from replication.data.meta import REMAKE, Meta, read_meta, write_meta
from replication.files import check_whole, replacing

ARRAYS = "store.safetensors"


@dataclass(frozen=True)
class Split:
    """images [N, 3, H, W] uint8, labels [N] int64."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class Statistics:
    """What section 3.4 needs of the training images as it crops them: mean [3, S, S] in 0..255, and the covariance of
    their colours [3, 3] in 0..1.
    """

    mean: torch.Tensor
    colour_covariance: torch.Tensor


class Images(Protocol):
    """A prepared data set: a `Store` in memory, or an `Index` over files that are decoded when they are needed."""

    meta: Meta
    train_labels: torch.Tensor  # [N] int64
    test_labels: torch.Tensor
    mean: torch.Tensor | None  # see `Statistics`; None for the task `cifar`
    colour_covariance: torch.Tensor | None
    in_memory: bool
    train_boxes: Boxes | None  # of the objects, for the task `localization`
    test_boxes: Boxes | None

    def load(self, split: str, index: int) -> Image.Image:
        """Image number `index` of "train" or "test", RGB."""


@dataclass(frozen=True)
class Store:
    """A data set in memory: images [N, 3, H, W] uint8, labels [N] int64."""

    meta: Meta
    train_images: torch.Tensor
    train_labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor
    mean: torch.Tensor | None = None
    colour_covariance: torch.Tensor | None = None
    in_memory: bool = True
    train_boxes: Boxes | None = None
    test_boxes: Boxes | None = None

    def load(self, split: str, index: int) -> Image.Image:
        """Image number `index` of "train" or "test", RGB."""
        return image_of((self.train_images if split == "train" else self.test_images)[index].numpy())


def image_of(pixels: NDArray[np.uint8]) -> Image.Image:
    """An image from an array [3, H, W]."""
    return Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0)))


def fingerprint(train: Split, test: Split) -> str:
    """sha256 over pixels and labels of both splits, in order."""
    digest = hashlib.sha256()
    for array in (train.images, train.labels, test.images, test.labels):
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def write_store(
    folder: Path,
    train: Split,
    test: Split,
    *,
    name: str,
    source: str,
    pixels: str,
    classes: list[str],
    statistics: Statistics | None = None,
    boxes: tuple[Boxes, Boxes] | None = None,
) -> Meta:
    """Write a store, whole or not at all: it is made beside `folder` and renamed."""
    meta = Meta(
        name=name,
        source=source,
        pixels=pixels,
        classes=classes,
        train_images=len(train.labels),
        test_images=len(test.labels),
        input_size=train.images.shape[-1],
        fingerprint=with_boxes(fingerprint(train, test), boxes),
    )
    arrays = {
        "train_images": train.images,
        "train_labels": train.labels,
        "test_images": test.images,
        "test_labels": test.labels,
    }
    tensors = {key: torch.from_numpy(np.ascontiguousarray(a)) for key, a in arrays.items()}
    with replacing(folder) as unfinished:
        save_file(tensors | (vars(statistics) if statistics else {}), unfinished / ARRAYS)
        if boxes:
            write_boxes(unfinished, *boxes)
        write_meta(unfinished, meta)
    return meta


def with_boxes(fingerprint: str, boxes: tuple[Boxes, Boxes] | None) -> str:
    """The fingerprint of images and of the boxes that they come with, if they do."""
    if boxes is None:
        return fingerprint
    return hashlib.sha256(b"".join([fingerprint.encode(), *(of.digest() for of in boxes)])).hexdigest()


def read_store(folder: Path) -> Store:
    """Read a store that `write_store` made.

    Raises:
        UserError: it is missing or damaged.
    """
    train, test = read_boxes(folder, REMAKE)
    arrays = load_file(check_whole(folder, ARRAYS, REMAKE))
    return Store(read_meta(folder), **arrays, train_boxes=train, test_boxes=test)
