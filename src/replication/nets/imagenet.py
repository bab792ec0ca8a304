"""The ImageNet nets of Table 1: plain and residual nets of 18 and 34 layers, bottleneck nets of 50, 101 and 152.

    input 224x224 ─ conv1: 7x7, 64, stride 2 ─ 3x3 max pooling, stride 2 ─┬─ conv2: 56x56 maps
                                                                         ├─ conv3: 28x28
                                                                         ├─ conv4: 14x14
                                                                         └─ conv5:  7x7 ─ global average pooling ─ fc

The letter of a name is the shortcut option (section 4.1): `resnet-34-A`, `-B`, `-C`. Bottleneck nets use option B and
have no letter. At 224 pixels `resnet-34-A` costs 3.64 billion multiply-adds and `resnet-152` 11.28.
"""

from torch import Tensor, nn, relu_

from replication.nets.blocks import Block, Bottleneck, shortcut

# Blocks of conv2 to conv5 (Table 1).
BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


class ImagenetNet(nn.Module):
    """A net of Table 1. `conv2` to `conv5` are the paper's conv2_x to conv5_x."""

    def __init__(
        self,
        layers: int,
        option: str | None,
        classes: int,
        bottleneck_stride: str = "1x1",
        max_pooling: str = "padded",
        **of_option_a: str,
    ):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        # Both halve even maps; their windows are a pixel apart.
        self.pool = nn.MaxPool2d(3, 2, padding=1) if max_pooling == "padded" else nn.MaxPool2d(3, 2, ceil_mode=True)
        in_channels = 64
        for stage, count in enumerate(BLOCKS[layers]):
            channels = 64 * 2**stage
            out_channels = channels if layers < 50 else 4 * channels
            blocks: list[nn.Module] = []
            for index in range(count):
                stride = 2 if stage > 0 and index == 0 else 1
                over = shortcut(option, in_channels, out_channels, stride, **of_option_a)
                if layers < 50:
                    blocks.append(Block(in_channels, channels, stride, over))
                else:
                    blocks.append(Bottleneck(in_channels, channels, stride, over, bottleneck_stride))
                in_channels = out_channels
            self.add_module(f"conv{stage + 2}", nn.Sequential(*blocks))
        self.fc = nn.Linear(in_channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        """images [N, 3, H, W], mean subtracted → scores [N, classes], before the softmax."""
        return self.fc(self.maps(images).mean(dim=(2, 3)))

    def maps(self, images: Tensor) -> Tensor:
        """images [N, 3, H, W] → the last maps [N, channels, ceil(H / 32), ceil(W / 32)], before pooling."""
        maps = self.pool(relu_(self.bn1(self.conv1(images))))
        return self.conv5(self.conv4(self.conv3(self.conv2(maps))))
