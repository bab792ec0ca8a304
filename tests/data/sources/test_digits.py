"""The digits that stand in for CIFAR-10 are whole, grey and of any size."""

import numpy as np
import pytest

from replication.data.sources.decode import Source
from replication.data.sources.digits import make_digits


@pytest.fixture(scope="module")
def ten_digits() -> Source:
    return make_digits(16)


def test_the_digits_are_1437_training_and_360_test_images_of_ten_classes(ten_digits: Source) -> None:
    for split, count in ((ten_digits.train, 1437), (ten_digits.test, 360)):
        assert split.images.shape == (count, 3, 16, 16)
        assert split.images.dtype == np.uint8
        assert split.labels.dtype == np.int64
        assert set(split.labels) == set(range(10))
    assert ten_digits.classes == [str(digit) for digit in range(10)]
    assert ten_digits.train.images.max() > 200
    assert ten_digits.train.images.min() == 0


def test_every_fifth_digit_is_a_test_image_and_no_other(ten_digits: Source) -> None:
    from sklearn.datasets import load_digits

    target = load_digits().target
    assert ten_digits.test.labels.tolist() == target[::5].tolist()
    assert ten_digits.train.labels.tolist() == [t for i, t in enumerate(target) if i % 5]


def test_digits_are_grey_and_still_look_like_themselves(ten_digits: Source) -> None:
    from sklearn.datasets import load_digits

    images = ten_digits.test.images
    assert np.array_equal(images[:, 0], images[:, 1])
    assert np.array_equal(images[:, 0], images[:, 2])
    halved = images[:, 0].reshape(-1, 8, 2, 8, 2).mean((2, 4))
    original = load_digits().images[::5] * 255 / 16
    assert np.corrcoef(halved.ravel(), original.ravel())[0, 1] > 0.95


def test_digits_say_what_they_are_and_come_in_any_size(ten_digits: Source) -> None:
    assert ten_digits.pixels == "8x8 digits of scikit-learn, scaled to 16x16"
    assert make_digits(32).train.images.shape == (1437, 3, 32, 32)
