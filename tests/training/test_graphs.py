"""Iterations from a CUDA graph, whose replay is an eager step here: the loop around it gives the eager training."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pretended_cuda import CUDA, pretended_cuda

from benchmarks.measure import endless, noise_images
from replication.config.recipe import Recipe
from replication.tasks import get_task
from replication.training.backward import backward
from replication.training.graphs import EAGER, StepGraph, can_capture
from replication.training.loop import iterate
from replication.training.processes import Processes
from replication.training.state import State

SMALL = {"train_images": 100, "bn_group": 8, "logging": {"log_every": 7, "evaluate_every": 7}}
RECIPE = endless("resnet-8", **SMALL, schedule={"batch_size": 16, "drops": [5, 14]})


class Replays:
    """What a graph computes, done eagerly on the same tensors each time."""

    def __init__(self) -> None:
        self.captures = 0

    def capture(self, step: StepGraph) -> None:
        self.captures += 1
        step.loss, step.wrong = torch.zeros((), device=CUDA), torch.zeros((), device=CUDA)
        fixed = SimpleNamespace(recipe=step.batches.recipe, device=step.batches.device)
        fixed.training = lambda _: (step.images, step.labels)

        def replay() -> None:
            step.optimizer.zero_grad()
            loss, wrong = backward(step.net, fixed, 0, step.loss_function, step.averages, step.processes)
            step.loss.copy_(loss)
            step.wrong.copy_(wrong)
            step.optimizer.step()

        step.graph = SimpleNamespace(replay=replay)


def train(use_graphs: bool, iterations: int = 20, recipe: Recipe = RECIPE) -> State:
    batches = get_task("cifar").code("feed").make_batches(noise_images(recipe, 50), recipe, CUDA)
    state = State.start(recipe, 10, CUDA)
    for _ in zip(range(iterations), iterate(state, recipe, batches, graphs=use_graphs), strict=False):
        pass
    return state


def test_a_training_by_graphs_is_the_eager_one_and_captures_once_a_learning_rate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    replays = Replays()
    monkeypatch.setattr(StepGraph, "_capture", lambda step: replays.capture(step))
    with pretended_cuda():
        eager, graphed = train(False), train(True)
    assert replays.captures == 3, "a capture for each of three rates"
    assert graphed.curve == eager.curve and len(eager.curve) > 4
    for key, value in eager.net.state_dict().items():
        assert torch.equal(graphed.net.state_dict()[key].on_cpu, value.on_cpu), key


def test_the_first_iterations_at_each_rate_are_eager() -> None:
    step = StepGraph(None, None, None, None, None, None)
    assert [step.is_ready(0.1) for _ in range(EAGER + 2)] == [False] * EAGER + [True] * 2
    assert not step.is_ready(0.01)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"device": torch.device("cpu")}, False),
        ({"recipe": endless("resnet-1202")}, False),
        ({"recipe": endless("resnet-18-A")}, False),
    ],
)
def test_only_small_nets_on_a_gpu_are_captured(changes: dict[str, Any], expected: bool) -> None:
    batches = SimpleNamespace(**{"recipe": RECIPE, "device": CUDA} | changes)
    assert can_capture(torch.nn.Sequential(), batches, Processes()) == expected
    assert not can_capture(torch.nn.Dropout(), batches, Processes())
    assert not can_capture(torch.nn.Sequential(), batches, Processes(0, 2))
