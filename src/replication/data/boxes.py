"""Boxes of a data set: which objects of an image's own class are where, for the task `localization` (appendix C).

A box is its corners (left, top, right, bottom) in pixels of the image as it lies on the disk, the far sides exclusive.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor

from replication.data.crops import Frame
from replication.files import check_whole

BOXES = "boxes.safetensors"


@dataclass(frozen=True)
class Boxes:
    """The boxes of a split: those of image i are `corners[ends[i - 1]:ends[i]]`; many images have one, some none."""

    corners: Tensor  # [M, 4] float32
    ends: Tensor  # [N] int64

    def of(self, index: int) -> Tensor:
        """The boxes of an image, [K, 4]."""
        return self.corners[int(self.ends[index - 1]) if index else 0 : int(self.ends[index])]

    def digest(self) -> bytes:
        """sha256 of all of them, in order."""
        return hashlib.sha256(self.ends.numpy().tobytes() + self.corners.numpy().tobytes()).digest()


def write_boxes(folder: Path, train: Boxes, test: Boxes) -> None:
    """Write the boxes of a store or an index beside its images."""
    splits = {"train": train, "test": test}
    tensors = {f"{split}_{key}": of for split, boxes in splits.items() for key, of in vars(boxes).items()}
    save_file(tensors, folder / BOXES)


def read_boxes(folder: Path, remedy: str) -> tuple[Boxes, Boxes] | tuple[None, None]:
    """The boxes of the training and the test images; None where there are none.

    Raises:
        UserError: they are damaged.
    """
    if not (folder / BOXES).exists():
        return None, None
    found = load_file(check_whole(folder, BOXES, remedy))
    train, test = (Boxes(found[f"{split}_corners"], found[f"{split}_ends"]) for split in ("train", "test"))
    return train, test


def gathered(boxes: list[NDArray[np.float32]]) -> Boxes:
    """The boxes of a split from those of each of its images, [K, 4]."""
    ends = torch.tensor([len(of) for of in boxes], dtype=torch.int64).cumsum(0)
    corners = np.concatenate([np.empty((0, 4), np.float32), *boxes]).astype(np.float32)
    return Boxes(torch.from_numpy(corners), ends)


def padded(boxes: list[Tensor]) -> Tensor:
    """Lists of boxes, each [k, 4], as one tensor [n, K, 4]; where there are fewer than K, NaN."""
    most = max(1, *(len(of) for of in boxes))
    result = torch.full((len(boxes), most, 4), float("nan"))
    for row, of in zip(result, boxes, strict=True):
        row[: len(of)] = of
    return result


def in_view(boxes: Tensor, frame: Frame, mirror: bool, visible: float) -> Tensor:
    """Boxes [K, 4] of an image as a view of it shows them, [k, 4] in its pixels.

    Args:
        mirror: the view is mirrored left to right.
        visible: of a box, the least share of its area that lies in the view; one that shows less is left out.
    """
    moved = in_frame(boxes, frame)
    near = moved[:, :2].clamp(min=0)
    far = torch.minimum(moved[:, 2:], torch.tensor(frame.size, dtype=moved.dtype))
    shown, whole = (far - near).clamp(min=0).prod(1), (moved[:, 2:] - moved[:, :2]).prod(1)
    seen = torch.cat([near, far], dim=1)[(shown >= visible * whole) & (shown > 0)]
    return mirrored(seen, frame.size[0]) if mirror else seen


def in_frame(boxes: Tensor, frame: Frame) -> Tensor:
    """Boxes [..., 4] of an image in the pixels of a view, also what lies outside it."""
    return boxes * torch.tensor(frame.scale * 2) - torch.tensor(frame.left_top * 2)


def in_image(boxes: Tensor, frame: Frame) -> Tensor:
    """Boxes [..., 4] of a view that is not mirrored, in pixels of the image: undoes `in_frame`."""
    return (boxes + torch.tensor(frame.left_top * 2)) / torch.tensor(frame.scale * 2)


def clipped(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """The parts of boxes [..., 4] that lie in an image of this width and height; each has a pixel of it at least."""
    most = torch.tensor(size, dtype=boxes.dtype)
    near = torch.minimum(boxes[..., :2].clamp(min=0), most - 1)
    return torch.cat([near, torch.minimum(torch.maximum(boxes[..., 2:], near + 1), most)], dim=-1)


def mirrored(boxes: Tensor, width: int) -> Tensor:
    """Boxes [..., 4] of a view `width` pixels wide, as its mirror image shows them."""
    left, top, right, bottom = boxes.unbind(-1)
    return torch.stack([width - right, top, width - left, bottom], dim=-1)
