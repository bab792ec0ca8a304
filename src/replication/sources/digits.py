"""The embedded data set, which needs no place: digits that stand in for photographs in the quick profile."""

import numpy as np
from PIL import Image

from replication.images.store import Split
from replication.sources.decode import Source


def digits(size: int) -> Source:
    """The 1,797 handwritten digits that scikit-learn ships, as RGB of `size` pixels; every fifth is a test image.

    They need no network, and are large enough to show degradation.
    """
    from sklearn.datasets import load_digits

    bunch = load_digits()
    grey = [Image.fromarray((image * (255 / 16)).round().astype(np.uint8)) for image in bunch.images]
    scaled = [np.asarray(image.resize((size, size), Image.Resampling.BILINEAR)) for image in grey]
    images = np.repeat(np.stack(scaled)[:, None], 3, axis=1)
    labels = bunch.target.astype(np.int64)
    test = np.arange(len(labels)) % 5 == 0
    return Source(
        train=Split(images[~test], labels[~test]),
        test=Split(images[test], labels[test]),
        classes=[str(digit) for digit in range(10)],
        pixels=f"8x8 digits of scikit-learn, scaled to {size}x{size}",
    )
