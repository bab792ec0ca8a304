"""Parameters and multiply-adds against closed forms that do not look at the net."""

import time

import pytest
import torch
from errors import refused
from torch.utils.flop_counter import FlopCounterMode

from replication.nets.by_name import build
from replication.nets.complexity import complexity

PARAMETERS = {20: 269_722, 32: 464_154, 44: 658_586, 56: 853_018, 110: 1_727_962, 1202: 19_421_274}
SECTION_4_2 = {20: 0.27, 32: 0.46, 44: 0.66, 56: 0.85, 110: 1.7, 1202: 19.4}  # Table 6, millions


def parameters(n: int) -> int:
    """3x3 convolutions without bias, scale and shift of each batch norm, a 64-to-10 fc with bias."""
    convolutions = 432 + 2 * n * 2304 + 4608 + (2 * n - 1) * 9216 + 18432 + (2 * n - 1) * 36864
    norms = 2 * (16 * (2 * n + 1) + 32 * 2 * n + 64 * 2 * n)
    return convolutions + norms + 650


def multiply_adds(n: int, size: int) -> int:
    """Halving the map and doubling both widths leaves a layer's cost, so only 3 of the layers differ from the rest."""
    first = 9 * 3 * 16 * size**2
    layer = 9 * 16 * 16 * size**2
    return first + (6 * n - 2) * layer + 2 * (layer // 2) + 64 * 10


@pytest.mark.parametrize("kind", ["plain", "resnet"])
@pytest.mark.parametrize(("depth", "count"), PARAMETERS.items())
def test_the_nets_of_the_paper_have_exactly_these_parameters(kind: str, depth: int, count: int) -> None:
    assert complexity(f"{kind}-{depth}", 32).parameters == count


@pytest.mark.parametrize(("depth", "millions"), SECTION_4_2.items())
def test_the_parameters_round_to_the_sizes_of_table_6(depth: int, millions: float) -> None:
    digits = len(str(millions).split(".")[1])
    assert round(complexity(f"resnet-{depth}", 32).parameters / 1e6, digits) == millions


@pytest.mark.parametrize("n", [n for n in range(1, 21) if n != 8])  # 50 layers name an ImageNet net
def test_parameters_and_multiply_adds_follow_the_closed_forms_at_every_depth(n: int) -> None:
    plain, residual = (complexity(f"{kind}-{6 * n + 2}", 32) for kind in ("plain", "resnet"))
    assert plain == residual
    assert residual.parameters == parameters(n)
    assert residual.macs == multiply_adds(n, 32)


@pytest.mark.parametrize("kind", ["plain", "resnet"])
@pytest.mark.parametrize("m", [2, 4, 6, 12])  # 20, 38, 56 and 110 layers
def test_nets_of_bottlenecks_follow_their_closed_form(kind: str, m: int) -> None:
    """m blocks w, w, 4w on maps of each size, w = 16, 32, 64; shortcuts are of option A and have no parameters."""
    weights = norms = 0
    for width, before in ((16, 16), (32, 64), (64, 128)):
        first, others = before * width, (m - 1) * 4 * width * width
        weights += first + others + m * (9 * width**2 + width * 4 * width)
        norms += m * 2 * (width + width + 4 * width)
    expected = 9 * 3 * 16 + 2 * 16 + weights + norms + 256 * 10 + 10
    assert complexity(f"{kind}-{9 * m + 2}", 32, block="bottleneck").parameters == expected


@pytest.mark.parametrize("kind", ["plain", "resnet"])
def test_blocks_of_one_layer_have_the_layers_of_those_of_two(kind: str) -> None:
    """Same layers, same cost; only the shortcuts of a residual net end elsewhere."""
    assert complexity(f"{kind}-20", 32, block="one_layer") == complexity(f"{kind}-20", 32)


@pytest.mark.parametrize(
    ("net", "size", "stride"),
    [("plain-8", 16, "1x1"), ("resnet-20", 32, "1x1"), ("resnet-18-A", 64, "1x1"), ("resnet-18-C", 64, "1x1"),
     ("resnet-50", 64, "1x1"), ("resnet-50", 64, "3x3"), ("vgg-16", 32, "1x1"), ("googlenet", 64, "1x1")],
)  # fmt: skip
def test_multiply_adds_are_those_that_torch_counts_as_the_net_runs(net: str, size: int, stride: str) -> None:
    module = build(net, 10, bottleneck_stride=stride).eval().to("meta")
    with FlopCounterMode(display=False) as counter:
        module(torch.empty(1, 3, size, size, device="meta"))
    assert counter.get_total_flops() == 2 * complexity(net, size, 10, bottleneck_stride=stride).macs


def test_resnet_20_takes_40_551_040_multiply_adds() -> None:
    assert complexity("resnet-20", 32).macs == 40_551_040


@pytest.mark.parametrize("size", [8, 16])
def test_multiply_adds_follow_the_size_of_the_input_and_parameters_do_not(size: int) -> None:
    small = complexity("resnet-14", size)
    assert small.macs == multiply_adds(2, size)
    assert small.parameters == parameters(2)


def test_another_number_of_classes_changes_the_last_layer_only() -> None:
    ten, hundred = complexity("resnet-8", 32), complexity("resnet-8", 32, classes=100)
    assert hundred.parameters - ten.parameters == 90 * 65
    assert hundred.macs - ten.macs == 90 * 64


def test_1202_layers_are_counted_in_seconds() -> None:
    complexity.cache_clear()
    start = time.process_time()
    assert complexity("resnet-1202", 32).macs == multiply_adds(200, 32)
    assert time.process_time() - start < 20


def test_a_net_that_does_not_exist_is_refused() -> None:
    with refused("unknown", "20 and 26"):
        complexity("resnet-22", 32)
