"""CUDA graphs: the kernels of an iteration, recorded once and started together. Those of small nets take less time than
their launches.

Never run on a GPU, hence off unless a caller of `iterate` asks for it; `benchmarks/gpu.py` compares its losses with the
eager ones and measures both. Only `_capture` needs CUDA: tests put an eager step in its place.
"""

from types import SimpleNamespace

import torch
from torch import Tensor, nn

from replication.nets.names import depth_of
from replication.tasks import get_task
from replication.tasks.batches import Batches
from replication.training.backward import LossFunction, backward
from replication.training.processes import Processes, RunningAverages

EAGER = 3  # iterations before a capture, in which libraries choose kernels and the optimiser makes its momentum
DEEP = 200  # layers; deeper nets fill a GPU, or recompute their maps


def can_capture(net: nn.Module, batches: Batches, processes: Processes) -> bool:
    """Whether iterations can be captured: on CUDA by one process, of a small classifier without random numbers."""
    is_small = not get_task(batches.recipe.task).photographs and depth_of(batches.recipe.net) < DEEP
    draws = any(isinstance(layer, nn.Dropout) for layer in net.modules())
    return batches.device.type == "cuda" and processes.count == 1 and is_small and not draws


class StepGraph:
    """The gradient and the step of an iteration as a graph; captured anew for each learning rate, which it holds."""

    def __init__(
        self, net: nn.Module, optimizer: torch.optim.SGD, batches: Batches, loss_function: LossFunction,
        averages: RunningAverages, processes: Processes,
    ):  # fmt: skip
        self.net, self.optimizer, self.batches = net, optimizer, batches
        self.loss_function, self.averages, self.processes = loss_function, averages, processes
        self.rate: float | None = None
        self.iterations = 0  # at this rate
        self.graph: torch.cuda.CUDAGraph | None = None

    def is_ready(self, rate: float) -> bool:
        """Whether the next iteration, at this learning rate, comes from the graph."""
        if rate != self.rate:
            self.rate, self.iterations, self.graph = rate, 0, None
        self.iterations += 1
        return self.iterations > EAGER

    def step(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Make an iteration; returns mean loss and number of wrong images, as `backward` does."""
        if self.graph is None:
            self.images, self.labels = images.clone(), labels.clone()
            self._capture()
        self.images.copy_(images)
        self.labels.copy_(labels)
        self.graph.replay()
        return self.loss.clone(), self.wrong.clone()  # the next replay overwrites them

    def _capture(self) -> None:
        """Record `backward` and the optimiser's step; nothing is computed yet."""
        fixed = SimpleNamespace(recipe=self.batches.recipe, device=self.batches.device)
        fixed.training = lambda _: (self.images, self.labels)
        self.optimizer.zero_grad()  # the gradients are allocated in the graph's memory
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.loss, self.wrong = backward(self.net, fixed, 0, self.loss_function, self.averages, self.processes)
            self.optimizer.step()
