"""The CIFAR-10 nets of section 4.2: plain and residual, 6n+2 layers.

    input 32x32 ─ 3x3, 16 ─┬─ 2n layers of 16 filters on 32x32 maps
                           ├─ 2n layers of 32 filters on 16x16 maps
                           └─ 2n layers of 64 filters on  8x8  maps ─ global average pooling ─ 10-way fc

Every pair of 3x3 layers is a block; in a residual net a shortcut (option A, no parameters) spans each block, so a
plain net and the residual net of its depth have the same parameters. `resnet-20` has 269,722 of them, `resnet-110`
1,727,962.

Two of the paper's side experiments have other blocks, with the same number of layers. Bottlenecks (Figure 5, right) of
16, 32 and 64 filters end in 64, 128 and 256 maps; plain nets of them are footnote 4 of section 4.1. Blocks of one layer
are section 3.2's.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import Tensor, nn, relu_
from torch.utils.checkpoint import checkpoint

from replication.nets.blocks import Block, Bottleneck, OneLayer, shortcut

DEEP = 200  # blocks; a deeper net keeps only the maps between its stages for the backward pass
STAGE = 25  # blocks a stage: about the square root of 600 takes the least memory


class CifarNet(nn.Module):
    """A plain or residual net of 6n+2 layers (section 4.2).

    The backward pass recomputes `stage` blocks at a time, so that their maps need not be kept; 0: all are kept.
    Weights, gradients and batch-norm statistics are the same bit for bit.
    """

    def __init__(self, count: int, residual: bool, classes: int, block: str = "two_layers", **of_option_a: str):
        """`count` blocks on maps of each size; `block` is "two_layers", "bottleneck" or "one_layer"."""
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        blocks: list[nn.Module] = []
        in_channels = 16
        for channels in (16, 32, 64):
            out_channels = 4 * channels if block == "bottleneck" else channels
            for index in range(count):
                stride = 2 if channels > 16 and index == 0 else 1
                over = shortcut("A" if residual else None, in_channels, out_channels, stride, **of_option_a)
                if block == "bottleneck":
                    blocks.append(Bottleneck(in_channels, channels, stride, over, "1x1"))
                else:
                    kind = Block if block == "two_layers" else OneLayer
                    blocks.append(kind(in_channels, channels, stride, over))
                in_channels = out_channels
        self.blocks = nn.Sequential(*blocks)
        self.fc = nn.Linear(in_channels, classes)
        self.stage = STAGE if len(blocks) > DEEP else 0

    def keep_maps(self) -> None:
        """Keep all maps for the backward pass: faster, for more memory."""
        self.stage = 0

    def forward(self, images: Tensor) -> Tensor:
        """images [N, 3, H, W], mean subtracted → scores [N, classes], before the softmax."""
        maps = relu_(self.bn1(self.conv1(images)))
        if self.stage and self.training and torch.is_grad_enabled():
            for first in range(0, len(self.blocks), self.stage):
                maps = _run_again(self.blocks[first : first + self.stage], maps)
        else:
            maps = self.blocks(maps)
        return self.fc(maps.mean(dim=(2, 3)))


def _run_again(blocks: nn.Sequential, maps: Tensor) -> Tensor:
    """Run `blocks` on `maps`; the backward pass recomputes them without updating the statistics again."""

    def contexts() -> tuple[AbstractContextManager, AbstractContextManager]:
        return nullcontext(), _statistics_stand_still(blocks)

    return checkpoint(blocks, maps, use_reentrant=False, preserve_rng_state=False, context_fn=contexts)


@contextmanager
def _statistics_stand_still(blocks: nn.Module) -> Iterator[None]:
    """Let batch norm update copies of its running averages and counter; it normalises as in training."""
    buffers = [(norm, name, buffer) for norm in blocks.modules() for name, buffer in norm.named_buffers(recurse=False)]
    for norm, name, buffer in buffers:
        setattr(norm, name, buffer.clone())
    try:
        yield
    finally:
        for norm, name, buffer in buffers:
            setattr(norm, name, buffer)
