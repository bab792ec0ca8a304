"""Small stores with boxes, and recipes of the task `localization`, for its tests."""

from typing import Any

import numpy as np
import torch

from replication.data.annotations import label_images
from replication.data.meta import Meta
from replication.data.store import Store
from replication.tasks.localization.feed import BoxBatches
from replication.tasks.localization.recipe import LocalizationRecipe


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
    """A recipe for a store; `more` are its other fields, put over."""
    fields = {
        "task": "localization",
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
        "init_from": "nothing",
        "maps": "conv3",
        "anchors": {"sides": [12, 18, 27], "ratios": [0.5, 1.0, 2.0]},
        "sampling": {"anchors": 8, "positive": 0.5, "positive_from": 0.7, "negative_below": 0.3},
        "visible": 0.5,
        "augmentation": {"shorter_side": [shorter_side, shorter_side], "mirror": False, "colour": 0.0},
        "test": {"shorter_side": shorter_side, "scales": scales, "mirrored": False},
        "merged_from": 0.7,
    }
    return LocalizationRecipe(**fields | more)


def batches_of(store: Store, recipe: LocalizationRecipe) -> BoxBatches:
    return BoxBatches(store, recipe, torch.device("cpu"))
