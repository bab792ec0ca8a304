"""Parameters and multiply-adds of a net, counted on the built net."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn

from replication.nets.by_name import build


@dataclass(frozen=True)
class Layer:
    """A layer with weights, or a max pooling, in the order of the forward pass.

    `name` is its place in the net, "conv3.0.conv1" say; `kernel` is 0 for fc; `output_size` is the side of its maps.
    """

    name: str
    kind: str  # "conv", "fc" or "pool"
    kernel: int
    stride: int
    channels: int
    output_size: int
    macs: int


@dataclass(frozen=True)
class Complexity:
    """`macs` are multiply-adds of convolutions and fc for one image; the paper prints them as FLOPs (Table 1)."""

    parameters: int
    macs: int


@cache
def layers(net: str, input_size: int, classes: int, **options: Any) -> tuple[Layer, ...]:
    """The layers of a net at an input of `input_size` pixels a side, shortcut projections included."""
    return _walk(net, input_size, classes, options)[0]


@cache
def complexity(net: str, input_size: int, classes: int = 10, **options: Any) -> Complexity:
    """Count a net at an input of `input_size` pixels a side; `options` are those of `build`.

    Batch norm, pooling, ReLU and the additions of shortcuts are not counted as multiply-adds, as in Table 1.
    The net is built without memory, so 1202 layers cost seconds only.
    """
    walked, parameters = _walk(net, input_size, classes, options)
    return Complexity(parameters, sum(layer.macs for layer in walked))


def _walk(net: str, input_size: int, classes: int, options: Mapping[str, Any]) -> tuple[tuple[Layer, ...], int]:
    walked: list[Layer] = []

    def add_layer(name: str, layer: nn.Module, output: Tensor) -> None:
        channels = output.shape[1]
        side = output.shape[2] if output.ndim == 4 else 1
        weights = layer.weight.numel() if hasattr(layer, "weight") else 0
        kind = {nn.Conv2d: "conv", nn.Linear: "fc", nn.MaxPool2d: "pool"}[type(layer)]
        kernel, stride = (
            (value[0] if isinstance(value, tuple) else value)
            for value in (getattr(layer, "kernel_size", 0), getattr(layer, "stride", 1))
        )
        walked.append(Layer(name, kind, kernel, stride, channels, side, weights * output.numel() // channels))

    with torch.device("meta"):
        module = build(net, classes, **options).eval()
    for name, layer in module.named_modules():
        # Only shapes are counted, so convolutions and fc give zeros.
        if isinstance(layer, nn.Conv2d):
            layer.forward = partial(_empty_maps, layer)
        elif isinstance(layer, nn.Linear):
            layer.forward = partial(_empty_features, layer)
        elif isinstance(layer, nn.BatchNorm2d):
            layer.forward = nn.Identity().forward
        if isinstance(layer, nn.Conv2d | nn.Linear | nn.MaxPool2d):
            layer.register_forward_hook(lambda layer, _, output, name=name: add_layer(name, layer, output))
    # A ReLU on the device "meta" imports torch's compiler, which takes seconds. Only a task's own net needs it there:
    # what it does with proposals has no shape.
    device = "meta" if "head" in options else "cpu"
    with torch.inference_mode():
        module(torch.zeros(1, 3, input_size, input_size, device=device))
    return tuple(walked), sum(p.numel() for p in module.parameters())


def _empty_maps(layer: nn.Conv2d, maps: Tensor) -> Tensor:
    height, width = (
        (side + 2 * padding - kernel) // stride + 1
        for side, padding, kernel, stride in zip(
            maps.shape[2:], layer.padding, layer.kernel_size, layer.stride, strict=True
        )
    )
    return maps.new_zeros(len(maps), layer.out_channels, height, width)


def _empty_features(layer: nn.Linear, features: Tensor) -> Tensor:
    return features.new_zeros(*features.shape[:-1], layer.out_features)
