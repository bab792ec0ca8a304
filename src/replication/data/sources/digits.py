"""The embedded data set, which needs no place: digits that stand in for photographs in the quick profile."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from replication.data.sources.decode import Source
from replication.data.store import Split


def make_digits(size: int) -> Source:
    """The 1,797 handwritten digits that scikit-learn ships, as RGB of `size` pixels; every fifth is a test image.

    They need no network, and are enough images to show degradation.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    scaled = [np.asarray(image.resize((size, size), Image.Resampling.BILINEAR)) for image in _to_grey(bunch.images)]
    return _make_source(np.stack(scaled), bunch.target, f"scaled to {size}x{size}")


def digits_on_canvas(size: int) -> tuple[Source, list[NDArray[np.float32]], list[NDArray[np.float32]]]:
    """The same digits, each stretched and placed at random on a dark square of `size` pixels, with their boxes, [1, 4]
    each, for the training and the test images. Sides are a third of the square to nine tenths. The seed is fixed.
    """
    from sklearn.datasets import load_digits

    bunch, random = load_digits(), np.random.default_rng(0)
    canvases, boxes = [], []
    for digit in _to_grey(bunch.images):
        width, height = (round(size * random.uniform(1 / 3, 0.9)) for _ in range(2))
        left, top = int(random.integers(0, size - width + 1)), int(random.integers(0, size - height + 1))
        canvas = np.zeros((size, size), np.uint8)
        canvas[top : top + height, left : left + width] = digit.resize((width, height), Image.Resampling.BILINEAR)
        canvases.append(canvas)
        boxes.append(np.array([[left, top, left + width, top + height]], np.float32))
    test = np.arange(len(boxes)) % 5 == 0
    train_boxes, test_boxes = ([boxes[index] for index in np.flatnonzero(mask)] for mask in (~test, test))
    source = _make_source(np.stack(canvases), bunch.target, f"at known places of {size}x{size}")
    return source, train_boxes, test_boxes


def _to_grey(images: NDArray[np.float64]) -> list[Image.Image]:
    return [Image.fromarray((image * (255 / 16)).round().astype(np.uint8)) for image in images]


def _make_source(grey: NDArray[np.uint8], target: NDArray[np.int64], words: str) -> Source:
    images, labels = np.repeat(grey[:, None], 3, axis=1), target.astype(np.int64)
    test = np.arange(len(labels)) % 5 == 0
    return Source(
        train=Split(images[~test], labels[~test]),
        test=Split(images[test], labels[test]),
        classes=[str(digit) for digit in range(10)],
        pixels=f"8x8 digits of scikit-learn, {words}",
    )
