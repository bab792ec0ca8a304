"""The detector against torchvision's Faster R-CNN with the same weights: the same proposals, detections and losses.

Options are those of torchvision where it has no others: RoIAlign, all anchors, background from no overlap on, smooth L1
of 1/9. All anchors and regions are sampled, as it draws from the global random numbers.
"""

import pytest
import torch
from detecting import batches_of, random_scenes, scene_store
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.rpn import RegionProposalNetwork
from torchvision.ops import MultiScaleRoIAlign

from replication.nets.boxes import anchors
from replication.tasks.batches import WEIGHTS, derived_seed
from replication.tasks.build import build_net
from replication.tasks.detection.detect import detect
from replication.tasks.detection.feed import DetectionBatches
from replication.tasks.detection.loss import loss
from replication.tasks.detection.net import DetectionNet
from replication.tasks.detection.proposals import propose

MANY = 10_000
AS_TORCHVISION = {
    "sampling": {"anchors": MANY, "inside": False},
    "regions": {"regions": MANY, "background_from": 0.0, "beta": 1 / 9, "pool": "align"},
    "augmentation": {"mirror": False},
    "test": {"score_from": 0.01, "overlap": 0.5},
    "proposals": {"least_side": 4},
}


@pytest.fixture(scope="module")
def batches() -> DetectionBatches:
    return batches_of(scene_store(random_scenes(8, most=3)), **AS_TORCHVISION)


@pytest.fixture(scope="module")
def net(batches: DetectionBatches) -> DetectionNet:
    """With weights so large that neither proposals nor detections are ties."""
    made = build_net(batches.recipe, batches.classes, derived_seed(0, WEIGHTS)).eval()
    with torch.no_grad():
        for layer in (made.rpn, made.cls):
            layer.weight *= 20
    return made


class OurAnchors(nn.Module):
    """Our anchors in torchvision's order: all shapes of a place, place by place."""

    def __init__(self, net: DetectionNet):
        super().__init__()
        self.net = net

    def num_anchors_per_location(self) -> list[int]:
        return [self.net.shapes]

    def forward(self, images: ImageList, maps: list[Tensor]) -> list[Tensor]:
        height, width = maps[0].shape[2:]
        shapes = self.net.head.anchors
        ours = anchors(height, width, self.net.stride, shapes.sides, shapes.ratios)
        return [ours.unflatten(0, (self.net.shapes, height * width)).transpose(0, 1).flatten(0, 1)] * len(maps[0])


class OurHead(nn.Module):
    """The two sibling layers of the net, as torchvision reads them."""

    def __init__(self, net: DetectionNet):
        super().__init__()
        self.net = net

    def forward(self, maps: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        answers = self.net.rpn(torch.relu(self.net.rpn_conv(maps[0]))).unflatten(1, (5, self.net.shapes))
        return [answers[:, 0]], [answers[:, 1:].transpose(1, 2).flatten(1, 2)]


class Features(nn.Module):
    def __init__(self, stage: nn.Module):
        super().__init__()
        self.stage = stage

    def forward(self, pooled: Tensor) -> Tensor:
        return self.stage(pooled).mean(dim=(2, 3))


class Predictor(nn.Module):
    """The two fc layers; torchvision has offsets of the background too."""

    def __init__(self, net: DetectionNet):
        super().__init__()
        self.net = net

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        offsets = self.net.reg(features)
        return self.net.cls(features), torch.cat([torch.zeros(len(offsets), 4), offsets], 1)


def oracle(net: DetectionNet, batches: DetectionBatches) -> tuple[RegionProposalNetwork, RoIHeads]:
    recipe = batches.recipe
    kept = {"training": recipe.proposals.training.before, "testing": recipe.proposals.test.before}
    after = {"training": recipe.proposals.training.after, "testing": recipe.proposals.test.after}
    rpn = RegionProposalNetwork(OurAnchors(net), OurHead(net), 0.7, 0.3, MANY, 0.5, kept, after, 0.7)
    rpn.min_size = recipe.proposals.least_side
    heads = RoIHeads(
        MultiScaleRoIAlign(["0"], 7, 2), Features(net.conv4), Predictor(net), 0.5, 0.5, MANY, 0.5,
        (10.0, 10.0, 5.0, 5.0), recipe.test.score_from, recipe.test.overlap, recipe.test.most,
    )  # fmt: skip
    heads.box_roi_pool.scales = [1 / net.stride]
    heads.box_roi_pool.map_levels = lambda boxes: torch.zeros(sum(map(len, boxes)), dtype=torch.int64)
    return rpn, heads


def image_list(images: Tensor) -> ImageList:
    return ImageList(images, [tuple(images.shape[2:])] * len(images))


@torch.inference_mode()
def test_proposals_and_detections_are_those_of_torchvision(net: DetectionNet, batches: DetectionBatches) -> None:
    rpn, heads = (part.eval() for part in oracle(net, batches))
    options = batches.recipe.proposals
    found = 0
    for images, (target,) in batches.single_view("test"):
        answers = net(images)
        proposals, _ = propose(*answers.of_image(0, target.size), target.size, options, options.test)
        (expected,), _ = rpn(image_list(images), {"0": answers.maps})
        torch.testing.assert_close(proposals, expected, atol=1e-4, rtol=1e-5)
        (theirs,), _ = heads({"0": answers.maps}, [expected], [target.size[::-1]])
        ours = detect(answers, 0, target.size, batches.recipe)
        torch.testing.assert_close(ours.scores, theirs["scores"], atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(ours.boxes, theirs["boxes"], atol=1e-3, rtol=1e-5)
        assert torch.equal(ours.classes + 1, theirs["labels"])
        found += len(ours.scores)
    assert found > 20


def test_losses_are_those_of_torchvision(net: DetectionNet, batches: DetectionBatches) -> None:
    rpn, heads = (part.train() for part in oracle(net, batches))
    net.eval()
    compared = 0
    for iteration in range(3):
        views, targets = batches.training(iteration)
        for images, truth in zip(views.split(1), targets.split(1), strict=True):
            (target,) = truth
            if not len(target.boxes):
                continue
            answers = net(images)
            true = [{"boxes": target.boxes, "labels": target.classes + 1}]
            proposals, of_anchors = rpn(image_list(images), {"0": answers.maps}, true)
            _, of_regions = heads({"0": answers.maps}, proposals, [target.size[::-1]], true)
            expected = sum(of_anchors.values()) + sum(of_regions.values())
            torch.testing.assert_close(loss(answers, truth).total, expected, atol=1e-5, rtol=1e-5)
            compared += 1
    assert compared >= 5
