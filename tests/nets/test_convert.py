"""Our nets of Table 1 compute what torchvision's compute with the same weights."""

from pathlib import Path
from typing import Any

import pytest
import torch
from errors import refused
from torch import Tensor, nn
from torchvision import models

from replication.errors import Kind
from replication.nets.by_name import build
from replication.nets.convert import (
    COUNTERPARTS,
    fold_normalisation,
    from_akamaster,
    from_torchvision,
    read_published,
    read_weights,
    to_torchvision,
)

NETS = [net for net in COUNTERPARTS if net != "vgg-16"]
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def randomise(net: nn.Module, seed: int = 0) -> nn.Module:
    """Batch norm that is not the identity, and a bias; in double, where nets of 152 layers agree closely."""
    generator = torch.Generator().manual_seed(seed)
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            for values in (layer.bias.data, layer.running_mean):
                values.copy_(0.1 * torch.randn(len(values), generator=generator))
            for values in (layer.weight.data, layer.running_var):
                values.copy_(torch.rand(len(values), generator=generator) + 0.5)
            layer.num_batches_tracked.fill_(7)
    nn.init.normal_(net.fc.bias, generator=generator)
    return net.double().eval()


def theirs(net: str, classes: int = 5) -> nn.Module:
    return models.get_model(COUNTERPARTS[net], num_classes=classes)


def images(size: int) -> Tensor:
    return torch.randn(2, 3, size, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("net", NETS)
@torch.no_grad()
def test_weights_in_either_direction_give_equal_scores(net: str) -> None:
    ours = randomise(build(net, 5, bottleneck_stride="3x3"))
    copy = theirs(net).double().eval()
    copy.load_state_dict(to_torchvision(net, ours.state_dict()))
    torch.testing.assert_close(copy(images(64)), ours(images(64)))

    original = randomise(theirs(net), seed=2)
    ours.load_state_dict(from_torchvision(net, original.state_dict()))
    scores = original(images(96))
    torch.testing.assert_close(ours(images(96)), scores)
    assert scores.std(0).min() > 1e-3, "equal scores mean nothing if they do not depend on the image"


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("stride", ["1x1", "3x3"])
def test_a_round_trip_changes_nothing(net: str, stride: str) -> None:
    state = build(net, 3, bottleneck_stride=stride).state_dict()
    again = from_torchvision(net, to_torchvision(net, state))
    assert list(again) == list(state)
    assert all(torch.equal(again[key], value) for key, value in state.items())


def test_the_layer_that_halves_the_map_matters() -> None:
    """Its weights have the same shapes either way, so no shape can tell."""
    state = randomise(build("resnet-50", 5)).state_dict()
    nets = [build("resnet-50", 5, bottleneck_stride=stride).double().eval() for stride in ("1x1", "3x3")]
    for net in nets:
        net.load_state_dict(state)
    with torch.no_grad():
        first, second = (net(images(64)) for net in nets)
    assert not torch.allclose(first, second, rtol=1e-2)


@pytest.mark.parametrize("net", ["resnet-18-B", "resnet-50"])
@torch.no_grad()
def test_folded_weights_take_pixels_less_the_mean(net: str) -> None:
    original = randomise(theirs(net))
    pixels = torch.randint(0, 256, (2, 3, 64, 64), generator=torch.Generator().manual_seed(3)).double()
    mean, std = (torch.tensor(values, dtype=torch.float64)[:, None, None] for values in (MEAN, STD))
    normalised, ours_see = (pixels / 255 - mean) / std, (pixels - 255 * mean) / 255
    ours = build(net, 5, bottleneck_stride="3x3").double().eval()
    ours.load_state_dict(fold_normalisation(from_torchvision(net, original.state_dict()), STD))
    # Every output of conv1, those at the border, where it sees zero padding, among them.
    torch.testing.assert_close(ours.conv1(ours_see), original.conv1(normalised))
    torch.testing.assert_close(ours(ours_see), original(normalised))


@pytest.mark.slow  # 138 million weights
@torch.no_grad()
def test_weights_of_vgg_16_take_pixels_less_the_mean(tmp_path: Path) -> None:
    original = theirs("vgg-16").eval()
    torch.save(original.state_dict(), tmp_path / "vgg16.pth")
    ours = build("vgg-16", 5).eval()
    ours.load_state_dict(read_published("vgg-16", tmp_path / "vgg16.pth"))
    mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    pixels = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(3))
    torch.testing.assert_close(ours(pixels - mean), original((pixels - mean) / std), atol=1e-4, rtol=1e-4)


def test_folding_leaves_the_given_weights_alone() -> None:
    state = build("resnet-18-B", 5).state_dict()
    before = state["conv1.weight"].clone()
    folded = fold_normalisation(state, STD)
    assert torch.equal(state["conv1.weight"], before)
    torch.testing.assert_close(folded["conv1.weight"][:, 1], before[:, 1] / 0.224)
    assert all(folded[key] is state[key] for key in state if key != "conv1.weight")


def test_files_without_counters_of_batches_are_taken() -> None:
    """As torchvision's first files are."""
    state = theirs("resnet-18-B").state_dict()
    old = {key: value for key, value in state.items() if not key.endswith("num_batches_tracked")}
    assert len(old) < len(state)
    build("resnet-18-B", 5).load_state_dict(from_torchvision("resnet-18-B", old))


@pytest.mark.parametrize("net", ["plain-34", "resnet-34-A", "resnet-34-C", "resnet-20", "vgg-19", "resnet50", ""])
def test_a_net_that_torchvision_has_not_is_refused(net: str) -> None:
    for convert in (to_torchvision, from_torchvision):
        with refused("unknown", "resnet-18-B"):
            convert(net, {})


def test_weights_of_another_net_are_refused_in_one_sentence() -> None:
    ours, other = build("resnet-18-B", 5).state_dict(), theirs("resnet-34-B").state_dict()
    with refused("conflict", "resnet18", "layer1.2.conv1.weight"):
        from_torchvision("resnet-18-B", other)
    with refused("conflict", "resnet-34-B", "conv2.2.conv1.weight"):
        to_torchvision("resnet-34-B", ours)
    wide = models.wide_resnet50_2(num_classes=5).state_dict()
    with refused("conflict", "resnet50", "layer1.0.conv1.weight", "[128, 64, 1, 1]", "[64, 64, 1, 1]"):
        from_torchvision("resnet-50", wide)


# --- files of weights


@pytest.mark.parametrize("key", [None, "state_dict", "model", "model_state_dict"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_a_state_dict_is_found_in_a_checkpoint(tmp_path: Path, key: str | None, prefix: str) -> None:
    state = {f"{prefix}conv1.weight": torch.ones(2), f"{prefix}fc.bias": torch.zeros(1)}
    torch.save({key: state, "epoch": 90, "optimizer": {"lr": 0.1}} if key else state, tmp_path / "weights.pth")
    assert list(read_weights(tmp_path / "weights.pth")) == ["conv1.weight", "fc.bias"]


class Pickled:
    """A class of somebody's code."""


@pytest.mark.parametrize(
    ("content", "kind"),
    [([1, 2], "invalid"), ({"epoch": 1}, "invalid"), (torch.ones(2), "invalid"), (Pickled(), "damaged")],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_state_dict_is_refused(tmp_path: Path, content: Any, kind: Kind) -> None:
    torch.save(content, tmp_path / "weights.pth")
    with refused(kind, "state dict", file=tmp_path / "weights.pth"):
        read_weights(tmp_path / "weights.pth")


def test_weights_that_are_missing_or_no_file_of_torch_are_refused(tmp_path: Path) -> None:
    with refused("missing", file=tmp_path / "weights.pth"):
        read_weights(tmp_path / "weights.pth")
    (tmp_path / "weights.pth").write_text("text")
    with refused("damaged", file=tmp_path / "weights.pth"):
        read_weights(tmp_path / "weights.pth")


# --- the CIFAR nets of akamaster/pytorch_resnet_cifar10


class TheirBlock(nn.Module):
    """A block as akamaster writes it, option A by slicing and padding."""

    def __init__(self, in_planes: int, planes: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(in_planes, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.planes, self.halves = planes, stride != 1 or in_planes != planes

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu()))
        if self.halves:
            x = nn.functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.planes // 4, self.planes // 4))
        return (out + x).relu()


class TheirNet(nn.Module):
    def __init__(self, n: int):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        for number, (before, planes) in enumerate(((16, 16), (16, 32), (32, 64)), start=1):
            blocks = [TheirBlock(before if i == 0 else planes, planes, 1 + (i == 0 and number > 1)) for i in range(n)]
            setattr(self, f"layer{number}", nn.Sequential(*blocks))
        self.linear = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        out = self.layer3(self.layer2(self.layer1(self.bn1(self.conv1(x)).relu())))
        return self.linear(out.mean((2, 3)))


def made_up_of_akamaster(n: int) -> nn.Module:
    net = TheirNet(n)
    net.fc = net.linear  # `randomise` looks for it there
    randomise(net)
    del net.fc
    return net


@pytest.mark.parametrize(("net", "n"), [("resnet-20", 3), ("resnet-56", 9)])
@torch.no_grad()
def test_weights_of_akamaster_give_equal_scores(net: str, n: int, tmp_path: Path) -> None:
    original = made_up_of_akamaster(n)
    checkpoint = {"state_dict": {f"module.{key}": value for key, value in original.state_dict().items()}}
    torch.save(checkpoint, tmp_path / "made-up.th")
    ours = build(net).double().eval()
    ours.load_state_dict(from_akamaster(net, read_weights(tmp_path / "made-up.th")))
    scores = original(images(32))
    torch.testing.assert_close(ours(images(32)), scores)
    assert scores.std(0).max() > 1e-3


@pytest.mark.parametrize(
    ("net", "kind", "name"),
    [("plain-20", "unknown", "resnet-20"), ("resnet-32", "conflict", "layer1.3.conv1.weight")],
)
def test_weights_that_are_not_akamasters_of_that_net_are_refused(net: str, kind: Kind, name: str) -> None:
    with refused(kind, name):
        from_akamaster(net, made_up_of_akamaster(3).state_dict())
