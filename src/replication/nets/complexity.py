"""Parameters and multiply-adds of a net, counted on the built net, never typed."""

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn

from replication.nets.cifar import build


@dataclass(frozen=True)
class Complexity:
    """`macs` are multiply-adds of convolutions and fc for one image; the paper prints them as FLOPs (Table 1)."""

    parameters: int
    macs: int


@cache
def complexity(net: str, input_size: int, classes: int = 10) -> Complexity:
    """Count a net at an input of `input_size` pixels a side.

    Batch norm, pooling, ReLU and the additions of shortcuts are not counted as multiply-adds, as in Table 1.
    The net is built without memory, so 1202 layers cost seconds only.
    """
    macs = 0

    def count(layer: nn.Module, _: tuple, output: Tensor) -> None:
        nonlocal macs
        macs += layer.weight.numel() * (output.numel() // output.shape[1])

    with torch.device("meta"):
        module = build(net, classes)
        for layer in module.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                layer.register_forward_hook(count)
        with torch.no_grad():
            module.eval()(torch.empty(1, 3, input_size, input_size))
    return Complexity(sum(p.numel() for p in module.parameters()), macs)
