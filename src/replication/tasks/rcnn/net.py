"""R-CNN's net (appendix C): a net of Table 1 that scores a region, cropped and warped to its input, and moves its box.

    region ─ conv1 … conv5 ─ global average pooling ─┬─ cls: a logistic a class
                                                     └─ reg: four offsets a class

Two sibling fc layers replace the classifier's. Of a thousand classes only the requested ones are computed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from replication.nets.backbone import load_backbone
from replication.nets.imagenet import ImagenetNet
from replication.tasks.rcnn.recipe import RcnnRecipe


@dataclass(frozen=True)
class Features:
    """The output of a `RegionNet` for regions; `predict` gives logits and offsets of any classes."""

    features: Tensor  # [B, channels]
    net: "RegionNet"

    def predict(self, classes: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [B, n, 1] and offsets [B, n, 1, 4] for the classes [B, n]; in fp32, whatever the maps were made in."""
        with torch.autocast(self.features.device.type, enabled=False):
            features, cls, reg = self.features.float(), self.net.cls, self.net.reg
            logits = torch.einsum("bc,bnc->bn", features, cls.weight[classes]) + cls.bias[classes]
            weight, bias = reg.weight.unflatten(0, (-1, 4)), reg.bias.unflatten(0, (-1, 4))
            offsets = torch.einsum("bc,bnoc->bno", features, weight[classes]) + bias[classes]
        return logits[..., None], offsets[:, :, None]

    def tensors(self, classes: Tensor) -> list[Tensor]:
        """Logits and offsets for the classes [B, n]."""
        return [*self.predict(classes)]


class RegionNet(nn.Module):
    """A net of Table 1 without its fc, and two fc layers side by side."""

    def __init__(self, backbone: ImagenetNet, classes: int):
        super().__init__()
        channels = backbone.fc.in_features
        del backbone.fc
        self.backbone = backbone
        self.cls = nn.Linear(channels, classes)
        self.reg = nn.Linear(channels, 4 * classes)

    def forward(self, regions: Tensor) -> Features:
        """regions [B, 3, S, S], mean subtracted → their pooled features."""
        return Features(self.backbone.maps(regions).mean(dim=(2, 3)), self)

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the weights of the two fc layers, normal of deviation 0.01 and 0.001 (Fast R-CNN's); the paper does not
        say."""
        for layer, std in ((self.cls, 0.01), (self.reg, 0.001)):
            nn.init.normal_(layer.weight, std=std, generator=generator)
            nn.init.zeros_(layer.bias)

    def load_backbone(self, weights: Mapping[str, Tensor]) -> None:
        """Load all layers but the fc from the weights of a trained net of Table 1; see `load_backbone`."""
        load_backbone(self.backbone, weights)


def make_head(_: RcnnRecipe) -> type[RegionNet]:
    """The layers of a recipe on top of a net of Table 1."""
    return RegionNet
