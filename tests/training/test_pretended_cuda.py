"""Trainings and tests on a CUDA device that is pretended on the CPU: no operation has operands on two devices, and a
training on CIFAR waits for the device only where points are recorded.
"""

import pytest
import torch
from locating import classifier_recipe_of, made_up_store, rcnn_recipe_of, recipe_of
from pretended_cuda import CUDA, pretended_cuda

from benchmarks.measure import endless, noise_images
from replication.config.recipe import Recipe
from replication.data.store import Store
from replication.evaluate import evaluate_net
from replication.runs.curve import LOSS, TRAIN, Point
from replication.tasks import get_task
from replication.tasks.batches import Batches, TrainedNet
from replication.tasks.inference import fold_batch_norm
from replication.training.loop import iterate
from replication.training.state import State

CPU = torch.device("cpu")
SHORT = {"train_images": 100, "bn_group": 8, "schedule": {"batch_size": 16}}
EACH = {"logging": {"log_every": 1, "evaluate_every": 1}}
BOX, SMALL_BOX = [2.0, 3.0, 20.0, 30.0], [5.0, 5.0, 30.0, 20.0]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("net", ["plain-8", "resnet-8"])
def test_a_training_waits_for_the_device_only_where_points_are_recorded(net: str, precision: str) -> None:
    recipe = endless(net, precision=precision, **SHORT, logging={"log_every": 3, "evaluate_every": 3})
    store = noise_images(recipe, 50)
    make_batches = get_task("cifar").code("feed").make_batches
    on_cpu = State.start(recipe, 10, CPU)
    for _ in zip(range(3), iterate(on_cpu, recipe, make_batches(store, recipe, CPU)), strict=False):
        pass
    with pretended_cuda() as waits:
        state = State.start(recipe, 10, CUDA)
        rows = iterate(state, recipe, make_batches(store, recipe, CUDA))
        next(rows)
        waits.clear()
        next(rows)
        between_points = dict(waits)
        next(rows)
    assert state.curve == on_cpu.curve, "the pretended device computes as the CPU does"
    assert not between_points


def test_nets_on_photographs_and_boxes_train_and_are_tested_on_the_device() -> None:
    """Each task, from the nets of the task before it; with the losses of the CPU."""
    store = made_up_store([[BOX, SMALL_BOX] if number % 2 else [BOX] for number in range(24)], 40, [0, 1, 2] * 8)
    expected = _train_all(store, CPU)
    with pretended_cuda():
        found = _train_all(store, CUDA)
    assert [len(curve) for curve in found] == [len(curve) for curve in expected]
    for curve, of_cpu in zip(found, expected, strict=True):
        torch.testing.assert_close(_losses(curve), _losses(of_cpu))


def _train_all(store: Store, device: torch.device) -> list[list[Point]]:
    classifier = classifier_recipe_of(store, 32, 36, **EACH)
    localization = recipe_of(store, 32, 36, [36, 40], **EACH, starts={"backbone": "imagenet"})
    rcnn = rcnn_recipe_of(store, **EACH)
    first, backbone = _train(classifier, store, device, {})
    second, proposals = _train(localization, store, device, {"backbone": backbone})
    third, _ = _train(rcnn, store, device, {"backbone": backbone, "proposals": proposals})
    return [first, second, third]


def _train(
    recipe: Recipe, store: Store, device: torch.device, starts: dict[str, TrainedNet]
) -> tuple[list[Point], TrainedNet]:
    """Two iterations, and each test of the task; returns the curve, and the net to start from."""
    task = get_task(recipe.task)
    batches: Batches = task.code("feed").make_batches(store, recipe, device)
    batches.started_from = starts
    state = State.start(recipe, batches.classes, device)
    for _ in zip(range(2), iterate(state, recipe, batches), strict=False):
        pass
    assert {protocol.name for protocol in task.protocols} == evaluate_net(state.net, batches).keys()
    return state.curve, TrainedNet(fold_batch_norm(state.net), batches)


def _losses(curve: list[Point]) -> torch.Tensor:
    return torch.tensor([point.value for point in curve if (point.split, point.metric) == (TRAIN, LOSS)])
