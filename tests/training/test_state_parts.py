"""Negative controls of resuming: a training that lost any one part of its state does not end as it would have."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from resuming import stop
from torch import nn

from replication.runs.curve import Point
from replication.tasks.batches import Batches
from replication.tasks.cifar.recipe import CifarRecipe
from replication.training.loop import iterate
from replication.training.progress import Stopped
from replication.training.state import State

CPU = torch.device("cpu")

# The warm-up ends at iteration 8, the rate drops at 8 and 16: conditions that always hold.
RECIPE: dict[str, Any] = {
    "schedule": {"iterations": 19, "drops": [], "plateau": {"window": 4, "points": 100, "most": 3}},
    "warmup": {"from_depth": 8, "learning_rate": 0.01, "until_train_error_below": 99.9, "window": 8},
    "logging": {"log_every": 7, "evaluate_every": 7},
    "optimiser": {"rate_in_momentum": True},
    "train_images": 80,
}


def describe(state: State) -> dict[str, Any]:
    """All that a run keeps of a training."""
    tensors = {f"net.{name}": value for name, value in state.net.state_dict().items()}
    for number, values in state.optimizer.state_dict()["state"].items():
        tensors[f"momentum.{number}"] = values["momentum_buffer"]
    parts = {name: getattr(state, name) for name in ("iteration", "warmup_ended_at", "dropped_at", "curve")}
    return {name: value.numpy().tobytes() for name, value in tensors.items()} | parts | {"norms": state.gradient_norms}


def forget_statistics(net: nn.Module) -> None:
    for norm in (layer for layer in net.modules() if isinstance(layer, nn.BatchNorm2d)):
        norm.running_mean.zero_()
        norm.running_var.fill_(1)


def forget_counters(net: nn.Module) -> None:
    for norm in (layer for layer in net.modules() if isinstance(layer, nn.BatchNorm2d)):
        norm.num_batches_tracked.zero_()


def set_part(name: str, value: Any) -> Callable[[State], None]:
    return lambda state: setattr(state, name, value)


# What is lost, and after which iteration.
LOSSES: dict[str, tuple[Callable[[State], None], int]] = {
    "weights": (lambda state: nn.init.zeros_(state.net.fc.bias), 17),
    "running averages": (lambda state: forget_statistics(state.net), 17),
    "counters": (lambda state: forget_counters(state.net), 17),
    "momentum": (lambda state: state.optimizer.state.clear(), 17),
    "the rate in the momentum": (lambda state: state.optimizer.param_groups[0].update(lr=0.0123), 15),
    "iteration": (lambda state: setattr(state, "iteration", state.iteration - 1), 17),
    "recent_wrong": (set_part("recent_wrong", []), 6),
    "warmup_ended_at": (set_part("warmup_ended_at", None), 17),
    "dropped_at": (set_part("dropped_at", []), 17),
    "window_wrong": (set_part("window_wrong", []), 6),
    "window_error": (set_part("window_error", None), 6),
    "losses": (set_part("losses", []), 17),
    "wrong": (set_part("wrong", []), 17),
    "curve": (set_part("curve", []), 17),
    "gradient_norms": (set_part("gradient_norms", {}), 17),
}


@pytest.fixture
def stopped(
    make_recipe: Callable[..., CifarRecipe], fit: Callable[..., State], interrupted: Any, tmp_path: Path
) -> tuple[CifarRecipe, dict[int, Path]]:
    """A recipe, and folders with the states of trainings of it that stopped after some iterations."""
    recipe = make_recipe(**RECIPE)
    folders = {moment: tmp_path / str(moment) for moment in {moment for _, moment in LOSSES.values()}}
    for moment, folder in folders.items():
        with pytest.raises(Stopped):
            fit(recipe, folder, interrupted(recipe, moment - 1, stop))
    return recipe, folders


def test_each_part_of_the_state_is_needed(
    stopped: tuple[CifarRecipe, dict[int, Path]],
    fit: Callable[..., State],
    make_batches: Callable[[CifarRecipe], Batches],
    tmp_path: Path,
) -> None:
    recipe, folders = stopped
    whole = fit(recipe, tmp_path / "whole")
    assert (whole.warmup_ended_at, whole.dropped_at) == (8, [8, 16]), "else the controls control nothing"
    assert whole.gradient_norms.keys() == {1, 19}, "a tenth, rounded down"

    def resume(moment: int, lose: Callable[[State], None]) -> dict[str, Any]:
        state = State.start(recipe, 4, CPU)
        assert state.load(folders[moment], CPU, 19) and state.iteration == moment
        lose(state)
        for _ in iterate(state, recipe, make_batches(recipe)):
            pass
        return describe(state)

    expected = describe(whole)
    for moment in folders:
        assert resume(moment, lambda _: None) == expected
    for name, (lose, moment) in LOSSES.items():
        assert resume(moment, lose) != expected, f"{name} is lost, and nothing shows it"


def test_a_state_comes_back_field_by_field(make_recipe: Callable[..., CifarRecipe], tmp_path: Path) -> None:
    recipe = make_recipe()
    saved, loaded = (State.start(recipe, 4, CPU, origin={"code": "c"}) for _ in range(2))
    values: dict[str, Any] = {
        "iteration": 5, "warmup_ended_at": 3, "recent_wrong": [4, 2], "dropped_at": [2, 4], "window_error": 12.5,
        "window_wrong": [torch.tensor(3)], "losses": [torch.tensor(0.5)], "wrong": [torch.tensor(7)],
        "curve": [Point(5, "train", "loss", 0.25)], "gradient_norms": {3: [1.5]}, "seconds": 8.5, "compiled": True,
        "mlflow_run_id": "id",
    }  # fmt: skip
    others = {"net", "optimizer", "history", "recipe", "code"}
    assert values.keys() | others == {field.name for field in dataclasses.fields(State)}, "a new field needs a value"
    for name, value in values.items():
        setattr(saved, name, value)
    nn.init.ones_(saved.net.fc.weight)
    saved.save(tmp_path)
    assert loaded.load(tmp_path, CPU, 64)
    assert {name: getattr(loaded, name) for name in values} == values
    assert torch.equal(loaded.net.fc.weight, saved.net.fc.weight)
    assert [start["iteration"] for start in loaded.history] == [0, 5]


def test_the_test_set_selects_nothing(
    make_recipe: Callable[..., CifarRecipe],
    fit: Callable[..., State],
    make_batches: Callable[[CifarRecipe], Any],
    tmp_path: Path,
) -> None:
    """With shuffled test labels all is trained as before, whatever the test errors are."""
    recipe = make_recipe(**RECIPE)
    usual = fit(recipe)
    batches = make_batches(recipe)
    images, labels = batches._splits["test"]
    batches._splits["test"] = images, labels.roll(1)
    other = fit(recipe, tmp_path / "shuffled", batches)
    for name, value in usual.net.state_dict().items():
        assert torch.equal(other.net.state_dict()[name], value), name
    assert other.dropped_at == usual.dropped_at
    training = [[point for point in state.curve if point.split != "test"] for state in (usual, other)]
    assert training[0] == training[1] and usual.curve != other.curve
