"""Every random number of a training follows from seed and iteration: none comes from a generator of the process."""

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from locating import batches_of, made_up_store, recipe_of
from torch import Tensor

from replication.config.recipe import Recipe
from replication.tasks.batches import Batches
from replication.tasks.imagenet.recipe import ImagenetRecipe
from replication.training.loop import iterate
from replication.training.state import State

CPU = torch.device("cpu")


def train_on(state: State, batches: Batches, iterations: int, disturbance: int) -> State:
    """Train on to an iteration, in a process whose generators stand anywhere."""
    for seed in (random.seed, np.random.seed, torch.manual_seed):
        seed(disturbance)
    training = iterate(state, batches.recipe, batches)
    while state.iteration < iterations:
        next(training)
    return state


def assert_equal(left: State, right: State) -> None:
    for name, value in right.net.state_dict().items():
        assert torch.equal(left.net.state_dict()[name], value), name


@pytest.fixture
def make(
    make_imagenet_recipe: Callable[..., ImagenetRecipe], make_photograph_batches: Callable[[Recipe], Batches]
) -> Callable[[str], Batches]:
    """Batches of a net at a tiny size."""

    def made(net: str) -> Batches:
        small: dict[str, Any] = {"bn_group": 2, "schedule": {"batch_size": 4, "iterations": 4, "drops": []}}
        if net == "a localization model":
            store = made_up_store([[[4, 4, 28, 20]], [[0, 0, 20, 31]]] * 8, 32)
            return batches_of(store, recipe_of(store, 32, 32, [32], **small))
        return make_photograph_batches(make_imagenet_recipe(net=net, **small))

    return made


@pytest.mark.parametrize(
    "net",
    [
        "resnet-18-B",
        "googlenet",
        "a localization model",
        pytest.param("vgg-16", marks=pytest.mark.slow),  # 138 million weights
    ],
)
def test_a_resumed_net_draws_what_one_that_never_stopped_draws(make: Callable[[str], Batches], net: str) -> None:
    batches = make(net)
    whole, stopped = (State.start(batches.recipe, batches.classes, CPU) for _ in range(2))
    train_on(whole, batches, 2, disturbance=0)
    train_on(stopped, batches, 1, disturbance=1)
    train_on(stopped, batches, 2, disturbance=2)
    assert_equal(stopped, whole)


def test_dropout_differs_between_iterations_groups_and_seeds(
    make: Callable[[str], Batches], monkeypatch: pytest.MonkeyPatch
) -> None:
    masks: list[Tensor] = []

    def draw(layer: torch.nn.Dropout, values: Tensor) -> Tensor:
        masks.append(torch.rand(16))
        return values

    monkeypatch.setattr(torch.nn.Dropout, "forward", draw)
    batches = make("googlenet")
    for seed in (0, 1):
        batches.recipe = batches.recipe.model_copy(update={"seed": seed})
        train_on(State.start(batches.recipe, 4, CPU), batches, 2, disturbance=0)
    assert len(masks) == 2 * 2 * 2, "seeds, iterations, groups"
    assert len({tuple(mask.tolist()) for mask in masks}) == len(masks)
