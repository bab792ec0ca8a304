"""The CIFAR-10 nets of section 4.2: plain and residual, 6n+2 layers.

    input 32x32 ─ 3x3, 16 ─┬─ 2n layers of 16 filters on 32x32 maps
                           ├─ 2n layers of 32 filters on 16x16 maps
                           └─ 2n layers of 64 filters on  8x8  maps ─ global average pooling ─ 10-way fc

Every pair of 3x3 layers is a block; in a residual net a shortcut (option A, no parameters) spans each block, so a
plain net and the residual net of its depth have the same parameters. `resnet-20` has 269,722 of them, `resnet-110`
1,727,962.
"""

import re

from torch import Tensor, nn
from torch.nn.functional import relu

from replication.errors import UserError
from replication.nets.blocks import Block, shortcut

# These names belong to the bottleneck nets of Table 1, though 50 and 152 are 6n+2 as well.
IMAGENET_DEPTHS = (18, 34, 50, 101, 152)


def parse(net: str) -> int:
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


class CifarNet(nn.Module):
    """A plain or residual net of 6n+2 layers (section 4.2)."""

    def __init__(self, n: int, residual: bool, classes: int, **of_option_a: str):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        blocks, in_channels = [], 16
        for channels in (16, 32, 64):
            for index in range(n):
                stride = 2 if channels > 16 and index == 0 else 1
                over = shortcut("A" if residual else None, in_channels, channels, stride, **of_option_a)
                blocks.append(Block(in_channels, channels, stride, over))
                in_channels = channels
        self.blocks = nn.Sequential(*blocks)
        self.fc = nn.Linear(64, classes)

    def forward(self, images: Tensor) -> Tensor:
        """images [N, 3, H, W], mean subtracted → scores [N, classes], before the softmax."""
        maps = relu(self.bn1(self.conv1(images)))
        maps = self.blocks(maps)
        return self.fc(maps.mean(dim=(2, 3)))
