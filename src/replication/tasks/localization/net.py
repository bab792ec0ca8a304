"""Localization nets (appendix C): a net of Table 1 with four methods side by side on its maps.

    image ─ conv1 … conv3, conv4 or conv5 ─ maps ─┬─ pooled ─┬─ scr            one box
                                                  │          └─ pcr            one box a class
                                                  ├─ rpn                       a logistic and a box an anchor and place
                                                  └─ per_class_rpn             likewise, a class

`scr` and `pcr` are VGG's single-class and per-class regression, the comparators of Table 13; `rpn` is that of Faster
R-CNN; `per_class_rpn` is the paper's. They share one training, so that nothing else differs between them; in the paper
each is a separate net. A per-class layer is the shared layer plus a difference, zero at first: a class without images
uses what all classes learn. Of a thousand classes only the requested ones are computed.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn, relu_

from replication.nets.backbone import load_backbone
from replication.nets.imagenet import ImagenetNet
from replication.nets.names import STRIDES
from replication.tasks.localization.recipe import LocalizationRecipe

METHODS = ("scr", "pcr", "rpn", "per_class_rpn")


class Siblings(nn.Module):
    """The two sibling 1x1 layers of a method: `cls`, a logistic of each anchor, and `reg`, its four offsets.

    Without `classes` they are the same for all. With them each class adds a difference of its own to `base`'s.
    """

    def __init__(self, channels: int, anchors: int, base: "Siblings | None" = None, classes: int = 0):
        super().__init__()
        self.anchors = anchors
        if base is None:
            self.layer = nn.Conv2d(channels, 5 * anchors, 1)
        else:
            self.weight = nn.Parameter(torch.zeros(classes, 5 * anchors, channels))
            self.bias = nn.Parameter(torch.zeros(classes, 5 * anchors))
        self._base = (base,)  # in a tuple, so that torch does not register it twice

    def forward(self, maps: Tensor, classes: Tensor) -> tuple[Tensor, Tensor]:
        """maps [B, channels, H, W] and the classes asked for [B, n] → logits [B, n, P], offsets [B, n, P, 4].

        P are the anchors of all places, in the order of `anchors.anchors`. In fp32, whatever the maps were made in.
        """
        with torch.autocast(maps.device.type, enabled=False):
            output = self._predict(maps.float(), classes).unflatten(2, (5, self.anchors)).flatten(3)
        return output[:, :, 0], output[:, :, 1:].transpose(2, 3)

    def _predict(self, maps: Tensor, classes: Tensor) -> Tensor:
        """[B, n, 5 anchors, places]."""
        (base,) = self._base
        if base is None:
            return self.layer(maps).flatten(2)[:, None].expand(-1, classes.shape[1], -1, -1)
        shared = base.layer
        weight = shared.weight.detach().flatten(1) + self.weight[classes]  # [B, n, 5 anchors, channels]
        bias = shared.bias.detach() + self.bias[classes]
        return torch.einsum("bkp,bnok->bnop", maps.flatten(2), weight) + bias[..., None]


@dataclass(frozen=True)
class Maps:
    """The output of a `LocalizationNet` for a batch; `predict` gives the boxes of any classes.

    The net itself does not need to know the class.
    """

    maps: Tensor  # [B, channels, H, W]
    net: "LocalizationNet"

    def predict(self, method: str, classes: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [B, n, P] and offsets [B, n, P, 4] by a method for the classes [B, n]; P is 1 for regression."""
        maps = self.maps if "rpn" in method else self.maps.mean(dim=(2, 3), keepdim=True)
        return getattr(self.net, method)(maps, classes)

    def tensors(self, classes: Tensor) -> list[Tensor]:
        """Logits and offsets of all methods for the classes [B, n]."""
        return [values for method in METHODS for values in self.predict(method, classes)]


class LocalizationNet(nn.Module):
    """A net of Table 1 up to `maps` ("conv3", "conv4" or "conv5"), and four methods to locate.

    Args:
        backbone: a net of Table 1; its later layers and its fc are left out.
        anchors: at each place.
    """

    def __init__(self, backbone: ImagenetNet, maps: str, classes: int, anchors: int):
        super().__init__()
        self.stride = STRIDES[maps]
        names = ["conv1", "bn1", "pool", *(f"conv{stage}" for stage in range(2, int(maps[-1]) + 1))]
        for name in names:
            self.add_module(name, getattr(backbone, name))
        self._stages = [name for name in names if name not in ("conv1", "bn1", "pool")]
        channels = [layer for layer in getattr(self, maps).modules() if isinstance(layer, nn.Conv2d)][-1].out_channels
        self.scr = Siblings(channels, 1)
        self.pcr = Siblings(channels, 1, self.scr, classes)
        self.rpn = Siblings(channels, anchors)
        self.per_class_rpn = Siblings(channels, anchors, self.rpn, classes)

    def forward(self, images: Tensor) -> Maps:
        """images [B, 3, H, W], mean subtracted → maps of ceil(H / stride) x ceil(W / stride) places."""
        maps = self.pool(relu_(self.bn1(self.conv1(images))))
        for stage in self._stages:
            maps = getattr(self, stage)(maps)
        return Maps(maps, self)

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the weights of the four methods, normal of deviation 0.01 (Faster R-CNN's); the paper does not say."""
        for siblings in (self.scr, self.rpn):
            nn.init.normal_(siblings.layer.weight, std=0.01, generator=generator)
            nn.init.zeros_(siblings.layer.bias)

    def load_backbone(self, weights: Mapping[str, Tensor]) -> None:
        """Load the layers up to the maps from the weights of a trained net of Table 1; see `load_backbone`."""
        load_backbone(self, weights, tuple(f"{method}." for method in METHODS))


@dataclass(frozen=True)
class Head:
    """Makes a net of Table 1 a `LocalizationNet`; equal ones make equal nets."""

    maps: str
    anchors: int  # at each place

    def __call__(self, backbone: ImagenetNet, classes: int) -> LocalizationNet:
        return LocalizationNet(backbone, self.maps, classes, self.anchors)


def make_head(recipe: LocalizationRecipe) -> Head:
    """The layers of a recipe on top of a net of Table 1."""
    return Head(recipe.maps, len(recipe.anchors.sides) * len(recipe.anchors.ratios))
