"""A loss that is not finite stops a training; a net that learns nothing is recorded as no better than chance."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from errors import refused

from replication.runs.curve import Point
from replication.runs.record import judge_status
from replication.tasks.batches import Batches
from replication.tasks.cifar.recipe import CifarRecipe
from replication.training.state import STATE, NonFiniteLoss, State

Recipes = Callable[..., CifarRecipe]
Fit = Callable[..., State]
Interrupt = Callable[[CifarRecipe, int, Callable[[], object]], Batches]


# --- a loss that is not finite


def exploding(make_recipe: Recipes, **logging: int) -> CifarRecipe:
    """A rate that no recipe may have, so that the loss is soon not finite."""
    recipe = make_recipe(net="plain-8", schedule={"drops": []}, logging=logging)
    return recipe.model_copy(update={"schedule": recipe.schedule.model_copy(update={"learning_rate": 1e30})})


@pytest.mark.parametrize("save_seconds", [0, 1e9])
def test_a_loss_that_is_not_finite_stops_the_run_at_the_next_points_with_its_iteration_and_the_remedy(
    make_recipe: Recipes, fit: Fit, interrupted: Interrupt, save_seconds: float
) -> None:
    def too_late() -> None:
        pytest.fail("the run went on after the points at iteration 8")

    recipe = exploding(make_recipe)
    names = ("plain-8 · seed 0", "optimiser.weight_decay", "precision")
    with refused("diverged", *names, key="schedule.learning_rate", error=NonFiniteLoss) as error:
        fit(recipe, batches=interrupted(recipe, 8, too_late), save_seconds=save_seconds)
    assert any(f"iteration {number}" in str(error.value) for number in range(1, 9))


def test_the_last_good_state_is_kept_when_the_loss_explodes(make_recipe: Recipes, fit: Fit, tmp_path: Path) -> None:
    work = tmp_path / "work"
    with refused("diverged", file=work, error=NonFiniteLoss):
        fit(exploding(make_recipe), work, save_seconds=0)
    kept = torch.load(work / STATE, weights_only=True)
    assert kept["iteration"] >= 1
    assert all(bool(torch.isfinite(value).all()) for value in kept["net"].values() if value.ndim > 1)
    assert all(math.isfinite(loss) for loss in kept["losses"])
    content = (work / STATE).read_bytes()
    with pytest.raises(NonFiniteLoss):
        fit(exploding(make_recipe), work, save_seconds=0)
    assert (work / STATE).read_bytes() == content


def test_a_training_saves_its_start_so_that_an_early_explosion_leaves_a_state_too(
    make_recipe: Recipes, fit: Fit, tmp_path: Path
) -> None:
    with refused("diverged", file=tmp_path / "work", error=NonFiniteLoss):
        fit(exploding(make_recipe), tmp_path / "work", save_seconds=1e9)
    assert torch.load(tmp_path / "work" / STATE, weights_only=True)["iteration"] == 0


# --- no better than chance


def curve(errors: list[float]) -> list[Point]:
    """The curve of a training of 100 iterations with these training errors."""
    return [Point((i + 1) * 100 // len(errors), "train", "error", error) for i, error in enumerate(errors)]


@pytest.mark.parametrize(
    ("errors", "chance"),
    [
        ([75.0] * 20, True),
        ([100.0] * 20, True),
        ([75.0] * 18 + [40.0, 40.0], False),
        ([10.0] * 18 + [75.0, 75.0], True),  # it had learnt, and lost it
        ([70.0] * 18 + [66.0, 66.0], True),  # 160 images: within three standard errors of 75, which are 10.3
        ([70.0] * 18 + [64.0, 64.0], False),
        ([70.0] * 18 + [80.0, 40.0], False),  # the mean of the last tenth counts
        ([75.0], True),
        ([30.0], False),
    ],
)
def test_a_run_ends_at_chance_if_its_last_tenth_is_no_better(
    make_recipe: Recipes, errors: list[float], chance: bool
) -> None:
    recipe = make_recipe(schedule={"iterations": 100})
    assert judge_status(recipe, curve(errors), 4) == ("chance" if chance else "trained")


def test_a_net_that_learns_nothing_is_recorded_as_no_better_than_chance(project: Any) -> None:
    project.configure({"cifar": {"seeds": [3]}}, schedule={"iterations": 40, "drops": [], "learning_rate": 1e-12})
    done = project.run("train", "cifar", "plain-8", "3")
    assert done.returncode == 0, done.stderr
    record = json.loads((project.folder / "runs/cifar/plain-8/seed-3/run.json").read_text())
    assert record["status"] == "chance"
    assert record["recipe"]["seed"] == 3


def test_a_state_with_a_weight_that_is_not_finite_is_not_saved(make_recipe: Recipes, tmp_path: Path) -> None:
    state = State.start(make_recipe(), 4, torch.device("cpu"))
    state.save(tmp_path)
    content = (tmp_path / STATE).read_bytes()
    for value in (math.nan, math.inf):
        state.net.fc.weight.data[1, 2] = value
        with pytest.raises(NonFiniteLoss):
            state.save(tmp_path)
        assert [path.read_bytes() for path in tmp_path.iterdir()] == [content]
