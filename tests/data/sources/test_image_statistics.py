"""Mean image and colours of the centre crops of photographs."""

import numpy as np
import pytest
import torch
from PIL import Image

from replication.data.sources.statistics import compute_statistics


def photographs(count: int, width: int = 12, height: int = 10) -> list[Image.Image]:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (count, height, width, 3))
    pixels[..., 1] = (pixels[..., 0] + pixels[..., 1]) // 2  # so that colours are correlated
    return [Image.fromarray(image.astype(np.uint8)) for image in pixels]


def test_statistics_are_those_of_the_centre_crops() -> None:
    images = photographs(7)
    found = compute_statistics(images.__getitem__, 7, shorter_side=10, size=8)
    crops = np.stack([np.array(image)[1:9, 2:10] for image in images]).astype(float)
    assert found.mean.shape == (3, 8, 8)
    np.testing.assert_allclose(found.mean, crops.mean(0).transpose(2, 0, 1), rtol=1e-5)
    covariance = np.cov(crops.reshape(-1, 3).T / 255, bias=True)
    np.testing.assert_allclose(found.colour_covariance, covariance, rtol=1e-4)
    assert found.colour_covariance[0, 1] > 0.01


def test_images_of_all_sizes_are_taken() -> None:
    images = [Image.new("RGB", size, (10, 20, 30)) for size in ((5, 9), (40, 10), (8, 8))]
    found = compute_statistics(images.__getitem__, 3, shorter_side=10, size=8)
    assert found.mean.flatten(1).unique(dim=1).flatten().tolist() == [10, 20, 30]
    torch.testing.assert_close(found.colour_covariance, torch.zeros(3, 3), atol=1e-7, rtol=0)


@pytest.mark.parametrize(("count", "sample", "looked_at"), [(11, 3, [0, 5, 10]), (3, 9, [0, 1, 2]), (1, 9, [0])])
def test_a_sample_is_evenly_spaced_over_all_images(count: int, sample: int, looked_at: list[int]) -> None:
    images, asked = photographs(count), []

    def load(index: int) -> Image.Image:
        asked.append(index)
        return images[index]

    compute_statistics(load, count, shorter_side=10, size=8, sample=sample)
    assert asked == looked_at
