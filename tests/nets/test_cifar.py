"""The nets of section 4.2 against the text of the paper and against computation by hand."""

import math

import pytest
import torch
from errors import refused
from torch import nn
from torch.nn.functional import batch_norm, conv2d, relu

from replication.nets.blocks import Block, OneLayer, option_a, shortcut
from replication.nets.by_name import build
from replication.nets.names import depth_of, parse_cifar


def random_block(in_channels: int, channels: int, stride: int, option: str | None, **of_option_a: str) -> Block:
    """A block whose batch norm is not the identity."""
    generator = torch.Generator().manual_seed(3)
    block = Block(in_channels, channels, stride, shortcut(option, in_channels, channels, stride, **of_option_a)).eval()
    for norm in (block.bn1, block.bn2):
        for values in (norm.weight.data, norm.bias.data, norm.running_mean):
            values.copy_(torch.randn(channels, generator=generator))
        norm.running_var.copy_(torch.rand(channels, generator=generator) + 0.5)
    return block


def response(block: Block, x: torch.Tensor, stride: int) -> torch.Tensor:
    """F(x) of Figure 2: conv, BN, ReLU, conv, BN."""

    def norm(bn: nn.BatchNorm2d, y: torch.Tensor) -> torch.Tensor:
        return batch_norm(y, bn.running_mean, bn.running_var, bn.weight, bn.bias, eps=1e-5)

    inner = norm(block.bn1, conv2d(x, block.conv1.weight, stride=stride, padding=1)).clamp(min=0)
    return norm(block.bn2, conv2d(inner, block.conv2.weight, padding=1))


@pytest.mark.parametrize("option", ["A", None])
def test_a_block_is_relu_of_f_plus_x_if_residual_and_relu_of_f_if_plain(option: str | None) -> None:
    x = torch.randn(2, 16, 8, 8)
    block = random_block(16, 16, 1, option)
    by_hand = response(block, x, 1) + (x if option else 0)
    torch.testing.assert_close(block(x), by_hand.clamp(min=0))


@pytest.mark.parametrize("subsample", ["stride", "average"])
@pytest.mark.parametrize(("zero_channels", "before"), [("split", 8), ("end", 0)])
def test_a_residual_block_that_halves_the_map_adds_the_subsampled_input(
    subsample: str, zero_channels: str, before: int
) -> None:
    x = torch.randn(2, 16, 8, 8)
    block = random_block(16, 32, 2, "A", subsample=subsample, zero_channels=zero_channels)
    expected = response(block, x, 2)
    quarters = [x[:, :, row::2, column::2] for row in (0, 1) for column in (0, 1)]
    kept = quarters[0] if subsample == "stride" else sum(quarters) / 4
    expected[:, before : before + 16] += kept
    torch.testing.assert_close(block(x), expected.clamp(min=0))


def test_option_a_is_the_identity_where_dimensions_agree() -> None:
    x = torch.randn(2, 16, 8, 8)
    assert torch.equal(option_a(x, 16, 1), x)


def test_option_a_keeps_every_other_pixel_between_equal_numbers_of_zero_channels() -> None:
    x = torch.randn(2, 16, 8, 8)
    y = option_a(x, 32, 2)
    assert y.shape == (2, 32, 4, 4)
    assert torch.equal(y[:, 8:24], x[:, :, ::2, ::2])
    assert not y[:, :8].any()
    assert not y[:, 24:].any()


def test_option_a_can_put_all_zero_channels_at_the_end() -> None:
    x = torch.randn(2, 16, 8, 8)
    y = option_a(x, 32, 2, zero_channels="end")
    assert torch.equal(y[:, :16], x[:, :, ::2, ::2])
    assert not y[:, 16:].any()


def test_option_a_can_average_four_pixels_instead() -> None:
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    y = option_a(x, 3, 2, subsample="average")
    assert y[0, 1].tolist() == [[2.5, 4.5], [10.5, 12.5]]


@pytest.mark.parametrize("option", [{"subsample": "average"}, {"zero_channels": "end"}])
def test_the_shortcut_options_reach_every_block_of_a_built_net(option: dict[str, str]) -> None:
    images = torch.randn(4, 3, 16, 16)
    for name, changes in (("resnet-14", True), ("plain-14", False)):
        usual, other = build(name), build(name, **option)
        assert torch.equal(usual(images), other(images)) is not changes


@pytest.mark.parametrize("net", ["plain-20", "resnet-20", "plain-56", "resnet-110"])
def test_a_net_has_as_many_weighted_layers_as_its_name_says(net: str) -> None:
    with torch.device("meta"):
        weighted = [layer for layer in build(net).modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    assert len(weighted) == depth_of(net) == int(net.split("-")[1])


def test_plain_and_residual_nets_have_the_same_parameters_since_shortcuts_have_none() -> None:
    plain, residual = build("plain-20", seed=5).state_dict(), build("resnet-20", seed=5).state_dict()
    assert list(plain) == list(residual)
    assert all(torch.equal(plain[key], residual[key]) for key in plain)


@pytest.mark.parametrize("kind", ["plain", "resnet"])
def test_maps_are_32_16_and_8_pixels_with_16_32_and_64_filters_2n_layers_each(kind: str) -> None:
    shapes: list[tuple[int, int]] = []
    net = build(f"{kind}-20").eval()
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            assert layer.kernel_size == (3, 3)
            layer.register_forward_hook(lambda _, __, maps: shapes.append((maps.shape[2], maps.shape[1])))
    scores = net(torch.randn(1, 3, 32, 32))
    assert shapes == [(32, 16)] * 7 + [(16, 32)] * 6 + [(8, 64)] * 6
    assert scores.shape == (1, 10)


def test_the_last_layer_sees_the_average_of_each_map() -> None:
    net = build("resnet-8").eval()
    seen: dict[str, torch.Tensor] = {}
    net.blocks.register_forward_hook(lambda _, __, maps: seen.update(maps=maps))
    scores = net(torch.randn(2, 3, 32, 32))
    assert seen["maps"].shape == (2, 64, 8, 8)
    by_hand = seen["maps"].flatten(2).mean(2) @ net.fc.weight.T + net.fc.bias
    torch.testing.assert_close(scores, by_hand)


def test_the_number_of_classes_is_free() -> None:
    assert build("plain-8", classes=4)(torch.randn(2, 3, 8, 8)).shape == (2, 4)


def test_the_seed_alone_decides_the_weights() -> None:
    first, again, other = (build("resnet-14", seed=seed).state_dict() for seed in (7, 7, 8))
    assert all(torch.equal(first[key], again[key]) for key in first)
    drawn = [key for key in first if key.endswith("weight") and first[key].ndim > 1]
    assert len(drawn) == 14
    assert not any(torch.equal(first[key], other[key]) for key in drawn)


def test_drawing_the_weights_leaves_the_global_random_numbers_alone() -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    first = build("plain-8", seed=1)
    torch.rand(100)
    second = build("plain-8", seed=1)
    assert torch.equal(first.conv1.weight, second.conv1.weight)
    torch.manual_seed(11)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
def test_convolutions_start_with_the_deviation_of_he_for_their_fan(mode: str) -> None:
    convolutions = [m for m in build("resnet-20", initialisation=mode).modules() if isinstance(m, nn.Conv2d)]
    for layer in convolutions:
        fan = 9 * (layer.in_channels if mode == "fan_in" else layer.out_channels)
        standardised = layer.weight / math.sqrt(2 / fan)
        count = layer.weight.numel()
        assert abs(standardised.mean().item()) < 4 / math.sqrt(count)
        assert abs(standardised.std().item() - 1) < 4 / math.sqrt(2 * count)


def test_the_last_layer_starts_with_small_weights_and_no_bias() -> None:
    fc = build("plain-8", classes=500).fc
    assert fc.weight.std().item() == pytest.approx(1 / math.sqrt(64), rel=0.03)
    assert not fc.bias.any()


def test_batch_norm_starts_as_the_identity_on_normalised_maps() -> None:
    norms = [m for m in build("resnet-20").modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(norms) == 19
    assert all(bool((norm.weight == 1).all()) and not norm.bias.any() for norm in norms)


@pytest.mark.parametrize(
    ("name", "choice"),
    [
        ("plain-21", "20 and 26"),
        ("resnet-2", "8 and 14"),
        ("resnet-111", "110 and 116"),
        ("plain-34", "ImageNet"),
        ("resnet-50", "56"),
        ("resnet-152", "ImageNet"),
        *((name, "resnet-<depth>") for name in ("vgg", "ResNet-20", "resnet-20 ", "")),
    ],
)
def test_a_name_that_is_no_cifar_net_is_refused_with_what_to_write_instead(name: str, choice: str) -> None:
    of_imagenet = name in ("plain-34", "resnet-50", "resnet-152")  # these can be built, but are no nets of this task
    for asked in (parse_cifar, *(() if of_imagenet else (depth_of, build))):
        with refused("unknown", name, choice):
            asked(name)


@pytest.mark.parametrize(("block", "layers"), [("two_layers", 2), ("bottleneck", 3), ("one_layer", 1)])
@pytest.mark.parametrize("kind", ["plain", "resnet"])
def test_whatever_its_blocks_a_net_has_the_layers_of_its_name_and_a_shortcut_a_block(
    kind: str, block: str, layers: int
) -> None:
    net = build(f"{kind}-56", block=block)
    assert sum(isinstance(layer, nn.Conv2d | nn.Linear) for layer in net.modules()) == 56
    assert len(net.blocks) == 54 // layers
    assert all((of.shortcut is None) == (kind == "plain") for of in net.blocks)
    assert net(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_a_block_of_one_layer_is_relu_of_f_plus_x() -> None:
    x = torch.randn(2, 16, 8, 8)
    residual, plain = OneLayer(16, 16, 1, nn.Identity()).eval(), OneLayer(16, 16, 1, None).eval()
    plain.load_state_dict(residual.state_dict())
    torch.testing.assert_close(residual(x), relu(residual.bn1(residual.conv1(x)) + x))
    torch.testing.assert_close(plain(x), relu(plain.bn1(plain.conv1(x))))


def test_a_plain_net_is_the_same_whether_its_blocks_are_of_one_layer_or_of_two() -> None:
    images = torch.randn(2, 3, 32, 32)
    one, two = (build("plain-20", block=block).eval() for block in ("one_layer", "two_layers"))
    assert torch.equal(one(images), two(images))


def test_a_depth_that_bottlenecks_do_not_fill_is_refused_with_the_nearest() -> None:
    with refused("unknown", "plain-44", "38 and 56", key="block"):
        build("plain-44", block="bottleneck")


@pytest.mark.parametrize("stage", [1, 4, 100])
@pytest.mark.parametrize("block", ["two_layers", "bottleneck"])
def test_blocks_that_are_run_again_give_the_same_gradients_and_count_statistics_once(stage: int, block: str) -> None:
    """Bit for bit: two steps, so that a difference in the first would show in the second."""
    images, ends = torch.randn(2, 4, 3, 32, 32, generator=torch.Generator().manual_seed(0)), []
    for again in (0, stage):
        net = build("resnet-38", block=block).train()
        net.stage, before = again, list(map(id, net.buffers()))
        for step in images:
            net(step).square().sum().backward()
        norms = [layer for layer in net.modules() if isinstance(layer, nn.BatchNorm2d)]
        assert list(map(id, net.buffers())) == before, "the running averages are the same tensors"
        assert {int(norm.num_batches_tracked) for norm in norms} == {2}
        ends.append([*(weight.grad for weight in net.parameters()), *net.buffers()])
    assert all(torch.equal(kept, again) for kept, again in zip(*ends, strict=True))


def test_only_nets_of_a_thousand_layers_run_their_blocks_again() -> None:
    with torch.device("meta"):
        assert build("resnet-1202").stage > 0 == build("resnet-110").stage == build("plain-56").stage
