"""Boxes in views of their images and back.

A box is its corners (left, top, right, bottom) in pixels, the far sides exclusive.
"""

import torch
from torch import Tensor

from replication.data.crops import Frame


def pad_boxes(boxes: list[Tensor]) -> Tensor:
    """Lists of boxes, each [k, 4], as one tensor [n, K, 4]; where there are fewer than K, NaN."""
    most = max(1, *(len(image) for image in boxes))
    result = torch.full((len(boxes), most, 4), float("nan"))
    for row, image in zip(result, boxes, strict=True):
        row[: len(image)] = image
    return result


def to_view(boxes: Tensor, frame: Frame, mirror: bool, visible: float) -> Tensor:
    """Boxes [K, 4] of an image as a view of it shows them, [k, 4] in its pixels.

    Args:
        mirror: the view is mirrored left to right.
        visible: the least share of a box's area that the view must show; a box that shows less is left out.
    """
    moved = to_frame(boxes, frame)
    near = moved[:, :2].clamp(min=0)
    far = torch.minimum(moved[:, 2:], torch.tensor(frame.size, dtype=moved.dtype))
    areas, whole_areas = (far - near).clamp(min=0).prod(1), (moved[:, 2:] - moved[:, :2]).prod(1)
    parts = torch.cat([near, far], dim=1)[(areas >= visible * whole_areas) & (areas > 0)]
    return mirror_boxes(parts, frame.size[0]) if mirror else parts


def to_frame(boxes: Tensor, frame: Frame) -> Tensor:
    """Boxes [..., 4] of an image in the pixels of a view, with what lies outside it."""
    return boxes * torch.tensor(frame.scale * 2) - torch.tensor(frame.left_top * 2)


def to_image(boxes: Tensor, frame: Frame) -> Tensor:
    """Boxes [..., 4] of a view that is not mirrored, in pixels of the image: undoes `to_frame`."""
    return (boxes + torch.tensor(frame.left_top * 2)) / torch.tensor(frame.scale * 2)


def clip_boxes(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes [..., 4] cut to an image of this width and height; each keeps a pixel of it at least."""
    most = torch.tensor(size, dtype=boxes.dtype)
    near = torch.minimum(boxes[..., :2].clamp(min=0), most - 1)
    return torch.cat([near, torch.minimum(torch.maximum(boxes[..., 2:], near + 1), most)], dim=-1)


def mirror_boxes(boxes: Tensor, width: int) -> Tensor:
    """Boxes [..., 4] of a view `width` pixels wide, as its mirror image shows them."""
    left, top, right, bottom = boxes.unbind(-1)
    return torch.stack([width - right, top, width - left, bottom], dim=-1)
