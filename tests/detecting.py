"""Small stores of images with several objects, and recipes of the task `detection`, for its tests."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch

from replication.config.validation import merge
from replication.data.annotations import Objects, gather
from replication.data.meta import Meta
from replication.data.store import Store
from replication.tasks.detection.feed import DetectionBatches
from replication.tasks.detection.recipe import DetectionRecipe

CPU = torch.device("cpu")
Thing = tuple[int, list[float], int]  # class, box, flag


def scene_store(scenes: Sequence[Sequence[Thing]], side: int = 64, classes: int = 3) -> Store:
    """A store of square images, whose training images are its test images: noise, with a bright box an object."""
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 60, (len(scenes), 3, side, side), dtype=torch.uint8, generator=random)
    for image, things in zip(images, scenes, strict=True):
        for number, (left, top, right, bottom), _ in things:
            image[number % 3, int(top) : int(bottom), int(left) : int(right)] = 250
    annotations = gather([_objects(things) for things in scenes])
    names = [str(number) for number in range(classes)]
    count = len(scenes)
    meta = Meta("digit_scenes", "made up", "made up", names, count, count, side, "f" * 64)
    mean, covariance = images.float().mean(0), torch.eye(3) * 0.01
    return Store(meta, images, annotations, images, annotations, mean, covariance)


def _objects(things: Sequence[Thing]) -> Objects:
    classes, boxes, flags = zip(*things, strict=True) if things else ((), (), ())
    return Objects(
        torch.tensor(classes, dtype=torch.int64),
        torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        torch.tensor(flags, dtype=torch.uint8),
    )


def random_scenes(count: int, side: int = 64, most: int = 2) -> list[list[Thing]]:
    """Scenes with up to `most` objects of three classes, some with none."""
    random = torch.Generator().manual_seed(1)

    def draw(low: int, high: int) -> int:
        return int(torch.randint(low, high, (1,), generator=random))

    scenes = []
    for _ in range(count):
        things: list[Thing] = []
        for _ in range(draw(0, most + 1)):
            width, height = draw(16, 32), draw(16, 32)
            left, top = draw(0, side - width), draw(0, side - height)
            things.append((draw(0, 3), [left, top, left + width, top + height], 0))
        scenes.append(things)
    return scenes


def recipe_of(store: Store, **more: Any) -> DetectionRecipe:
    """A recipe for a store, initialised from nothing; `more` are other fields, put over."""
    side = store.meta.input_size
    fields = {
        "task": "detection",
        "net": "resnet-18-A",
        "seed": 0,
        "data": store.meta.identity,
        "train_images": store.meta.train_images,
        "shortcut": {"subsample": "stride", "zero_channels": "split"},
        "initialisation": "fan_in",
        "bottleneck_stride": "1x1",
        "bn_statistics": "running",
        "maps": "conv3",
        "frozen": "none",
        "norm": "live",
        "bn_group": 2,
        "anchors": {"sides": [16, 24, 32], "ratios": [0.5, 1.0, 2.0]},
        "sampling": {
            "anchors": 32, "positive": 0.5, "positive_from": 0.7, "negative_below": 0.3, "inside": True,
        },
        "proposals": {
            "overlap": 0.7, "least_side": 4, "training": {"before": 200, "after": 20},
            "test": {"before": 200, "after": 20},
        },
        "regions": {
            "regions": 8, "positive": 0.5, "positive_from": 0.5, "background_from": 0.1, "beta": 1.0, "pool": "max",
            "size": 7,
        },
        "difficult": False,
        "augmentation": {"shorter_side": side, "longer_side": side, "mirror": True},
        "test": {"shorter_side": side, "longer_side": side, "score_from": 0.05, "overlap": 0.3, "most": 100},
        "optimiser": {"momentum": 0.9, "nesterov": False, "weight_decay": 1e-4, "weight_decay_scope": "all"},
        "schedule": {"batch_size": 4, "iterations": 6, "learning_rate": 0.01, "drops": [3], "drop_factor": 0.1},
        "precision": "fp32",
        "logging": {"log_every": 1, "evaluate_every": 3},
    }  # fmt: skip
    return DetectionRecipe(**merge(fields, more))


def batches_of(store: Store, rank: int = 0, ranks: int = 1, **more: Any) -> DetectionBatches:
    return DetectionBatches(store, recipe_of(store, **more), CPU, rank, ranks)


def without_boxes(store: Store) -> Store:
    return replace(store, train_annotations=replace(store.train_annotations, boxes=None))
