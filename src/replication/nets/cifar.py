"""The CIFAR-10 nets of section 4.2: plain and residual, 6n+2 layers.

    input 32x32 ─ 3x3, 16 ─┬─ 2n layers of 16 filters on 32x32 maps
                           ├─ 2n layers of 32 filters on 16x16 maps
                           └─ 2n layers of 64 filters on  8x8  maps ─ global average pooling ─ 10-way fc

Every pair of 3x3 layers is a block; in a residual net a shortcut (option A, no parameters) spans each block, so a
plain net and the residual net of its depth have the same parameters. `resnet-20` has 269,722 of them, `resnet-110`
1,727,962.

Two of the paper's side experiments have other blocks, and as many layers in all. Bottlenecks (Figure 5, right) of 16,
32 and 64 filters end in 64, 128 and 256 maps; plain nets of them are footnote 4 of section 4.1. Blocks of one layer
are section 3.2's.
"""

from torch import Tensor, nn
from torch.nn.functional import relu

from replication.nets.blocks import Block, Bottleneck, OneLayer, shortcut


class CifarNet(nn.Module):
    """A plain or residual net of 6n+2 layers (section 4.2)."""

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

    def forward(self, images: Tensor) -> Tensor:
        """images [N, 3, H, W], mean subtracted → scores [N, classes], before the softmax."""
        maps = relu(self.bn1(self.conv1(images)))
        maps = self.blocks(maps)
        return self.fc(maps.mean(dim=(2, 3)))
