"""The nets of appendix C: where their places look, and how their layers differ by class."""

import copy

import pytest
import torch
from errors import refused
from torch import nn

from replication.nets.boxes import anchors
from replication.nets.by_name import build
from replication.nets.names import STRIDES
from replication.tasks.localization.net import METHODS, Head, LocalizationNet

NET = "resnet-18-A"


def make_net(maps: str = "conv3", classes: int = 5, seed: int = 0) -> LocalizationNet:
    return build(NET, classes, seed=seed, head=Head(maps, anchors=2)).eval()


@pytest.mark.parametrize("maps", STRIDES)
@pytest.mark.parametrize("side", [56, 64, 75, 97])
def test_an_anchor_stands_in_the_middle_of_what_its_place_looks_at(maps: str, side: int) -> None:
    net, stride = build("plain-18", 5, head=Head(maps, anchors=1)), STRIDES[maps]
    for layer in net.modules():  # every weight the same, so that the gradient says how much of a pixel is looked at
        if isinstance(layer, nn.Conv2d):
            nn.init.constant_(layer.weight, 1e-3)
    net.pool = nn.AvgPool2d(3, 2, padding=1)
    image = torch.ones(1, 3, side * 6 + 1, side * 6 + 1, requires_grad=True)
    places = net.eval()(image).maps
    assert places.shape[2] == -(-image.shape[2] // stride), "as the feed counts them"
    row, column = places.shape[2] // 2, places.shape[3] // 2
    places[0, :, row, column].sum().backward()
    seen = image.grad[0].sum(0)
    pixels = torch.arange(image.shape[2]) + 0.5
    middle = [(seen.sum(axis) * pixels).sum() / seen.sum() for axis in (0, 1)]
    left, top, right, bottom = anchors(*places.shape[2:], stride, [40], [1])[row * places.shape[3] + column]
    assert torch.allclose(torch.stack(middle), torch.stack([left + right, top + bottom]) / 2, atol=stride / 8)


def test_at_first_each_class_answers_as_all_do() -> None:
    net, classes = make_net(), torch.tensor([[0, 3], [4, 1]])
    with torch.no_grad():
        maps = net(torch.randn(2, 3, 40, 48))
        for by_class, shared in (("pcr", "scr"), ("per_class_rpn", "rpn")):
            for pair in zip(maps.predict(by_class, classes), maps.predict(shared, classes), strict=True):
                assert torch.allclose(*pair, atol=1e-6)


def test_only_the_difference_of_a_class_that_is_asked_for_is_trained_and_no_other_method_by_it() -> None:
    net = make_net()
    logits, offsets = net(torch.randn(2, 3, 40, 48)).predict("per_class_rpn", torch.tensor([[1], [3]]))
    (logits.sum() + offsets.sum()).backward()
    trained = net.per_class_rpn.weight.grad.abs().sum((1, 2)) > 0
    assert trained.tolist() == [False, True, False, True, False]
    assert net.rpn.layer.weight.grad is None, "the shared layer learns from its own loss alone"


def test_answers_for_a_class_are_those_of_a_net_that_has_no_other() -> None:
    """The gathering of weights against a plain 1x1 convolution with the weights of one class."""
    net, images = make_net(), torch.randn(3, 3, 40, 48)
    nn.init.normal_(net.per_class_rpn.weight)
    nn.init.normal_(net.per_class_rpn.bias)
    plain = copy.deepcopy(net.rpn.layer)
    with torch.no_grad():
        plain.weight += net.per_class_rpn.weight[2][..., None, None]
        plain.bias += net.per_class_rpn.bias[2]
        maps = net(images)
        logits, offsets = maps.predict("per_class_rpn", torch.tensor([[4, 2]] * 3))
        by_hand = plain(maps.maps)  # logits of two anchors, then their four offsets
    assert torch.allclose(logits[:, 1], by_hand[:, :2].flatten(1), atol=1e-5)
    assert torch.allclose(offsets[:, 1, :, 3], by_hand[:, 8:].flatten(1), atol=1e-5), "the growth of the height"


def test_the_backbone_is_taken_over_from_a_trained_net_and_the_methods_are_not() -> None:
    net, trained = make_net("conv4", seed=1), build(NET, 7, seed=2)
    before = {method: copy.deepcopy(getattr(net, method).state_dict()) for method in METHODS}
    net.load_backbone(trained.state_dict())
    assert torch.equal(net.conv4[1].conv2.weight, trained.conv4[1].conv2.weight)
    assert torch.equal(net.bn1.running_mean, trained.bn1.running_mean)
    for method in METHODS:
        after = getattr(net, method).state_dict()
        assert all(torch.equal(after[key], values) for key, values in before[method].items())
    assert not hasattr(net, "conv5"), "what lies behind the maps is left out"
    with refused("conflict", "conv1.weight"):
        net.load_backbone({})
