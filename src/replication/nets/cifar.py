"""The CIFAR-10 nets of section 4.2: plain and residual, 6n+2 layers.

    input 32x32 ─ 3x3, 16 ─┬─ 2n layers of 16 filters on 32x32 maps
                           ├─ 2n layers of 32 filters on 16x16 maps
                           └─ 2n layers of 64 filters on  8x8  maps ─ global average pooling ─ 10-way fc

Every pair of 3x3 layers is a block; in a residual net a shortcut (option A, no parameters) spans each block, so a
plain net and the residual net of its depth have the same parameters. `resnet-20` has 269,722 of them, `resnet-110`
1,727,962.
"""

import re

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, pad, relu

from replication.errors import UserError

# These names belong to the bottleneck nets of Table 1, though 50 and 152 are 6n+2 as well.
IMAGENET_DEPTHS = (18, 34, 50, 101, 152)


def depth_of(net: str) -> int:
    """Weighted layers of a CIFAR net by its name, e.g. 56 for "plain-56".

    Raises:
        UserError: the name is not `plain-<depth>` or `resnet-<depth>`, or the depth is not 6n+2.
    """
    match = re.fullmatch(r"(plain|resnet)-([1-9]\d*)", net)
    if not match:
        raise UserError(f"{net!r} is not a CIFAR net; write plain-<depth> or resnet-<depth>, such as resnet-56.")
    depth = int(match[2])
    if depth in IMAGENET_DEPTHS:
        raise UserError(
            f"{net} is the name of an ImageNet net (Table 1), not of a CIFAR net; take depth 44, 56 or 146."
        )
    if depth < 8 or depth % 6 != 2:
        below = max(8, (depth - 2) // 6 * 6 + 2)
        raise UserError(
            f"{net}: a CIFAR net has 6n+2 layers (section 4.2); the nearest depths are {below} and {below + 6}."
        )
    return depth


def option_a(x: Tensor, channels: int, stride: int, subsample: str = "stride", zero_channels: str = "split") -> Tensor:
    """Shortcut option A (section 3.3): identity, with zero channels where the dimension rises. No parameters.

    Args:
        x: [N, C, H, W].
        channels: channels of the result, C or more.
        stride: 1, or 2 where the map is halved.
        subsample: "stride" keeps every other pixel; "average" takes the mean of 2x2 pixels.
        zero_channels: "split" puts half of the zero channels before the old ones and half after; "end" all after.

    Returns:
        [N, channels, H / stride, W / stride].
    """
    if stride > 1:
        x = x[:, :, ::stride, ::stride] if subsample == "stride" else avg_pool2d(x, stride)
    zeros = channels - x.shape[1]
    if zeros:
        before = zeros // 2 if zero_channels == "split" else 0
        x = pad(x, (0, 0, 0, 0, before, zeros - before))
    return x


class Block(nn.Module):
    """Two 3x3 layers, with a shortcut over both if `residual` (Figure 2): y = relu(F(x) + x), or relu(F(x))."""

    def __init__(self, in_channels: int, channels: int, stride: int, residual: bool, shortcut: dict[str, str]):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.channels, self.stride, self.residual, self.shortcut = channels, stride, residual, shortcut

    def forward(self, x: Tensor) -> Tensor:
        response = relu(self.bn1(self.conv1(x)))
        response = self.bn2(self.conv2(response))
        if self.residual:
            response = response + option_a(x, self.channels, self.stride, **self.shortcut)
        return relu(response)


class CifarNet(nn.Module):
    """A plain or residual net of 6n+2 layers (section 4.2)."""

    def __init__(self, n: int, residual: bool, classes: int, shortcut: dict[str, str]):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        blocks, in_channels = [], 16
        for channels in (16, 32, 64):
            for index in range(n):
                stride = 2 if channels > 16 and index == 0 else 1
                blocks.append(Block(in_channels, channels, stride, residual, shortcut))
                in_channels = channels
        self.blocks = nn.Sequential(*blocks)
        self.fc = nn.Linear(64, classes)

    def forward(self, images: Tensor) -> Tensor:
        """images [N, 3, H, W], mean subtracted → scores [N, classes], before the softmax."""
        maps = relu(self.bn1(self.conv1(images)))
        maps = self.blocks(maps)
        return self.fc(maps.mean(dim=(2, 3)))


def build(
    net: str,
    classes: int = 10,
    *,
    seed: int = 0,
    initialisation: str = "fan_in",
    subsample: str = "stride",
    zero_channels: str = "split",
) -> nn.Module:
    """Make a net by its paper name, with He initialisation from `seed`.

    Args:
        net: "plain-20", "resnet-1202", …: 6n+2 layers.
        classes: width of the last layer.
        initialisation: "fan_in" or "fan_out"; the paper says neither.
        subsample, zero_channels: see `option_a`.

    Raises:
        UserError: no such net.
    """
    n = (depth_of(net) - 2) // 6
    shortcut = {"subsample": subsample, "zero_channels": zero_channels}
    module = CifarNet(n, net.startswith("resnet"), classes, shortcut)
    initialise(module, initialisation, torch.Generator().manual_seed(seed))
    return module


def initialise(module: nn.Module, mode: str, generator: torch.Generator) -> None:
    """He initialisation of convolutions ("Delving Deep into Rectifiers", eq. 10 or 14); fc without the factor 2."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d) and not layer.weight.is_meta:
            nn.init.kaiming_normal_(layer.weight, mode=mode, nonlinearity="relu", generator=generator)
        elif isinstance(layer, nn.Linear) and not layer.weight.is_meta:
            nn.init.kaiming_normal_(layer.weight, mode="fan_in", nonlinearity="linear", generator=generator)
            nn.init.zeros_(layer.bias)
