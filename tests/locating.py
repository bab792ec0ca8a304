"""Small stores with boxes, and recipes of the tasks `localization` and `rcnn`, for their tests."""

from typing import Any

import numpy as np
import torch

from replication.config.validation import merge
from replication.data.annotations import label_images
from replication.data.meta import Meta
from replication.data.store import Store
from replication.tasks.batches import TrainedNet
from replication.tasks.imagenet.feed import PhotographBatches
from replication.tasks.imagenet.recipe import ImagenetRecipe
from replication.tasks.localization.feed import BoxBatches
from replication.tasks.localization.recipe import LocalizationRecipe
from replication.tasks.rcnn.recipe import RcnnRecipe

CPU = torch.device("cpu")


def made_up_store(
    boxes: list[list[list[float]]], side: int, labels: list[int] | None = None, classes: int = 3, seed: int = 0
) -> Store:
    """A store of square images of noise, whose training images are its test images; `boxes` are those of each."""
    count = len(boxes)
    random = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8, generator=random)
    corners = [np.array(rows, np.float32).reshape(-1, 4) for rows in boxes]
    annotations = label_images(np.array(labels or [0] * count), corners)
    names = [str(number) for number in range(classes)]
    meta = Meta("digits", "made up", "made up", names, count, count, side, "f" * 64)
    mean, covariance = images.float().mean(0)[:, :32, :32], torch.eye(3) * 0.01
    return Store(meta, images, annotations, images, annotations, mean, covariance)


def recipe_of(store: Store, input_size: int, shorter_side: int, scales: list[int], **more: Any) -> LocalizationRecipe:
    """A recipe of `localization` for a store, initialised from nothing; `more` are other fields, put over."""
    fields = _common_fields(store, input_size) | {
        "task": "localization",
        "maps": "conv3",
        "anchors": {"sides": [12, 18, 27], "ratios": [0.5, 1.0, 2.0]},
        "sampling": {"anchors": 8, "positive": 0.5, "positive_from": 0.7, "negative_below": 0.3},
        "visible": 0.5,
        "augmentation": {"shorter_side": [shorter_side, shorter_side], "mirror": False, "colour": 0.0},
        "test": {"shorter_side": shorter_side, "scales": scales, "mirrored": False},
        "merged_from": 0.7,
    }
    return LocalizationRecipe(**merge(fields, more))


def rcnn_recipe_of(store: Store, input_size: int = 32, **more: Any) -> RcnnRecipe:
    """A recipe of `rcnn` for a store; `more` are other fields, put over."""
    fields = _common_fields(store, input_size) | {
        "task": "rcnn",
        "starts": {"backbone": "imagenet", "proposals": "localization"},
        "regions": {"proposals": 4, "positive": 0.25, "positive_from": 0.5},
        "augmentation": {"shorter_side": [input_size, input_size], "mirror": False, "colour": 0.0},
        "merged_from": 0.7,
    }
    return RcnnRecipe(**merge(fields, more))


def classifier_recipe_of(store: Store, input_size: int, shorter_side: int, **more: Any) -> ImagenetRecipe:
    """A recipe of `imagenet` for a store, of a net that others may start from; `more` are other fields, put over."""
    fields = _common_fields(store, input_size) | {
        "task": "imagenet",
        "augmentation": {"shorter_side": [shorter_side, shorter_side], "mirror": False, "colour": 0.0},
        "test": {"shorter_side": shorter_side, "scales": [shorter_side], "mirrored": False},
    }
    return ImagenetRecipe(**merge(fields, more))


def _common_fields(store: Store, input_size: int) -> dict[str, Any]:
    return {
        "net": "resnet-18-A",
        "seed": 0,
        "data": store.meta.identity,
        "input_size": input_size,
        "train_images": store.meta.train_images,
        "shortcut": {"subsample": "stride", "zero_channels": "split"},
        "initialisation": "fan_in",
        "bottleneck_stride": "1x1",
        "bn_group": 8,
        "bn_statistics": "running",
        "optimiser": {"momentum": 0.9, "nesterov": False, "weight_decay": 1e-4, "weight_decay_scope": "all"},
        "schedule": {"batch_size": 16, "iterations": 40, "learning_rate": 0.01, "drops": [20], "drop_factor": 0.1},
        "precision": "fp32",
        "logging": {"log_every": 10, "evaluate_every": 20},
    }


def batches_of(store: Store, recipe: LocalizationRecipe) -> BoxBatches:
    return BoxBatches(store, recipe, CPU)


class NeverClassTwo(torch.nn.Module):
    """A classifier of eight classes or more that finds class 0 the most probable, then 1, 3, 4, …, and 2 the least."""

    def __init__(self, classes: int):
        super().__init__()
        self.scores = torch.linspace(1, 0, classes)
        self.scores[2] = -9

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.scores.expand(len(images), -1)


def start_from_classifier(store: Store, input_size: int, shorter_side: int) -> TrainedNet:
    """`NeverClassTwo` as what a net that locates objects starts from."""
    batches = PhotographBatches(store, classifier_recipe_of(store, input_size, shorter_side), CPU)
    return TrainedNet(NeverClassTwo(len(store.meta.classes)), batches)
