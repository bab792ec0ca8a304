"""Faster R-CNN on a net of Table 1 (appendix A), or on VGG-16:

    image ─ conv1 … conv4 ─ maps ─┬─ 3x3 ─┬─ a logistic an anchor
                                  │       └─ four offsets an anchor ── proposals
                                  │                                        │
                                  └─ RoI pooling of each ──────────────────┴─ conv5 ─ pooling ─┬─ cls: scores
                                                                                               └─ reg: offsets

With maps of conv3, conv4 judges the regions, and conv5 is left out. VGG-16 shares conv1 to conv5, of the same stride as
conv4 above, and fc6 and fc7 judge the regions, with dropout and without pooling (Fast R-CNN). With `context` the whole
image is pooled as one more region, and cls and reg see its features beside those of each region (appendix B).
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn, relu_
from torch.nn.functional import pad
from torchvision.ops import roi_align, roi_pool

from replication.nets.backbone import load_backbone
from replication.nets.boxes import anchors
from replication.nets.imagenet import ImagenetNet
from replication.nets.names import STRIDES
from replication.tasks.detection.proposals import Size
from replication.tasks.detection.recipe import Anchors, DetectionRecipe

OWN = ("rpn_conv.", "rpn.", "cls.", "reg.")  # layers that no backbone has
FAKE_REGIONS = 2  # an image, where only the time of a step is measured


@dataclass(frozen=True)
class Maps:
    """The output of a `DetectionNet` for a batch of images, padded to one size."""

    maps: Tensor  # [B, channels, H, W]
    logits: Tensor  # [B, shapes, H, W] of the anchors at each place
    offsets: Tensor  # [B, shapes, H, W, 4]
    net: "DetectionNet"

    def of_image(self, index: int, size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
        """Logits [P], offsets [P, 4] and anchors [P, 4] of an image of this width and height, without its padding."""
        net = self.net
        width, height = (-(-side // net.stride) for side in size)
        shapes = anchors(height, width, net.stride, net.head.anchors.sides, net.head.anchors.ratios)
        logits, offsets = self.logits[index, :, :height, :width], self.offsets[index, :, :height, :width]
        return logits.flatten(), offsets.flatten(0, 2), shapes.to(logits.device)

    def of_one(self, index: int) -> "Maps":
        """Those of one image of the batch alone."""
        one = slice(index, index + 1)
        return Maps(self.maps[one], self.logits[one], self.offsets[one], self.net)

    def judge(self, regions: Sequence[Tensor], sizes: Sequence[Size]) -> tuple[Tensor, Tensor]:
        """Scores [R, classes + 1], the first of background, before the softmax, and offsets [R, classes, 4] of the
        regions [n, 4] of each image, all images together.

        Args:
            sizes: width and height of each image, without its padding.
        """
        if not self.net.head.context:
            return self.net.classify(self.pool(regions).mean(dim=(2, 3)))
        # The whole image passes with its regions, so that batch norm sees them together.
        wholes = [frame_image(size, self.maps.device) for size in sizes]
        features = self.pool([torch.cat(pair) for pair in zip(regions, wholes, strict=True)]).mean(dim=(2, 3))
        rows = []
        for of_image in features.split([len(some) + 1 for some in regions]):
            rows.append(torch.cat([of_image[:-1], of_image[-1:].expand(len(of_image) - 1, -1)], 1))
        return self.net.classify(torch.cat(rows))

    def pool(self, regions: Sequence[Tensor]) -> Tensor:
        """Features of the regions of each image, before the average pooling, [R, channels, h, w]."""
        return self.net.pool_regions(self.maps, list(regions))

    def tensors(self, _: Tensor) -> list[Tensor]:
        """Output that depends on all weights, to measure the time of a step."""
        side = float(min(self.maps.shape[2:]) * self.net.stride)
        fake = torch.tensor([[0.0, 0.0, side, side]], device=self.maps.device).expand(FAKE_REGIONS, 4)
        sizes = [(int(side), int(side))] * len(self.maps)
        return [self.logits, self.offsets, *self.judge([fake] * len(self.maps), sizes)]


@dataclass(frozen=True)
class Head:
    """Makes a net of Table 1 or VGG-16 a `DetectionNet`; equal ones make equal nets."""

    maps: str  # the last layers that all regions share
    frozen: str  # the last layers that are not trained
    norm: str  # "fixed" or "live"
    anchors: Anchors
    pool: str  # "max" or "align"
    size: int  # side of a pooled region, places
    context: bool  # regions are judged with the whole image
    counted: int  # regions of an image, where multiply-adds are counted

    def __call__(self, backbone: nn.Module, classes: int) -> "DetectionNet":
        return DetectionNet(backbone, classes, self)


class DetectionNet(nn.Module):
    """A net whose first layers are shared by all regions, and whose next ones judge each.

    Args:
        backbone: a net of Table 1, whose fc is left out, and whose conv5 too if the maps are those of conv3; or VGG-16,
            whose last pooling and fc8 are left out.
        classes: without background.
    """

    def __init__(self, backbone: nn.Module, classes: int, head: Head):
        super().__init__()
        self.head, self.stride = head, STRIDES[head.maps]
        self._is_vgg = not isinstance(backbone, ImagenetNet)
        if self._is_vgg:
            self._shared, self._last = ["features"], "classifier"
            self.features, self.classifier = backbone.features[:-1], backbone.classifier[:-1]
        else:
            last = int(head.maps[-1])
            self._shared = ["conv1", "bn1", "pool", *(f"conv{stage}" for stage in range(2, last + 1))]
            self._last = f"conv{last + 1}"  # judges regions
            for name in (*self._shared, self._last):
                self.add_module(name, getattr(backbone, name))
        channels, features = (_count_channels(getattr(self, name)) for name in (self._shared[-1], self._last))
        self.shapes = len(head.anchors.sides) * len(head.anchors.ratios)
        features *= 2 if head.context else 1
        self.rpn_conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.rpn = nn.Conv2d(channels, 5 * self.shapes, 1)
        self.cls = nn.Linear(features, classes + 1)
        self.reg = nn.Linear(features, 4 * classes)
        self._fixed_norms = self._freeze()

    def _freeze(self) -> list[nn.BatchNorm2d]:
        """Exclude layers from training: those up to `frozen` with their batch norm, or the batch norm of all.

        Returns:
            Batch norm that keeps its statistics.
        """
        stages = self._list_stages()
        frozen = [] if self.head.frozen == "none" else list(stages)[: list(stages).index(self.head.frozen) + 1]
        norms = [layer for layer in self.modules() if isinstance(layer, nn.BatchNorm2d)]
        for layer in (
            *(layer for stage in frozen for layer in stages[stage]),
            *(norms if self.head.norm == "fixed" else ()),
        ):
            layer.requires_grad_(False)
        return [norm for norm in norms if not norm.weight.requires_grad]

    def _list_stages(self) -> dict[str, list[nn.Module]]:
        """The shared layers by stage, from conv1 on."""
        if not self._is_vgg:
            return {"conv1": [self.conv1, self.bn1]} | {stage: [getattr(self, stage)] for stage in self._shared[3:]}
        stages: dict[str, list[nn.Module]] = {}
        number = 1
        for layer in self.features:
            stages.setdefault(f"conv{number}", []).append(layer)
            number += isinstance(layer, nn.MaxPool2d)
        return stages

    def train(self, mode: bool = True) -> "DetectionNet":
        """Switch between training and testing; batch norm that is not trained keeps its statistics."""
        super().train(mode)
        for norm in self._fixed_norms:
            norm.eval()
        return self

    @torch.compiler.disable  # images of many sizes would be compiled again and again
    def forward(self, images: Tensor) -> Maps:
        """images [B, 3, H, W], mean subtracted → maps of ceil(H / stride) x ceil(W / stride) places."""
        maps = self._share(images)
        features = relu_(self.rpn_conv(maps))
        with _in_fp32(features):
            output = self.rpn(features.float()).unflatten(1, (5, self.shapes))
        if images.is_meta:  # where layers are counted, there are no proposals
            counted = self.head.counted + self.head.context
            judged = self._judge_pooled(maps.new_empty(counted, maps.shape[1], self.head.size, self.head.size))
            features = judged[: self.head.counted].mean(dim=(2, 3))
            self.classify(torch.cat([features, features], 1) if self.head.context else features)
        return Maps(maps, output[:, 0], output[:, 1:].permute(0, 2, 3, 4, 1), self)

    def _share(self, images: Tensor) -> Tensor:
        if self._is_vgg:  # its poolings leave out what is no whole place, a net of Table 1 does not
            height, width = images.shape[2:]
            return self.features(pad(images, (0, -width % self.stride, 0, -height % self.stride)))
        maps = self.pool(relu_(self.bn1(self.conv1(images))))
        for stage in self._shared[3:]:
            maps = getattr(self, stage)(maps)
        return maps

    def pool_regions(self, maps: Tensor, regions: list[Tensor]) -> Tensor:
        """See `Maps.pool`. RoI pooling is in fp32; convolutions are in the precision of the maps."""
        size, scale = self.head.size, 1 / self.stride
        with _in_fp32(maps):
            if self.head.pool == "max":
                pooled = roi_pool(maps.float(), regions, size, scale)
            else:
                pooled = roi_align(maps.float(), regions, size, scale, sampling_ratio=2)
        with torch.autocast(maps.device.type, torch.bfloat16, enabled=maps.dtype == torch.bfloat16):
            return self._judge_pooled(pooled.contiguous(memory_format=torch.channels_last))

    def _judge_pooled(self, pooled: Tensor) -> Tensor:
        if self._is_vgg:
            return self.classifier(pooled.flatten(1))[:, :, None, None]
        return getattr(self, self._last)(pooled)

    def classify(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Scores [R, classes + 1] and offsets [R, classes, 4] from the features of regions [R, features], in fp32."""
        with _in_fp32(features):
            return self.cls(features.float()), self.reg(features.float()).unflatten(1, (-1, 4))

    def initialise(self, generator: torch.Generator) -> None:
        """Draw the weights of the new layers, normal of deviation 0.01, of offsets of regions 0.001 (Fast and Faster
        R-CNN's); the paper does not say.
        """
        for layer, std in ((self.rpn_conv, 0.01), (self.rpn, 0.01), (self.cls, 0.01), (self.reg, 0.001)):
            nn.init.normal_(layer.weight, std=std, generator=generator)
            nn.init.zeros_(layer.bias)

    def load_backbone(self, weights: Mapping[str, Tensor]) -> None:
        """Load the layers of the backbone from the weights of a trained net; see `load_backbone`."""
        load_backbone(self, weights, OWN)


def frame_image(size: Size, device: torch.device) -> Tensor:
    """The region that is the whole image, [1, 4]."""
    return torch.tensor([[0.0, 0.0, *map(float, size)]], device=device)


def _count_channels(layers: nn.Module) -> int:
    """The width of the last convolution or fully connected layer."""
    return [layer for layer in layers.modules() if isinstance(layer, nn.Conv2d | nn.Linear)][-1].weight.shape[0]


def _in_fp32(values: Tensor) -> AbstractContextManager:
    """Arithmetic in fp32, whatever the recipe says; tensors without data have no arithmetic."""
    return nullcontext() if values.is_meta else torch.autocast(values.device.type, enabled=False)


def make_head(recipe: DetectionRecipe) -> Head:
    """The layers of a recipe on top of its net."""
    regions = recipe.regions
    return Head(
        recipe.maps,
        recipe.frozen,
        recipe.norm,
        recipe.anchors,
        regions.pool,
        regions.size,
        recipe.context,
        recipe.proposals.test.after,
    )
