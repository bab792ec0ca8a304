"""Anchors, offsets and overlaps of boxes."""

import math

import pytest
import torch

from replication.nets.boxes import anchors, decode_boxes, encode_boxes, overlap


def test_anchors_of_a_map_of_two_places_worked_by_hand() -> None:
    assert anchors(1, 2, 8, [4], [1, 4]).tolist() == [
        [-1.5, -1.5, 2.5, 2.5], [6.5, -1.5, 10.5, 2.5],  # square, 4 pixels, about 0.5 and 8.5
        [-0.5, -3.5, 1.5, 4.5], [7.5, -3.5, 9.5, 4.5],  # four times as high as wide, of the same area
    ]  # fmt: skip


def test_offsets_worked_by_hand_and_back() -> None:
    anchor, box = torch.tensor([0.0, 0, 10, 20]), torch.tensor([5.0, 10, 25, 30])
    offsets = encode_boxes(box, anchor)
    assert offsets.tolist() == pytest.approx([1, 0.5, math.log(2), 0]), "the centre goes from (5, 10) to (15, 20)"
    assert torch.allclose(decode_boxes(offsets, anchor), box)
    random = torch.rand(50, 4)
    boxes = torch.cat([random[:, :2], random[:, :2] + random[:, 2:] + 0.1], 1) * 30
    assert torch.allclose(decode_boxes(encode_boxes(boxes, anchor), anchor), boxes, atol=1e-3)
    assert torch.isfinite(decode_boxes(torch.full((4,), 1e9), anchor)).all()


def test_overlaps_are_those_of_torchvision_and_0_of_what_is_no_box() -> None:
    from torchvision.ops import box_iou

    near = torch.rand(40, 2) * 20
    boxes = torch.cat([near, near + torch.rand(40, 2) * 20 + 0.5], 1)
    assert torch.allclose(overlap(boxes[:15], boxes[15:]), box_iou(boxes[:15], boxes[15:]), atol=1e-6)
    odd = torch.tensor([[0.0, 0, 0, 0], [float("nan")] * 4])
    assert overlap(odd, odd).tolist() == [[0, 0], [0, 0]]


def test_a_side_grows_to_62_and_a_half_times_that_of_its_anchor_at_most() -> None:
    """The bound of Fast R-CNN's code, 1000 / 16."""
    left, top, right, bottom = decode_boxes(torch.tensor([0.0, 0, 50, 4.0]), torch.tensor([0.0, 0, 16, 10])).tolist()
    assert right - left == pytest.approx(1000, rel=1e-5)
    assert bottom - top == pytest.approx(10 * math.exp(4.0), rel=1e-5), "less is not cut"
