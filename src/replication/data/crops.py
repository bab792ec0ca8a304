"""Which part of a photograph a net sees, and how large (section 3.4). Images are PIL; results are uint8 [H, W, 3].

The paper does not name its interpolation; ours is bilinear with antialiasing, always on the original pixels: a crop of
the rescaled image is made in one step, without rescaling the rest.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]


class Frame(NamedTuple):
    """What a view shows: `size` pixels (width, height) from `left_top` on, of the image rescaled by `scale`."""

    scale: tuple[float, float]  # across, down
    left_top: tuple[int, int]
    size: tuple[int, int]


def rescaled_size(image_size: tuple[int, int], shorter_side: int) -> tuple[int, int]:
    """Width and height after rescaling the shorter side to `shorter_side`, with the same ratio of the sides."""
    scale = shorter_side / min(image_size)
    return max(shorter_side, round(image_size[0] * scale)), max(shorter_side, round(image_size[1] * scale))


def frame_of(image_size: tuple[int, int], shorter_side: int, size: int, down: float, across: float) -> Frame:
    """What `crop` shows of an image of this width and height."""
    width, height = rescaled_size(image_size, shorter_side)
    left = min(int(across * (width - size + 1)), width - size)
    top = min(int(down * (height - size + 1)), height - size)
    return Frame((width / image_size[0], height / image_size[1]), (left, top), (size, size))


def whole_frame(image_size: tuple[int, int], shorter_side: int) -> Frame:
    """The frame of a whole image, rescaled to `shorter_side`."""
    size = rescaled_size(image_size, shorter_side)
    return Frame((size[0] / image_size[0], size[1] / image_size[1]), (0, 0), size)


def crop(image: Image.Image, shorter_side: int, size: int, down: float, across: float) -> Pixels:
    """A square crop of `size` pixels of the image rescaled to `shorter_side`, [size, size, 3].

    `down` and `across` place the crop on whole pixels inside the image: 0 is the first place, 0.5 the middle, 1 the
    last.
    """
    width, height = rescaled_size(image.size, shorter_side)
    left, top = frame_of(image.size, shorter_side, size, down, across).left_top
    x, y = image.width / width, image.height / height
    box = (left * x, top * y, min((left + size) * x, image.width), min((top + size) * y, image.height))
    return np.array(image.resize((size, size), Image.Resampling.BILINEAR, box=box))


def warp_region(image: Image.Image, box: tuple[float, float, float, float], size: int) -> Pixels:
    """A box of an image, warped to a square of `size` pixels (R-CNN), [size, size, 3]."""
    return np.array(image.resize((size, size), Image.Resampling.BILINEAR, box=box))


def centre_crop(image: Image.Image, shorter_side: int, size: int) -> Pixels:
    """The middle of the image rescaled to `shorter_side`, [size, size, 3]."""
    return crop(image, shorter_side, size, 0.5, 0.5)
