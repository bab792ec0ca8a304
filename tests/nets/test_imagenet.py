"""The nets of Table 1 against the table as the paper has it, and against computation by hand."""

import math

import pytest
import torch
from errors import refused
from torch import Tensor, nn
from torch.nn.functional import batch_norm, conv2d

from replication import paper
from replication.nets.blocks import Block, Bottleneck, shortcut
from replication.nets.by_name import build
from replication.nets.complexity import complexity, layers
from replication.nets.names import NETS, check_imagenet, depth_of

STAGES = {row["stage"]: row for row in paper.table(1)}
PRINTED = {net: STAGES["flops_1e9"][str(depth_of(net))] for net in NETS}  # 1e9
# Multiply-adds that follow from Table 1 (`derived_check` of paper.yaml), 1e9.
STRIDE_IN_1X1 = {
    "plain-18": 1.795, "resnet-18-A": 1.795, "resnet-18-B": 1.814, "plain-34": 3.644, "resnet-34-A": 3.644,
    "resnet-34-B": 3.664, "resnet-50": 3.858, "resnet-101": 7.570, "resnet-152": 11.282,
}  # fmt: skip
STRIDE_IN_3X3 = {"resnet-50": 4.089, "resnet-101": 7.801, "resnet-152": 11.514}


def parts(net: str) -> tuple[str, str]:
    """Column of Table 1 and shortcut option: "34", "B" for resnet-34-B, and B for bottleneck nets."""
    kind, depth, *option = net.split("-")
    return depth, "none" if kind == "plain" else "".join(option) or "B"


def closed_form(net: str, stride_in: str = "1x1", classes: int = 1000) -> tuple[int, int]:
    """Parameters and multiply-adds of a net at 224 pixels by Table 1, without a look at the net."""
    depth, option = parts(net)
    stem = STAGES["conv1"]["all_nets"]
    weights = stem["kernel"] ** 2 * 3 * stem["channels"]
    norms, macs = 2 * stem["channels"], weights * STAGES["conv1"]["output_size"] ** 2
    channels = stem["channels"]
    for stage in ("conv2_x", "conv3_x", "conv4_x", "conv5_x"):
        row = STAGES[stage]
        block, size = row[depth]["block"], row["output_size"]
        halves = row.get("first_block_stride", 1) == 2
        strided = next(i for i, (kernel, _) in enumerate(block) if len(block) == 2 or kernel == int(stride_in[0]))
        for number in range(row[depth]["repeat"]):
            first, start = number == 0, channels
            for index, (kernel, width) in enumerate(block):
                count = kernel**2 * channels * width
                # Layers before the one with the stride still see the larger map.
                before = first and halves and index < strided
                weights, norms = weights + count, norms + 2 * width
                macs += count * (2 * size if before else size) ** 2
                channels = width
            if option == "C" or (option == "B" and first and (halves or start != channels)):
                weights, norms, macs = (
                    weights + start * channels, norms + 2 * channels, macs + start * channels * size**2,
                )  # fmt: skip
    return weights + norms + (channels + 1) * classes, macs + channels * classes


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("stride_in", ["1x1", "3x3"])
def test_parameters_and_multiply_adds_are_those_of_table_1(net: str, stride_in: str) -> None:
    size = complexity(net, 224, 1000, bottleneck_stride=stride_in)
    assert (size.parameters, size.macs) == closed_form(net, stride_in)


@pytest.mark.parametrize(
    ("net", "stride_in", "billions"),
    [(net, "1x1", b) for net, b in STRIDE_IN_1X1.items()] + [(net, "3x3", b) for net, b in STRIDE_IN_3X3.items()],
)
def test_multiply_adds_are_those_derived_from_the_paper(net: str, stride_in: str, billions: float) -> None:
    assert round(complexity(net, 224, 1000, bottleneck_stride=stride_in).macs / 1e9, 3) == billions


@pytest.mark.parametrize("net", [net for net in NETS if not net.endswith("C")])  # the table has no column for C
def test_multiply_adds_are_the_printed_ones_only_with_the_stride_in_the_first_1x1(net: str) -> None:
    def printed(stride_in: str) -> float:
        billions = complexity(net, 224, 1000, bottleneck_stride=stride_in).macs / 1e9
        # 3.858 is printed as 3.8: cut off, not rounded. At 34 layers B gives 3.7, so the table is about A.
        return math.floor(10 * billions) / 10 if net == "resnet-50" else round(billions, 1)

    if net == "resnet-34-B":
        assert printed("1x1") == PRINTED[net] + 0.1
    else:
        assert printed("1x1") == PRINTED[net]
        assert (printed("3x3") == PRINTED[net]) is (depth_of(net) < 50)


def test_max_pooling_that_rounds_up_halves_the_same_maps_by_windows_a_pixel_apart() -> None:
    maps = torch.arange(16.0).reshape(1, 1, 4, 4)
    padded, rounded_up = build("plain-18", 5), build("plain-18", 5, max_pooling="rounded_up")
    assert padded.pool(maps).flatten().tolist() == [5, 7, 13, 15]
    assert rounded_up.pool(maps).flatten().tolist() == [10, 11, 14, 15]
    assert complexity("plain-18", 224, 1000, max_pooling="rounded_up") == complexity("plain-18", 224, 1000)


@pytest.mark.parametrize("depth", [18, 34])
def test_option_a_costs_nothing(depth: int) -> None:
    assert complexity(f"plain-{depth}", 224, 1000) == complexity(f"resnet-{depth}-A", 224, 1000)
    plain, residual = build(f"plain-{depth}", 5).state_dict(), build(f"resnet-{depth}-A", 5).state_dict()
    assert list(plain) == list(residual)
    assert all(torch.equal(plain[key], residual[key]) for key in plain)


@pytest.mark.parametrize(
    ("net", "count"), [("resnet-34-A", 0), ("resnet-34-B", 3), ("resnet-34-C", 16), ("resnet-18-B", 3),
                       ("resnet-18-C", 8), ("resnet-50", 4), ("resnet-152", 4), ("plain-34", 0)]
)  # fmt: skip
def test_projections_are_where_the_option_says(net: str, count: int) -> None:
    projections = [layer for layer in layers(net, 224, 1000) if "shortcut" in layer.name]
    assert len(projections) == count
    assert all(layer.kernel == 1 for layer in projections)
    if "-B" in net:
        assert [layer.name for layer in projections] == [f"conv{stage}.0.shortcut.0" for stage in (3, 4, 5)]


@pytest.mark.parametrize("net", NETS)
def test_maps_have_the_sizes_and_widths_of_table_1(net: str) -> None:
    depth, _ = parts(net)
    found = layers(net, 224, 1000)
    assert (found[0].output_size, found[0].kernel, found[0].stride) == (112, 7, 2)
    assert (found[1].kind, found[1].output_size, found[1].kernel, found[1].stride) == ("pool", 56, 3, 2)
    for stage in ("conv2_x", "conv3_x", "conv4_x", "conv5_x"):
        block, repeat = STAGES[stage][depth]["block"], STAGES[stage][depth]["repeat"]
        own = [layer for layer in found if layer.name.startswith(stage[:5] + ".") and "shortcut" not in layer.name]
        assert [[layer.kernel, layer.channels] for layer in own] == block * repeat
        assert own[-1].output_size == STAGES[stage]["output_size"]
        assert [layer.stride for layer in own].count(2) == (stage != "conv2_x")
    assert (found[-1].kind, found[-1].channels, found[-1].output_size) == ("fc", 1000, 1)


@pytest.mark.parametrize("net", NETS)
def test_a_net_has_as_many_weighted_layers_as_its_name_says(net: str) -> None:
    weighted = [layer for layer in layers(net, 224, 1000) if layer.kind != "pool" and "shortcut" not in layer.name]
    assert len(weighted) == depth_of(net) == int(net.split("-")[1])


@pytest.mark.parametrize("stride_in", ["1x1", "3x3"])
def test_the_named_layer_of_a_bottleneck_halves_the_map(stride_in: str) -> None:
    strided = [
        layer
        for layer in layers("resnet-50", 224, 1000, bottleneck_stride=stride_in)
        if layer.stride == 2 and "." in layer.name
    ]
    names = {layer.name: layer.kernel for layer in strided if "shortcut" not in layer.name}
    layer = "conv1" if stride_in == "1x1" else "conv2"
    assert names == {f"conv{stage}.0.{layer}": int(stride_in[0]) for stage in (3, 4, 5)}


# --- blocks, by hand


def random_norms(block: nn.Module) -> nn.Module:
    """Batch norm that is not the identity."""
    generator = torch.Generator().manual_seed(3)
    for norm in (layer for layer in block.modules() if isinstance(layer, nn.BatchNorm2d)):
        for values in (norm.weight.data, norm.bias.data, norm.running_mean):
            values.copy_(torch.randn(len(values), generator=generator))
        norm.running_var.copy_(torch.rand(len(norm.running_var), generator=generator) + 0.5)
    return block.eval()


def normalised(norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    return batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=1e-5)


def by_hand(block: Block | Bottleneck, x: Tensor, strides: list[int]) -> Tensor:
    """F(x): convolutions with batch norm, and a ReLU between each two."""
    for number, stride in enumerate(strides, start=1):
        weight = getattr(block, f"conv{number}").weight
        x = conv2d(x if number == 1 else x.clamp(min=0), weight, stride=stride, padding=weight.shape[2] // 2)
        x = normalised(getattr(block, f"bn{number}"), x)
    return x


@pytest.mark.parametrize(("option", "projects"), [("A", False), ("B", False), ("C", True), (None, False)])
def test_a_block_of_equal_dimensions_projects_under_option_c_only(option: str | None, projects: bool) -> None:
    x = torch.randn(2, 8, 6, 6)
    block = random_norms(Block(8, 8, 1, shortcut(option, 8, 8, 1)))
    added = torch.zeros(()) if option is None else x
    if projects:
        added = normalised(block.shortcut[1], conv2d(x, block.shortcut[0].weight))
    torch.testing.assert_close(block(x), (by_hand(block, x, [1, 1]) + added).clamp(min=0))


@pytest.mark.parametrize("option", ["B", "C"])
def test_a_block_that_halves_the_map_projects_every_other_pixel(option: str) -> None:
    x = torch.randn(2, 8, 6, 6)
    block = random_norms(Block(8, 16, 2, shortcut(option, 8, 16, 2)))
    added = normalised(block.shortcut[1], conv2d(x[:, :, ::2, ::2], block.shortcut[0].weight))
    torch.testing.assert_close(block(x), (by_hand(block, x, [2, 1]) + added).clamp(min=0))


@pytest.mark.parametrize(("stride_in", "strides"), [("1x1", [2, 1, 1]), ("3x3", [1, 2, 1])])
def test_a_bottleneck_is_1x1_3x3_1x1_plus_its_projection(stride_in: str, strides: list[int]) -> None:
    x = torch.randn(2, 8, 6, 6)
    block = random_norms(Bottleneck(8, 4, 2, shortcut("B", 8, 16, 2), stride_in))
    added = normalised(block.shortcut[1], conv2d(x[:, :, ::2, ::2], block.shortcut[0].weight))
    torch.testing.assert_close(block(x), (by_hand(block, x, strides) + added).clamp(min=0))


def test_a_bottleneck_of_equal_dimensions_adds_its_input() -> None:
    x = torch.randn(2, 16, 6, 6)
    block = random_norms(Bottleneck(16, 4, 1, shortcut("B", 16, 16, 1), "1x1"))
    torch.testing.assert_close(block(x), (by_hand(block, x, [1, 1, 1]) + x).clamp(min=0))


# --- nets


@pytest.mark.parametrize("net", NETS)
def test_a_net_takes_images_of_32_56_and_64_pixels(net: str) -> None:
    built = build(net, 7).eval()
    with torch.no_grad():
        for size, last in ((32, 1), (56, 2), (64, 2)):
            images = torch.randn(1, 3, size, size)
            maps = built.maps(images)
            assert maps.shape[2:] == (last, last)
            scores = maps.mean((2, 3)) @ built.fc.weight.T + built.fc.bias
            torch.testing.assert_close(built(images), scores)
            assert scores.shape == (1, 7)


def test_maps_need_not_be_square() -> None:
    assert build("resnet-18-B", 7).eval().maps(torch.randn(1, 3, 64, 100)).shape == (1, 512, 2, 4)


def test_the_seed_alone_decides_the_weights() -> None:
    first, again, other = (build("resnet-18-B", 5, seed=seed).state_dict() for seed in (7, 7, 8))
    assert all(torch.equal(first[key], again[key]) for key in first)
    drawn = [key for key in first if key.endswith("weight") and first[key].ndim > 1]
    assert len(drawn) == 18 + 3
    assert not any(torch.equal(first[key], other[key]) for key in drawn)


@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
def test_convolutions_start_with_the_deviation_of_he_for_their_fan(mode: str) -> None:
    for layer in build("resnet-50", 5, initialisation=mode).modules():
        if isinstance(layer, nn.Conv2d):
            fan = layer.kernel_size[0] ** 2 * (layer.in_channels if mode == "fan_in" else layer.out_channels)
            standardised = layer.weight / math.sqrt(2 / fan)
            assert abs(standardised.std().item() - 1) < 4 / math.sqrt(2 * layer.weight.numel())


@pytest.mark.parametrize(
    ("name", "choice"),
    [
        ("resnet-34", "resnet-34-A, resnet-34-B or resnet-34-C"),
        ("resnet-18", "resnet-18-A, resnet-18-B or resnet-18-C"),
        *(
            (name, ", ".join(NETS))
            for name in ("resnet-50-A", "resnet-34-D", "resnet-34-a", "plain-34-A", "plain-50", "resnet-20", "vgg-17")
        ),
    ],
)
def test_a_name_that_is_no_imagenet_net_is_refused_with_those_that_are(name: str, choice: str) -> None:
    for asked in (check_imagenet, *((build, depth_of) if name != "resnet-20" else ())):
        with refused("unknown", name, *([choice] if asked is check_imagenet else [])):
            asked(name)


# --- earlier systems


@pytest.mark.parametrize(
    ("net", "depth", "billions"), [("vgg-16", 16, 15.47), ("vgg-19", 19, 19.63), ("googlenet", 22, 1.50)]
)
def test_earlier_systems_cost_what_is_known_of_them(net: str, depth: int, billions: float) -> None:
    check_imagenet(net)
    assert depth_of(net) == depth
    assert round(complexity(net, 224, 1000).macs / 1e9, 2) == billions
    weighted = [layer for layer in layers(net, 224, 1000) if layer.kind != "pool"]
    if net != "googlenet":  # an inception module is two layers deep and six wide
        assert len(weighted) == depth
    assert weighted[-1].channels == 1000


@pytest.mark.parametrize("net", ["vgg-16", "googlenet"])
def test_an_earlier_system_scores_the_given_classes(net: str) -> None:
    built = build(net, 7)
    assert built(torch.randn(2, 3, 64, 64)).shape == (2, 7)
    convolution = next(layer for layer in built.modules() if isinstance(layer, nn.Conv2d))
    assert convolution.weight.std().item() == pytest.approx(math.sqrt(2 / convolution.weight[0].numel()), rel=0.1)
