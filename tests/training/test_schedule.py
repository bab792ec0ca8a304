"""The learning rate of sections 3.4 and 4.2, iteration by iteration."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from replication.config.profiles import read_profile
from replication.config.recipe import Plateau
from replication.runs.curve import select
from replication.tasks.cifar import CIFAR
from replication.tasks.cifar.recipe import CifarRecipe
from replication.training.progress import Stopped
from replication.training.schedule import has_reached_plateau, has_warmup, learning_rate
from replication.training.state import State

Recipes = Callable[..., CifarRecipe]
Fit = Callable[..., State]

PROFILES = Path(__file__).parents[2] / "pipeline/profiles"


def paper(net: str) -> CifarRecipe:
    """The recipe of the paper for a net."""
    return read_profile(PROFILES, "paper").recipe(CIFAR, net)


@pytest.mark.parametrize("net", ["plain-20", "resnet-56"])
@pytest.mark.parametrize(
    ("iteration", "rate"),
    [(0, 0.1), (31_999, 0.1), (32_000, 0.01), (47_999, 0.01), (48_000, 0.001), (63_999, 0.001)],
)
def test_the_rate_is_divided_by_ten_at_32k_and_48k(net: str, iteration: int, rate: float) -> None:
    assert learning_rate(iteration, paper(net)) == pytest.approx(rate, rel=1e-12)


def test_the_paper_trains_64k_iterations_of_128_images() -> None:
    schedule = paper("resnet-20").schedule
    assert (schedule.iterations, schedule.batch_size) == (64_000, 128)


@pytest.mark.parametrize(("net", "warms"), [("resnet-56", False), ("resnet-110", True), ("plain-110", True)])
def test_only_110_layers_and_more_warm_up(net: str, warms: bool) -> None:
    recipe = paper(net)
    assert has_warmup(recipe) is warms
    assert learning_rate(0, recipe) == pytest.approx(0.01 if warms else 0.1)


@pytest.mark.parametrize(
    ("iteration", "rate"),
    [(0, 0.01), (399, 0.01), (400, 0.1), (31_999, 0.1), (32_000, 0.01), (48_000, 0.001), (63_999, 0.001)],
)
def test_resnet_110_starts_at_a_tenth_until_its_warmup_ends_and_drops_where_the_others_do(
    iteration: int, rate: float
) -> None:
    assert learning_rate(iteration, paper("resnet-110"), warmup_ended_at=400) == pytest.approx(rate)


@pytest.mark.parametrize(
    ("iteration", "rate"), [(0, 0.01), (5_000, 0.01), (32_000, 0.01), (47_999, 0.01), (48_000, 0.001)]
)
def test_a_warmup_that_never_ends_keeps_its_rate_but_never_lifts_a_dropped_one(iteration: int, rate: float) -> None:
    assert learning_rate(iteration, paper("resnet-110"), warmup_ended_at=None) == pytest.approx(rate)


def test_a_net_without_warmup_ignores_when_one_ended() -> None:
    assert learning_rate(10, paper("resnet-56"), warmup_ended_at=400) == pytest.approx(0.1)


def test_the_rate_depends_on_its_arguments_alone(make_recipe: Recipes) -> None:
    recipe = make_recipe(warmup={"from_depth": 8})
    forwards = [learning_rate(i, recipe, 10) for i in range(64)]
    backwards = [learning_rate(i, recipe, 10) for i in reversed(range(64))]
    assert forwards == backwards[::-1]
    assert forwards == pytest.approx([0.005] * 10 + [0.05] * 22 + [0.005] * 16 + [0.0005] * 16)


def test_a_schedule_without_drops_is_constant(make_recipe: Recipes) -> None:
    recipe = make_recipe(schedule={"drops": []})
    assert {learning_rate(i, recipe) for i in range(64)} == {0.05}


# --- drops on a plateau of the training error

PLATEAU = Plateau(window=8, points=0.5, most=2)


@pytest.mark.parametrize(
    ("before", "now", "dropped_at", "drops"),
    [
        (40.0, 40.0, [], True),  # no better
        (40.0, 45.0, [], True),  # worse
        (40.0, 39.75, [], True),  # better by too little
        (40.0, 39.5, [], False),  # better by as much as is asked for
        (40.0, 20.0, [], False),
        (None, 40.0, [], False),  # nothing to compare with yet
        (40.0, 40.0, [16], True),
        (40.0, 40.0, [16, 32], False),  # all drops are spent
    ],
)
def test_a_plateau_is_a_window_that_is_hardly_better_than_the_one_before(
    before: float | None, now: float, dropped_at: list[int], drops: bool
) -> None:
    assert has_reached_plateau(before, now, dropped_at, PLATEAU) is drops


def by_plateau(make: Recipes, **changes: Any) -> CifarRecipe:
    """Points of one iteration each, so that a test sees what the rule sees."""
    plateau = {"window": 8, "points": 0.5, "most": 2} | changes.pop("plateau", {})
    logging = {"log_every": 1, "evaluate_every": 64}
    return make(schedule={"drops": [], "plateau": plateau} | changes.pop("schedule", {}), logging=logging, **changes)


def test_observed_drops_count_only_where_the_recipe_asks_for_them(make_recipe: Recipes) -> None:
    recipe = by_plateau(make_recipe)
    assert {learning_rate(i, recipe) for i in range(64)} == {0.05}
    found = [learning_rate(i, recipe, dropped_at=[16, 40]) for i in range(64)]
    assert found == pytest.approx([0.05] * 16 + [0.005] * 24 + [0.0005] * 24)
    assert learning_rate(20, make_recipe(), dropped_at=[16]) == 0.05  # this one drops at 32 and 48


def expected_drops(errors: list[float], window: int, points: float, most: int) -> list[int]:
    """The rule once more, on the errors of single iterations."""
    drops, before = [], None
    for end in range(window, len(errors) + 1, window):
        now = sum(errors[end - window : end]) / window
        if before is not None and before - now < points and len(drops) < most:
            drops.append(end)
            before = None  # the next window has nothing to be compared with: it is the first at its rate
        else:
            before = now
    return drops


def test_a_training_that_does_not_improve_drops_after_each_second_window_and_at_most_so_often(
    make_recipe: Recipes, fit: Fit
) -> None:
    hopeless = {"points": 100, "most": 2}  # no fall is enough
    state = fit(by_plateau(make_recipe, plateau=hopeless))
    assert state.dropped_at == [16, 32]
    rates = list(select(state.curve, "train", "learning_rate").values())
    assert rates == pytest.approx([0.05] * 16 + [0.005] * 16 + [0.0005] * 32)
    assert fit(by_plateau(make_recipe, plateau=hopeless | {"most": 9})).dropped_at == [16, 32, 48, 64]


def test_a_training_that_improves_keeps_its_rate(make_recipe: Recipes, fit: Fit) -> None:
    state = fit(by_plateau(make_recipe, plateau={"points": -100}))
    assert state.dropped_at == []
    assert set(select(state.curve, "train", "learning_rate").values()) == {0.05}


@pytest.mark.parametrize(("window", "points"), [(4, 0.5), (8, 5.0), (7, 10.0)])
def test_the_rate_drops_where_the_training_error_says(
    make_recipe: Recipes, fit: Fit, window: int, points: float
) -> None:
    state = fit(by_plateau(make_recipe, plateau={"window": window, "points": points, "most": 3}))
    errors = list(select(state.curve, "train", "error").values())
    assert state.dropped_at == expected_drops(errors, window, points, 3)
    assert 0 < state.dropped_at[0] < 64, "a drop must come somewhere in the middle for this test to mean anything"
    rates = list(select(state.curve, "train", "learning_rate").values())
    expected = [0.05 * 0.1 ** sum(i >= drop for drop in state.dropped_at) for i in range(64)]
    assert rates == pytest.approx(expected)


@pytest.mark.parametrize("moments", [[3], [16], [17, 29]], ids=str)
def test_a_training_stopped_within_a_window_drops_as_if_it_had_never_stopped(
    make_recipe: Recipes,
    fit: Fit,
    interrupted: Callable[..., Any],
    tmp_path: Path,
    moments: list[int],
) -> None:
    recipe = by_plateau(make_recipe, plateau={"points": 8.0})
    whole = fit(recipe, tmp_path / "whole")
    for moment in moments:
        with pytest.raises(Stopped):
            fit(recipe, tmp_path / "work", interrupted(recipe, moment, lambda: os.kill(os.getpid(), signal.SIGTERM)))
    resumed = fit(recipe, tmp_path / "work")
    assert resumed.starts == len(moments) + 1
    assert resumed.dropped_at == whole.dropped_at
    assert whole.dropped_at, "a drop must come for this test to mean anything"
    assert resumed.curve == whole.curve
    for left, right in zip(resumed.net.state_dict().values(), whole.net.state_dict().values(), strict=True):
        assert torch.equal(left, right)


def test_a_recipe_has_drops_or_a_plateau(make_recipe: Recipes) -> None:
    with pytest.raises(ValidationError, match=r"drops.*plateau"):
        by_plateau(make_recipe, schedule={"drops": [32]})
