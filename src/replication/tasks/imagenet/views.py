"""Test views of a photograph (section 3.4); images are PIL, results uint8."""

import numpy as np
from PIL import Image

from replication.data.crops import Pixels, crop, rescaled_size


def ten_crop(image: Image.Image, shorter_side: int, size: int) -> Pixels:
    """The standard 10 crops (section 3.4): four corners and centre, then their mirror images, [10, size, size, 3]."""
    places = [(0, 0), (0, 1), (1, 0), (1, 1), (0.5, 0.5)]
    crops = np.stack([crop(image, shorter_side, size, down, across) for down, across in places])
    return np.concatenate([crops, crops[:, :, ::-1]])


def resize_whole(image: Image.Image, shorter_side: int) -> Pixels:
    """The whole image, its shorter side rescaled to `shorter_side`, for the fully convolutional test, [H, W, 3]."""
    return np.array(image.resize(rescaled_size(image.size, shorter_side), Image.Resampling.BILINEAR))
