"""The random views of photographs by their distribution."""

import numpy as np

from replication.tasks.imagenet.feed import draw_view
from replication.tasks.imagenet.recipe import RescaledCrop


def options(shorter_side: tuple[int, int] = (36, 44), mirror: bool = True, colour: float = 0.1) -> RescaledCrop:
    return RescaledCrop(shorter_side=shorter_side, mirror=mirror, colour=colour)


def draws(count: int, given: RescaledCrop) -> list:
    random = np.random.default_rng(0)
    return [draw_view(given, random) for _ in range(count)]


def test_every_shorter_side_of_the_range_is_equally_likely() -> None:
    drawn = [view.shorter_side for view in draws(9 * 1000, options())]
    counts = np.bincount(drawn)[36:]
    assert len(counts) == 9  # 36 to 44
    assert ((counts - 1000) ** 2 / 1000).sum() < 26.1  # 99.9 % of chi-square with 8 degrees of freedom


def test_a_range_of_one_is_drawn_always() -> None:
    assert {view.shorter_side for view in draws(20, options((40, 40)))} == {40}


def test_places_are_spread_evenly_and_independently() -> None:
    views = draws(10_000, options())
    places = np.array([(view.down, view.across) for view in views])
    counts, _, _ = np.histogram2d(*places.T, bins=4, range=[(0, 1), (0, 1)])
    assert counts.sum() == 10_000
    assert ((counts - 625) ** 2 / 625).sum() < 37.7  # 99.9 % of chi-square with 15 degrees of freedom


def test_half_of_the_views_are_mirrored_or_none() -> None:
    mirrored = sum(view.mirror for view in draws(10_000, options()))
    assert abs(mirrored - 5000) < 165  # 99.9 %
    assert not any(view.mirror for view in draws(100, options(mirror=False)))


def test_colours_are_normal_and_independent_for_each_component() -> None:
    weights = np.array([view.colour for view in draws(20_000, options(colour=0.1))])
    assert weights.shape == (20_000, 3)
    assert np.abs(weights.mean(0)).max() < 4 * 0.1 / 20_000**0.5
    assert np.abs(weights.std(0) / 0.1 - 1).max() < 4 / 40_000**0.5
    assert np.abs(np.corrcoef(weights.T) - np.eye(3)).max() < 4 / 20_000**0.5
    assert np.abs((np.abs(weights) > 0.196).mean(0) - 0.05).max() < 0.01  # as of a normal variable
    assert not any(view.colour.any() for view in draws(20, options(colour=0)))


def test_a_view_depends_on_its_random_numbers_alone() -> None:
    first, again, other = (draw_view(options(), np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (first.down, first.across, list(first.colour)) == (again.down, again.across, list(again.colour))
    assert first.down != other.down
