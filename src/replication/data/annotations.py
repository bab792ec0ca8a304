"""The objects of images: their classes, boxes and flags. A class label is one object without a box.

A box is its corners (left, top, right, bottom) in pixels of the image as it lies on the disk, the far sides exclusive.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from replication.data.meta import REMAKE
from replication.files import check_whole

ANNOTATIONS = "annotations.safetensors"
KEYS = ("classes", "boxes", "flags", "ends")  # of its tensors, after "train_" or "test_"
DIFFICULT, CROWD = 1, 2  # bits of a flag


class Objects(NamedTuple):
    """The objects of one image, K of them or none."""

    classes: Tensor  # [K] int64
    boxes: Tensor | None  # [K, 4] float32; None: the data set has none
    flags: Tensor  # [K] uint8, see `DIFFICULT` and `CROWD`


@dataclass(frozen=True)
class Annotations:
    """The objects of a split, image by image: `annotations[i]` are those of image i."""

    classes: Tensor  # [M] int64
    boxes: Tensor | None  # [M, 4] float32
    flags: Tensor  # [M] uint8
    ends: Tensor  # [N] int64: the objects of image i are the rows from ends[i - 1] to ends[i]

    def __len__(self) -> int:
        """The number of images."""
        return len(self.ends)

    def __getitem__(self, index: int) -> Objects:
        if not 0 <= index < len(self):
            raise IndexError(index)
        rows = slice(int(self.ends[index - 1]) if index else 0, int(self.ends[index]))
        return Objects(self.classes[rows], None if self.boxes is None else self.boxes[rows], self.flags[rows])

    @cached_property
    def has_labels(self) -> bool:
        """Whether each image has objects, all of one class."""
        counts = self.ends.diff(prepend=torch.zeros(1, dtype=torch.int64))
        if (counts == 0).any():
            return False
        return torch.equal(self.classes, self.classes[self.ends - 1].repeat_interleave(counts))

    @cached_property
    def labels(self) -> Tensor:
        """The class of each image, [N].

        Raises:
            ValueError: an image has objects of several classes, or none.
        """
        if not self.has_labels:
            raise ValueError("these images have no labels: some have objects of several classes, or none")
        return self.classes[self.ends - 1]

    @property
    def needs_classes_and_flags(self) -> bool:
        """Whether an image has objects of several classes or none, or an object has a flag."""
        return not self.has_labels or bool(self.flags.any())

    def digest(self) -> bytes:
        """sha256 of the objects, in order. Labels are left out: the fingerprint of the images has them."""
        parts = [self.ends] if self.boxes is None else [self.ends, self.boxes]
        if self.needs_classes_and_flags:
            parts += [self.classes, self.flags]
        return hashlib.sha256(b"".join(part.numpy().tobytes() for part in parts)).digest()


def label_images(labels: ArrayLike, boxes: Sequence[NDArray[np.float32]] | None = None) -> Annotations:
    """The annotations of images of one class each.

    Args:
        labels: [N].
        boxes: of each image [K, 4], all of its class; an image without a box has no object.
    """
    classes = torch.tensor(np.ascontiguousarray(labels), dtype=torch.int64)
    if boxes is None:
        counts, corners = torch.ones_like(classes), None
    else:
        counts = torch.tensor([len(image) for image in boxes], dtype=torch.int64)
        corners = torch.tensor(np.concatenate([np.empty((0, 4)), *boxes]), dtype=torch.float32)
        classes = classes.repeat_interleave(counts)
    return Annotations(classes, corners, torch.zeros(len(classes), dtype=torch.uint8), counts.cumsum(0))


def gather(images: Sequence[Objects]) -> Annotations:
    """The annotations of a split from the objects of each of its images, which all have boxes, or none has."""
    classes, boxes, flags = zip(*images, strict=True)
    ends = torch.tensor([len(image) for image in classes]).cumsum(0)
    return Annotations(torch.cat(classes), None if boxes[0] is None else torch.cat(boxes), torch.cat(flags), ends)


def extend_fingerprint(fingerprint: str, splits: Sequence[Annotations]) -> str:
    """The fingerprint of images and their labels, extended by what else is known of their objects, if anything is."""
    if all(split.boxes is None and not split.needs_classes_and_flags for split in splits):
        return fingerprint
    return hashlib.sha256(b"".join([fingerprint.encode(), *(split.digest() for split in splits)])).hexdigest()


def write_annotations(folder: Path, train: Annotations, test: Annotations) -> None:
    """Write the annotations of a store or an index beside its images."""
    tensors = {}
    for split, annotations in (("train", train), ("test", test)):
        tensors |= {f"{split}_{key}": getattr(annotations, key) for key in KEYS}
    save_file({key: tensor for key, tensor in tensors.items() if tensor is not None}, folder / ANNOTATIONS)


def read_annotations(folder: Path) -> tuple[Annotations, Annotations]:
    """The annotations of the training and the test images.

    Raises:
        UserError: they are missing, as in a folder that an older version prepared, or damaged.
    """
    tensors = load_file(check_whole(folder, ANNOTATIONS, REMAKE))
    train, test = (Annotations(*(tensors.get(f"{split}_{key}") for key in KEYS)) for split in ("train", "test"))
    return train, test
