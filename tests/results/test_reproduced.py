"""What is said of a run that was made again: by hand, and how often a good run would be called outside."""

import numpy as np
import pytest

from replication.results.reproduced import Recorded


def made_again(error: float, recorded: float | None, of_seeds: list[float], equal: bool = False) -> str:
    return Recorded("resnet-20", 0, equal, error, recorded, of_seeds, images=10_000).comparison


@pytest.mark.parametrize(
    ("error", "recorded", "of_seeds", "comparison"),
    [
        (9.0, None, [], "new"),
        (9.1, 9.0, [9.0, 9.2], "other"),
        # Deviation 1, t at 99.5 % of 2 degrees of freedom 9.925: 11 ± 9.925 · 1 · (1 + 1/3)^0.5 = 11 ± 11.46.
        (22.4, 10.0, [10.0, 11.0, 12.0], "within"),
        (22.5, 10.0, [10.0, 11.0, 12.0], "outside"),
        # Seeds that happen to be equal still have the spread of 10,000 images.
        (9.5, 9.0, [9.0, 9.0, 9.0], "within"),
    ],
)
def test_a_run_made_again_is_compared_with_the_recorded_seeds(
    error: float, recorded: float | None, of_seeds: list[float], comparison: str
) -> None:
    assert made_again(error, recorded, of_seeds) == comparison


def test_equal_numbers_are_equal_whatever_the_seeds() -> None:
    assert made_again(9.0, 9.0, [9.0], equal=True) == "equal"


def test_one_run_in_a_hundred_of_the_same_kind_is_called_outside() -> None:
    dice = np.random.default_rng(0)
    drawn = dice.normal(20, 3, (4000, 4))
    outside = sum(made_again(new, one, [one, *others]) == "outside" for new, one, *others in drawn.tolist())
    assert 0.005 < outside / len(drawn) < 0.015
