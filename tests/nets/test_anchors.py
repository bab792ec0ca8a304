"""Anchors, and the nets of appendix C."""

import copy
import math

import pytest
import torch
from errors import refused
from torch import nn

from replication.nets.boxes import anchors, decoded, encoded, overlap
from replication.nets.by_name import build
from replication.nets.localization import WAYS
from replication.nets.names import STRIDES

NET = "resnet-18-A"


def located(maps: str = "conv3", classes: int = 5, seed: int = 0) -> nn.Module:
    return build(NET, classes, seed=seed, locates_on=maps, anchors=2).eval()


@pytest.mark.parametrize("maps", STRIDES)
@pytest.mark.parametrize("side", [56, 64, 75, 97])
def test_an_anchor_stands_in_the_middle_of_what_its_place_looks_at(maps: str, side: int) -> None:
    net, stride = build("plain-18", 5, locates_on=maps, anchors=1), STRIDES[maps]
    for layer in net.modules():  # every weight the same, so that the gradient says how much of a pixel is looked at
        if isinstance(layer, nn.Conv2d):
            nn.init.constant_(layer.weight, 1e-3)
    net.pool = nn.AvgPool2d(3, 2, padding=1)
    image = torch.ones(1, 3, side * 6 + 1, side * 6 + 1, requires_grad=True)
    found = net.eval()(image).maps
    assert found.shape[2] == -(-image.shape[2] // stride), "as the feed counts them"
    row, column = found.shape[2] // 2, found.shape[3] // 2
    found[0, :, row, column].sum().backward()
    seen = image.grad[0].sum(0)
    pixels = torch.arange(image.shape[2]) + 0.5
    middle = [(seen.sum(axis) * pixels).sum() / seen.sum() for axis in (0, 1)]
    left, top, right, bottom = anchors(*found.shape[2:], stride, [40], [1])[row * found.shape[3] + column]
    assert torch.allclose(torch.stack(middle), torch.stack([left + right, top + bottom]) / 2, atol=stride / 8)


def test_anchors_of_a_map_of_two_places_worked_by_hand() -> None:
    assert anchors(1, 2, 8, [4], [1, 4]).tolist() == [
        [-1.5, -1.5, 2.5, 2.5], [6.5, -1.5, 10.5, 2.5],  # square, 4 pixels, about 0.5 and 8.5
        [-0.5, -3.5, 1.5, 4.5], [7.5, -3.5, 9.5, 4.5],  # four times as high as wide, of the same area
    ]  # fmt: skip


def test_offsets_worked_by_hand_and_back() -> None:
    anchor, box = torch.tensor([0.0, 0, 10, 20]), torch.tensor([5.0, 10, 25, 30])
    offsets = encoded(box, anchor)
    assert offsets.tolist() == pytest.approx([1, 0.5, math.log(2), 0]), "the centre goes from (5, 10) to (15, 20)"
    assert torch.allclose(decoded(offsets, anchor), box)
    random = torch.rand(50, 4)
    boxes = torch.cat([random[:, :2], random[:, :2] + random[:, 2:] + 0.1], 1) * 30
    assert torch.allclose(decoded(encoded(boxes, anchor), anchor), boxes, atol=1e-3)
    assert torch.isfinite(decoded(torch.full((4,), 1e9), anchor)).all()


def test_overlaps_are_those_of_torchvision_and_0_of_what_is_no_box() -> None:
    from torchvision.ops import box_iou

    near = torch.rand(40, 2) * 20
    boxes = torch.cat([near, near + torch.rand(40, 2) * 20 + 0.5], 1)
    assert torch.allclose(overlap(boxes[:15], boxes[15:]), box_iou(boxes[:15], boxes[15:]), atol=1e-6)
    odd = torch.tensor([[0.0, 0, 0, 0], [float("nan")] * 4])
    assert overlap(odd, odd).tolist() == [[0, 0], [0, 0]]


def test_at_first_each_class_answers_as_all_do() -> None:
    net, classes = located(), torch.tensor([[0, 3], [4, 1]])
    with torch.no_grad():
        found = net(torch.randn(2, 3, 40, 48))
        for own, shared in (("pcr", "scr"), ("per_class_rpn", "rpn")):
            for of_own, of_shared in zip(found.answers(own, classes), found.answers(shared, classes), strict=True):
                assert torch.allclose(of_own, of_shared, atol=1e-6)


def test_only_the_difference_of_a_class_that_is_asked_for_is_trained_and_no_other_way_by_it() -> None:
    net = located()
    logits, offsets = net(torch.randn(2, 3, 40, 48)).answers("per_class_rpn", torch.tensor([[1], [3]]))
    (logits.sum() + offsets.sum()).backward()
    trained = net.per_class_rpn.weight.grad.abs().sum((1, 2)) > 0
    assert trained.tolist() == [False, True, False, True, False]
    assert net.rpn.layer.weight.grad is None, "the shared layer learns from its own loss alone"


def test_answers_for_a_class_are_those_of_a_net_that_has_no_other() -> None:
    """The gathering of weights against a plain 1x1 convolution with the weights of one class."""
    net, images = located(), torch.randn(3, 3, 40, 48)
    nn.init.normal_(net.per_class_rpn.weight)
    nn.init.normal_(net.per_class_rpn.bias)
    plain = copy.deepcopy(net.rpn.layer)
    with torch.no_grad():
        plain.weight += net.per_class_rpn.weight[2][..., None, None]
        plain.bias += net.per_class_rpn.bias[2]
        found = net(images)
        logits, offsets = found.answers("per_class_rpn", torch.tensor([[4, 2]] * 3))
        by_hand = plain(found.maps)  # logits of two anchors, then their four offsets
    assert torch.allclose(logits[:, 1], by_hand[:, :2].flatten(1), atol=1e-5)
    assert torch.allclose(offsets[:, 1, :, 3], by_hand[:, 8:].flatten(1), atol=1e-5), "the growth of the height"


def test_the_trunk_is_taken_over_from_a_trained_net_and_the_ways_are_not() -> None:
    net, trained = located("conv4", seed=1), build(NET, 7, seed=2)
    before = {way: copy.deepcopy(getattr(net, way).state_dict()) for way in WAYS}
    net.load_trunk(trained.state_dict())
    assert torch.equal(net.conv4[1].conv2.weight, trained.conv4[1].conv2.weight)
    assert torch.equal(net.bn1.running_mean, trained.bn1.running_mean)
    assert all(torch.equal(getattr(net, way).state_dict()[key], of) for way in WAYS for key, of in before[way].items())
    assert not hasattr(net, "conv5"), "what lies behind the maps is left out"
    with refused("conflict", "conv1.weight"):
        net.load_trunk({})
