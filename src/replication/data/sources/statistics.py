"""Mean image and colour covariance of a data set, for the task `imagenet` (section 3.4)."""

from collections.abc import Callable

import numpy as np
import torch
from PIL import Image

from replication.data.crops import centre_crop
from replication.data.store import Statistics

SAMPLE = 20_000  # images at most, evenly spaced: the mean of a pixel is then known to half a grey level of 255


def compute_statistics(
    load: Callable[[int], Image.Image], count: int, shorter_side: int, size: int, sample: int = SAMPLE
) -> Statistics:
    """Statistics over the centre crops of training images.

    Args:
        load: loads training image number i of `count`.
        shorter_side: shorter side to which an image is rescaled before its centre crop of `size` pixels.
        sample: most images that are loaded.
    """
    total = np.zeros((size, size, 3))
    colours, products = np.zeros(3), np.zeros((3, 3))
    chosen = np.unique(np.linspace(0, count - 1, min(count, sample)).round().astype(int))
    for index in chosen:
        pixels = centre_crop(load(int(index)), shorter_side, size).astype(np.float64)
        total += pixels
        flat = pixels.reshape(-1, 3) / 255
        colours += flat.mean(0)
        products += flat.T @ flat / len(flat)
    mean = colours / len(chosen)
    covariance = products / len(chosen) - np.outer(mean, mean)
    return Statistics(
        mean=torch.from_numpy((total / len(chosen)).transpose(2, 0, 1).astype(np.float32).copy()),
        colour_covariance=torch.from_numpy(covariance.astype(np.float32)),
    )
