"""Crops of photographs by hand, pixel by pixel."""

import numpy as np
import pytest
from PIL import Image

from replication.data.crops import Pixels, centre_crop, crop, rescaled_size
from replication.tasks.imagenet.views import resize_whole


def coded(width: int, height: int) -> Image.Image:
    """An image whose pixels are their own row (red) and column (green), so that a crop tells where it was taken."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[..., 0], pixels[..., 1] = np.arange(height)[:, None], np.arange(width)
    return Image.fromarray(pixels)


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def place(pixels: Pixels) -> tuple[int, int]:
    """Row and column of the first pixel of a crop of a `coded` image that was not rescaled."""
    return int(pixels[0, 0, 0]), int(pixels[0, 0, 1])


# --- rescaling


@pytest.mark.parametrize(
    ("width", "height", "shorter_side", "expected"),
    [
        (500, 375, 256, (341, 256)),  # 341.3
        (375, 500, 256, (256, 341)),
        (500, 375, 480, (640, 480)),
        (8, 8, 37, (37, 37)),
        (3, 2, 64, (96, 64)),
        (1000, 1, 32, (32_000, 32)),
        (333, 500, 333, (333, 500)),
    ],
)
def test_the_shorter_side_is_rescaled_and_the_ratio_of_the_sides_kept(
    width: int, height: int, shorter_side: int, expected: tuple[int, int]
) -> None:
    image = Image.new("RGB", (width, height))
    assert rescaled_size(image.size, shorter_side) == expected
    if width < 1000:
        assert resize_whole(image, shorter_side).shape == (expected[1], expected[0], 3)


def test_an_image_of_the_right_size_is_left_as_it_is() -> None:
    image = noise(50, 40)
    assert np.array_equal(resize_whole(image, 40), np.array(image))
    assert np.array_equal(crop(image, 40, 40, 0, 0), np.array(image)[:, :40])


def test_a_slope_that_is_halved_is_a_slope_twice_as_steep() -> None:
    """Antialiased: each new pixel averages a neighbourhood, so it keeps the slope and its place."""
    halved = resize_whole(coded(120, 80), 40).astype(int)
    middle = halved[4:-4, 4:-4]
    assert set(np.diff(middle[..., 1], axis=1).ravel()) == {2}
    assert np.abs(middle[0, :, 1] - (2 * np.arange(4, 56) + 0.5)).max() <= 1
    fine = np.indices((80, 80)).sum(0) % 2 * 255  # a chequerboard of single pixels averages to grey
    grey = resize_whole(Image.fromarray(np.stack([fine] * 3, 2).astype(np.uint8)), 20).astype(int)
    assert np.abs(grey[2:-2, 2:-2] - 127.5).max() < 10


# --- crops


@pytest.mark.parametrize(("width", "height"), [(100, 75), (75, 100), (64, 64), (9, 200), (5, 4), (301, 200)])
@pytest.mark.parametrize("shorter_side", [36, 64, 120])
def test_a_crop_is_a_part_of_the_rescaled_image(width: int, height: int, shorter_side: int) -> None:
    """Made in one step from the original pixels, it is the same to a grey level or two, at the image's border too."""
    image, size = noise(width, height), 32
    rescaled = resize_whole(image, shorter_side).astype(int)
    high, wide = rescaled.shape[:2]
    for down, across in [(0, 0), (1, 1), (0.5, 0.5), (0.31, 0.77), (0, 1)]:
        top, left = (min(int(at * (side - size + 1)), side - size) for at, side in ((down, high), (across, wide)))
        found = crop(image, shorter_side, size, down, across).astype(int)
        assert np.abs(found - rescaled[top : top + size, left : left + size]).max() <= 2


def test_every_place_inside_is_equally_likely_and_no_other() -> None:
    image = coded(35, 34)
    counts: dict[tuple[int, int], int] = {}
    for down in (np.arange(30) + 0.5) / 30:
        for across in (np.arange(40) + 0.5) / 40:
            at = place(crop(image, 34, 32, down, across))
            counts[at] = counts.get(at, 0) + 1
    assert counts == {(row, column): 10 * 10 for row in range(3) for column in range(4)}


@pytest.mark.parametrize(("at", "expected"), [(0.0, 0), (0.5, 4), (1.0, 8), (np.nextafter(1, 0), 8)])
def test_a_place_of_0_is_the_first_and_1_the_last(at: float, expected: int) -> None:
    assert place(crop(coded(40, 40), 40, 32, at, at)) == (expected, expected)


def test_the_centre_crop_is_the_middle_of_the_longer_side() -> None:
    assert place(centre_crop(coded(60, 40), 40, 32)) == (4, 14)
    assert place(centre_crop(coded(40, 60), 40, 32)) == (14, 4)
