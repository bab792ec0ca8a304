"""Anchors, box encoding and IoU (appendix C; Faster R-CNN). A net's boxes are offsets from anchors.

Boxes are corners (left, top, right, bottom) in pixels, the far sides exclusive: (0, 0, 64, 64) is a whole image.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

RIGHT = 0.5  # least overlap of a correct box with a true one
GROWTH = math.log(1000 / 16)  # largest log ratio of a side to its anchor's, as in Fast R-CNN's code


def anchors(height: int, width: int, stride: int, sides: Sequence[float], ratios: Sequence[float]) -> Tensor:
    """The anchors of a map, [sides * ratios * height * width, 4], in the order of the places within each shape.

    Every layer of our nets has an odd kernel and pads by half of it. So a place of the map is centred on the middle of
    pixel number stride * place, for any size of the image: at stride * place + 0.5 in corners.

    Args:
        height, width: of the map.
        stride: pixels of the image between places of the map.
        sides: square roots of the areas, pixels.
        ratios: height over width.
    """
    shapes = torch.tensor([(side / ratio**0.5, side * ratio**0.5) for side in sides for ratio in ratios])
    down, across = (torch.arange(count) * stride + 0.5 for count in (height, width))
    centres = torch.stack(torch.meshgrid(across, down, indexing="xy"), dim=-1)  # [height, width, (x, y)]
    half = shapes[:, None, None] / 2
    return torch.cat([centres - half, centres + half], dim=-1).flatten(0, 2)


def encode_boxes(boxes: Tensor, anchor: Tensor) -> Tensor:
    """Offsets of boxes from their anchors, [..., 4]: the shift of the centre in sides of the anchor, and the log ratio
    of the sides (R-CNN's parametrisation)."""
    centre, side = _centre_and_side(boxes)
    anchor_centre, anchor_side = _centre_and_side(anchor)
    return torch.cat([(centre - anchor_centre) / anchor_side, torch.log(side / anchor_side)], dim=-1)


def decode_boxes(offsets: Tensor, anchor: Tensor) -> Tensor:
    """Boxes from offsets, [..., 4]: undoes `encode_boxes`. A side grows by e^GROWTH at most, so it stays finite."""
    shift, growth = offsets.float().split(2, dim=-1)
    anchor_centre, anchor_side = _centre_and_side(anchor)
    centre, half = anchor_centre + shift * anchor_side, growth.clamp(max=GROWTH).exp() * anchor_side / 2
    return torch.cat([centre - half, centre + half], dim=-1)


def overlap(boxes: Tensor, others: Tensor) -> Tensor:
    """Intersection over union of boxes [..., N, 4] with others [..., M, 4], [..., N, M]; 0 for an empty or NaN box."""
    boxes, others = boxes[..., :, None, :], others[..., None, :, :]
    near, far = torch.maximum(boxes[..., :2], others[..., :2]), torch.minimum(boxes[..., 2:], others[..., 2:])
    shared = (far - near).clamp(min=0).prod(-1)
    areas = [(corners[..., 2:] - corners[..., :2]).clamp(min=0).prod(-1) for corners in (boxes, others)]
    return torch.nan_to_num(shared / (areas[0] + areas[1] - shared), nan=0.0)


def nearest_overlap(boxes: Tensor, true: Tensor) -> Tensor:
    """The largest overlap of each of the boxes [B, 4] with its image's true boxes [B, K, 4], [B]."""
    return overlap(boxes[:, None], true)[:, 0].amax(1)


def _centre_and_side(boxes: Tensor) -> tuple[Tensor, Tensor]:
    near, far = boxes.split(2, dim=-1)
    return (near + far) / 2, far - near
