"""Scenes with several digits: images for detection in the quick profile, which need no place."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from replication.data.annotations import Annotations, Objects, gather

TRAIN, TEST = 1000, 200  # scenes
MAX_DIGITS = 3  # digits of a scene; some have none
SIDES = (0.3, 0.55)  # of a digit, square root of its area, as shares of the scene's side
RATIOS = (0.75, 1.33)  # height over width
OVERLAP = 0.1  # most that a digit may share with an earlier one, as a share of either
TRIES = 20  # places that are tried for a digit


@dataclass(frozen=True)
class Scenes:
    """The scenes of a split: images [N, 3, S, S] and their objects."""

    images: NDArray[np.uint8]
    annotations: Annotations


def make_scenes(size: int) -> tuple[Scenes, Scenes]:
    """Training and test scenes of `size` pixels: digits of scikit-learn on a dark square, each stretched, at places
    drawn at random, overlapping a little. Every fifth digit is in test scenes alone. The seed is fixed.
    """
    from sklearn.datasets import load_digits

    bunch, random = load_digits(), np.random.default_rng(0)
    grey = [Image.fromarray((image * (255 / 16)).round().astype(np.uint8)) for image in bunch.images]
    test = np.arange(len(grey)) % 5 == 0
    train, tested = (
        _make_split(grey, bunch.target, np.flatnonzero(mask), count, size, random)
        for mask, count in ((~test, TRAIN), (test, TEST))
    )
    return train, tested


def _make_split(
    grey: list[Image.Image],
    labels: NDArray[np.int64],
    digits: NDArray[np.int64],
    count: int,
    size: int,
    random: np.random.Generator,
) -> Scenes:
    """`count` scenes of some of the digits."""
    scenes, objects = [], []
    for _ in range(count):
        scene, boxes, classes = np.zeros((size, size), np.uint8), [], []
        for number in random.choice(digits, int(random.integers(0, MAX_DIGITS + 1))):
            box = _place(boxes, size, random)
            if box is None:
                continue
            left, top, right, bottom = box
            pixels = np.asarray(grey[number].resize((right - left, bottom - top), Image.Resampling.BILINEAR))
            scene[top:bottom, left:right] = np.maximum(scene[top:bottom, left:right], pixels)
            boxes.append(box)
            classes.append(int(labels[number]))
        scenes.append(scene)
        corners = torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4)
        flags = torch.zeros(len(classes), dtype=torch.uint8)
        objects.append(Objects(torch.tensor(classes, dtype=torch.int64), corners, flags))
    return Scenes(np.repeat(np.stack(scenes)[:, None], 3, axis=1), gather(objects))


def _place(
    boxes: list[tuple[int, int, int, int]], size: int, random: np.random.Generator
) -> tuple[int, int, int, int] | None:
    """A random box that overlaps each of `boxes` by at most `OVERLAP`; None if `TRIES` draws find none."""
    for _ in range(TRIES):
        side, root = size * random.uniform(*SIDES), random.uniform(*RATIOS) ** 0.5
        width, height = round(side / root), round(side * root)
        left, top = int(random.integers(0, size - width + 1)), int(random.integers(0, size - height + 1))
        box = left, top, left + width, top + height
        if all(_share(box, other) <= OVERLAP for other in boxes):
            return box
    return None


def _share(box: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> float:
    """The shared area of two boxes, as a share of the smaller one."""
    across, down = (min(box[side + 2], other[side + 2]) - max(box[side], other[side]) for side in (0, 1))
    areas = [(right - left) * (bottom - top) for left, top, right, bottom in (box, other)]
    return max(across, 0) * max(down, 0) / min(areas)
