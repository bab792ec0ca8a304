"""The store: a data set as a file of uint8 arrays, its annotations and `meta.json`, with a fingerprint of them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file, save_file

from replication.data.annotations import (
    Annotations,
    extend_fingerprint,
    label_images,
    read_annotations,
    write_annotations,
)
from replication.data.meta import REMAKE, Meta, read_meta, write_meta
from replication.files import check_whole, replace_folder

ARRAYS = "store.safetensors"


@dataclass(frozen=True)
class Split:
    """Images [N, 3, H, W] uint8 and their labels [N] int64, as a source gives them."""

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
    train_annotations: Annotations
    test_annotations: Annotations
    mean: torch.Tensor | None  # see `Statistics`; None where a task computes its own
    colour_covariance: torch.Tensor | None
    in_memory: bool

    def load(self, split: str, index: int) -> Image.Image:
        """Image number `index` of "train" or "test", RGB."""

    @property
    def train_labels(self) -> torch.Tensor:
        """The class of each training image, [N] int64, where each has one (`Annotations.labels`)."""
        return self.train_annotations.labels

    @property
    def test_labels(self) -> torch.Tensor:
        """The class of each test image, as `train_labels`."""
        return self.test_annotations.labels


@dataclass(frozen=True)
class Store(Images):
    """A data set in memory: images [N, 3, H, W] uint8."""

    meta: Meta
    train_images: torch.Tensor
    train_annotations: Annotations
    test_images: torch.Tensor
    test_annotations: Annotations
    mean: torch.Tensor | None = None
    colour_covariance: torch.Tensor | None = None
    in_memory: bool = True

    def load(self, split: str, index: int) -> Image.Image:
        """Image number `index` of "train" or "test", RGB."""
        return make_image((self.train_images if split == "train" else self.test_images)[index].numpy())


def make_image(pixels: NDArray[np.uint8]) -> Image.Image:
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
    boxes: Sequence[Sequence[NDArray[np.float32]]] | None = None,
) -> Meta:
    """Write a store, whole or not at all: it is made beside `folder` and renamed.

    Args:
        boxes: of each image [K, 4], all of its class, for the training and for the test images.
    """
    annotations = [
        label_images(split.labels, corners) for split, corners in zip((train, test), boxes or (None, None), strict=True)
    ]
    meta = Meta(
        name=name,
        source=source,
        pixels=pixels,
        classes=classes,
        train_images=len(train.labels),
        test_images=len(test.labels),
        input_size=train.images.shape[-1],
        fingerprint=extend_fingerprint(fingerprint(train, test), annotations),
    )
    arrays = {"train_images": train.images, "test_images": test.images}
    tensors = {key: torch.from_numpy(np.ascontiguousarray(a)) for key, a in arrays.items()}
    with replace_folder(folder) as unfinished:
        save_file(tensors | (vars(statistics) if statistics else {}), unfinished / ARRAYS)
        write_annotations(unfinished, *annotations)
        write_meta(unfinished, meta)
    return meta


def read_store(folder: Path) -> Store:
    """Read a store that `write_store` made.

    Raises:
        UserError: it is missing or damaged.
    """
    meta = read_meta(folder)
    train, test = read_annotations(folder)
    arrays = load_file(check_whole(folder, ARRAYS, REMAKE))
    return Store(meta, train_annotations=train, test_annotations=test, **arrays)
