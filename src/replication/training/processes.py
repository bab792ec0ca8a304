"""Several processes that train one net under torchrun, one a GPU.

Data, schedule and weights do not depend on their number. Each process takes whole batch-norm groups of the global
batch. DistributedDataParallel averages gradients over processes; `backward` scales the loss to undo it. Running
batch-norm averages are joined: they equal those of one process that sees all groups in order.
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from replication.config.recipe import Recipe
from replication.errors import UserError


def is_under_torchrun() -> bool:
    """Whether torchrun started this process. A cluster may set RANK alone, which means nothing here."""
    return {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"} <= os.environ.keys()


class Processes:
    """This process among all that train the same net. By itself, every method is a no-op."""

    def __init__(self, rank: int = 0, count: int = 1):
        self.rank, self.count = rank, count

    @classmethod
    def under_torchrun(cls, device: torch.device) -> "Processes":
        """Join the processes that torchrun started; without torchrun, a single process."""
        if not is_under_torchrun():
            return cls()
        if device.type == "cuda":  # never run: tested with gloo alone
            gpu = torch.device("cuda", torch.cuda.current_device())
            dist.init_process_group("cpu:gloo,cuda:nccl", device_id=gpu)
        else:
            dist.init_process_group("gloo")
        return cls(dist.get_rank(), dist.get_world_size())

    def leave(self) -> None:
        """Leave the processes, once all of them have trained or stopped; NCCL warns of those that just end."""
        if self.count > 1:
            dist.destroy_process_group()

    def check(self, recipe: Recipe) -> None:
        """Refuse a recipe whose batch-norm groups the processes cannot share evenly.

        Raises:
            UserError: bn_group times the number of processes does not divide the batch.
        """
        groups = recipe.schedule.batch_size // recipe.bn_group
        if groups % self.count:
            possible = ", ".join(str(count) for count in range(1, groups + 1) if groups % count == 0)
            raise UserError(
                f"{self.count} processes cannot share the {groups} batch-norm groups of a batch evenly "
                f"(batch_size {recipe.schedule.batch_size}, bn_group {recipe.bn_group}); "
                f"the number of processes can be {possible}.",
                kind="invalid",
                key="processes",
            )

    def wrap(self, net: nn.Module) -> nn.Module:
        """The net that the loop calls."""
        if self.count == 1:
            return net
        with warnings.catch_warnings(action="ignore", category=FutureWarning):  # the argument has a new name since 2.13
            return DistributedDataParallel(net, broadcast_buffers=False)

    @contextmanager
    def group(self, net: nn.Module, last: bool) -> Iterator[None]:
        """Run forward and backward of one group; gradients are exchanged with the last group of an iteration."""
        if self.count > 1 and not last:
            with net.no_sync():
                yield
        else:
            yield

    def total(self, value: Tensor) -> Tensor:
        """The sum of `value` over all processes."""
        if self.count > 1:
            value = value.clone()
            with _fail_together():
                dist.all_reduce(value)
        return value

    def gather(self, value: Any) -> list[Any]:
        """The values of all processes, in their order."""
        if self.count == 1:
            return [value]
        values = [None] * self.count
        with _fail_together():
            dist.all_gather_object(values, value)
        return values

    def any(self, flag: bool) -> bool:
        """Whether `flag` is set in any process; all get the same answer, without a GPU synchronisation."""
        if self.count == 1:
            return flag
        maximum = torch.tensor(int(flag))
        with _fail_together():
            dist.all_reduce(maximum, op=dist.ReduceOp.MAX)
        return bool(maximum)

    def wait(self) -> None:
        """Wait for all processes."""
        if self.count > 1:
            with _fail_together():
                dist.barrier()


@contextmanager
def _fail_together() -> Iterator[None]:
    """Turn the failure of a collective call, after another process has ended, into a user-facing error."""
    try:
        yield
    except RuntimeError as error:
        cause = " ".join(str(error).split())[:200]
        message = f"another process of this training has ended, or cannot be reached ({cause}); see its message."
        raise UserError(message, kind="unavailable") from error


class RunningAverages:
    """The running batch-norm averages of a net, joined over processes after each iteration.

    One process that sees groups 1..G has r = k^G r0 + sum of k^(G-i) m s_i, with s_i the statistic of group i, m the
    momentum and k = 1 - m. This is linear in the groups, so each process adds the part of its groups.
    """

    def __init__(self, net: nn.Module, processes: Processes):
        self.processes = processes
        norms = [layer for layer in net.modules() if isinstance(layer, nn.BatchNorm2d)]
        self.buffers = [buffer for layer in norms for buffer in (layer.running_mean, layer.running_var)]
        self.counters = [layer.num_batches_tracked for layer in norms]
        self.keep = 1 - norms[0].momentum if norms else 1.0
        self.before: Tensor | None = None

    def start(self) -> None:
        """Store the averages before an iteration."""
        if self.processes.count > 1:
            self.before = torch.cat(self.buffers)

    def join(self, groups: int) -> None:
        """Replace the averages by those over the groups of all processes; each had `groups`."""
        if self.processes.count == 1 or not self.buffers:
            return
        later = (self.processes.count - 1 - self.processes.rank) * groups
        addend = (torch.cat(self.buffers) - self.keep**groups * self.before) * self.keep**later
        joined = self.keep ** (self.processes.count * groups) * self.before + self.processes.total(addend)
        for buffer, part in zip(self.buffers, joined.split([len(b) for b in self.buffers]), strict=True):
            buffer.copy_(part)
        for counter in self.counters:
            counter += (self.processes.count - 1) * groups
