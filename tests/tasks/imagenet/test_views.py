"""The ten crops by hand, pixel by pixel."""

import numpy as np
from PIL import Image

from replication.data.crops import Pixels
from replication.tasks.imagenet.views import ten_crop


def coded(width: int, height: int) -> Image.Image:
    """An image whose pixels are their own row (red) and column (green), so that a crop tells where it was taken."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0], pixels[..., 1] = np.arange(height)[:, None], np.arange(width)
    return Image.fromarray(pixels)


def place(pixels: Pixels) -> tuple[int, int]:
    """Row and column of the first pixel of a crop of a `coded` image that was not rescaled."""
    return int(pixels[0, 0, 0]), int(pixels[0, 0, 1])


def test_the_ten_crops_are_four_corners_the_centre_and_their_mirror_images() -> None:
    crops = ten_crop(coded(50, 40), 40, 32)
    assert crops.shape == (10, 32, 32, 3)
    assert crops.dtype == np.uint8
    assert [place(pixels) for pixels in crops[:5]] == [(0, 0), (0, 18), (8, 0), (8, 18), (4, 9)]
    assert np.array_equal(crops[5:], crops[:5, :, ::-1])


def test_the_ten_crops_of_an_image_painted_by_hand() -> None:
    colours = {"nw": (200, 0, 0), "ne": (0, 200, 0), "sw": (0, 0, 200), "se": (200, 200, 0)}
    painted = np.zeros((4, 4, 3), np.uint8)
    painted[:2, :2], painted[:2, 2:], painted[2:, :2], painted[2:, 2:] = colours.values()
    crops = ten_crop(Image.fromarray(painted), 4, 2)
    for pixels, colour in zip(crops[:4], colours.values(), strict=True):
        assert (pixels == colour).all()
    assert [tuple(pixel) for pixel in crops[4].reshape(-1, 3)] == list(colours.values())
    mirrored = [colours[corner] for corner in ("ne", "nw", "se", "sw")]
    assert [tuple(pixel) for pixel in crops[9].reshape(-1, 3)] == mirrored
