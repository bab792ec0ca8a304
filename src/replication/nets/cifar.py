"""The CIFAR-10 nets of section 4.2: plain and residual, 6n+2 layers.

    input 32x32 ─ 3x3, 16 ─┬─ 2n layers of 16 filters on 32x32 maps
                           ├─ 2n layers of 32 filters on 16x16 maps
                           └─ 2n layers of 64 filters on  8x8  maps ─ global average pooling ─ 10-way fc

Every pair of 3x3 layers is a block; in a residual net a shortcut (option A, no parameters) spans each block, so a
plain net and the residual net of its depth have the same parameters. `resnet-20` has 269,722 of them, `resnet-110`
1,727,962.
"""

from torch import Tensor, nn
from torch.nn.functional import relu

from replication.nets.blocks import Block, shortcut


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
