"""Crops and mirrors by their distribution, and pixel by pixel."""

import pytest
import torch
from torch.nn.functional import pad as zero_pad

from replication.tasks.cifar.feed import crop, draw_crops


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def augment(images: torch.Tensor, pad: int, mirror: bool, generator: torch.Generator) -> torch.Tensor:
    return crop(images, pad, *draw_crops(len(images), pad, mirror, generator))


def placements(images: torch.Tensor, crops: torch.Tensor, pad: int) -> list[tuple[int, int, bool]]:
    """Top, left and mirrored of each crop, found by search; each must match exactly one slice of the padded image."""
    size = images.shape[-1]
    padded = zero_pad(images, (pad,) * 4)
    found = []
    for image, cropped in zip(padded, crops, strict=True):
        matches = []
        for top in range(2 * pad + 1):
            for left in range(2 * pad + 1):
                part = image[:, top : top + size, left : left + size]
                matches += [(top, left, False)] * torch.equal(cropped, part)
                matches += [(top, left, True)] * torch.equal(cropped, part.flip(2))
        assert len(matches) == 1
        found += matches
    return found


def coded(count: int, pad: int = 4) -> tuple[torch.Tensor, torch.Generator]:
    """Images whose pixels are their own row and column, so that a crop tells where it was taken."""
    rows = torch.arange(1, 33.0)[:, None].expand(32, 32)
    return torch.stack([rows, rows.T])[None].expand(count, -1, -1, -1), seeded()


def offsets(crops: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Row offset, column offset and mirrored, read from the middle of crops of `coded` images."""
    row, column, next_column = crops[:, 0, 16, 16], crops[:, 1, 16, 16], crops[:, 1, 16, 17]
    mirrored = next_column < column
    # Column 16 of a mirrored crop was column 15 of the slice.
    return row - 17, torch.where(mirrored, column - 16, column - 17), mirrored


def test_every_crop_is_exactly_a_slice_of_the_zero_padded_image_or_its_mirror() -> None:
    images = torch.randn(200, 3, 8, 8, generator=seeded(1))
    found = placements(images, augment(images, 2, True, seeded(2)), 2)
    assert len({(top, left) for top, left, _ in found}) == 25
    assert {mirrored for _, _, mirrored in found} == {True, False}


def test_the_border_of_a_shifted_crop_is_zero() -> None:
    crops = augment(torch.ones(500, 1, 8, 8), 4, False, seeded())
    sums = crops.sum((1, 2, 3))
    assert set(crops.unique().tolist()) == {0.0, 1.0}
    assert sums.min() == 16  # the corner crop keeps 4x4
    assert sums.max() == 64


def test_all_81_crops_are_equally_likely() -> None:
    count = 81 * 400
    images, generator = coded(count)
    top, left, _ = offsets(augment(images, 4, True, generator))
    assert (top.min(), top.max(), left.min(), left.max()) == (-4, 4, -4, 4)
    observed = torch.bincount(((top + 4) * 9 + left + 4).long(), minlength=81)
    chi_square = ((observed - 400) ** 2 / 400).sum().item()
    assert chi_square < 124.8  # 99.9 % of chi-square with 80 degrees of freedom


def test_half_of_the_images_are_mirrored_whatever_their_crop() -> None:
    count = 20_000
    images, generator = coded(count)
    top, left, mirrored = offsets(augment(images, 4, True, generator))
    assert abs(mirrored.float().mean().item() - 0.5) < 4 * 0.5 / count**0.5
    for offset in (top, left):
        shifted = offset > 0
        rates = mirrored[shifted].float().mean(), mirrored[~shifted].float().mean()
        assert abs(rates[0] - rates[1]).item() < 0.04


def test_without_mirror_no_image_is_mirrored() -> None:
    images, generator = coded(2000)
    assert not offsets(augment(images, 4, False, generator))[2].any()


def test_mirror_does_not_change_which_crops_are_drawn() -> None:
    images, _ = coded(500)
    with_mirror, without = (offsets(augment(images, 4, mirror, seeded(5))) for mirror in (True, False))
    assert torch.equal(with_mirror[0], without[0])
    assert torch.equal(with_mirror[1], without[1])


def test_no_padding_and_no_mirror_leave_images_as_they_are() -> None:
    images = torch.randn(10, 3, 8, 8)
    assert torch.equal(augment(images, 0, False, seeded()), images)


def test_no_padding_with_mirror_gives_the_image_or_its_mirror() -> None:
    images = torch.randn(50, 3, 8, 8)
    flips = [mirrored for _, _, mirrored in placements(images, augment(images, 0, True, seeded()), 0)]
    assert 10 < sum(flips) < 40


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8])
def test_the_result_is_channels_last_of_the_same_shape_and_type(dtype: torch.dtype) -> None:
    images = torch.ones(4, 3, 8, 8).to(dtype)
    crops = augment(images, 1, True, seeded())
    assert crops.shape == images.shape
    assert crops.dtype == dtype
    assert crops.is_contiguous(memory_format=torch.channels_last)


def test_the_generator_alone_decides() -> None:
    images = torch.randn(100, 3, 8, 8)
    torch.manual_seed(1)
    first = augment(images, 2, True, seeded(3))
    torch.manual_seed(2)
    assert torch.equal(augment(images, 2, True, seeded(3)), first)
    assert not torch.equal(augment(images, 2, True, seeded(4)), first)
