"""What test_processes.py has two processes do: `torchrun … together.py <folder>`, with store and recipe in the folder.

Each process writes what it has at the end of each training to `<folder>/<training>-<rank>.pt`.
"""

import os
import signal
import sys
from pathlib import Path

import torch

from replication.data.store import read_store
from replication.tasks.imagenet.feed import PhotographBatches
from replication.tasks.imagenet.recipe import ImagenetRecipe
from replication.tracking.live import LiveRun
from replication.training.processes import Processes
from replication.training.progress import Stopped
from replication.training.run import train
from replication.training.state import State

CPU = torch.device("cpu")


class StopsItself(PhotographBatches):
    """Asks its own process to stop, just before the batch of iteration 3 is taken."""

    def training(self, iteration: int) -> tuple[torch.Tensor, torch.Tensor]:
        if iteration == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().training(iteration)


def train_with(
    processes: Processes, folder: Path, name: str, kind: type[PhotographBatches] = PhotographBatches
) -> State:
    """One training of the recipe in the folder, or the rest of it."""
    recipe = ImagenetRecipe.model_validate_json((folder / "recipe.json").read_text())
    batches = kind(read_store(folder / "imagenet"), recipe, CPU, processes.rank, processes.count)
    state = train(recipe, batches, folder / name, LiveRun(None, recipe), 1e9, processes)
    curve = [tuple(point) for point in state.curve]  # without a class, to be loaded as weights only
    end = {"net": state.net.state_dict(), "curve": curve, "starts": state.starts}
    torch.save(end, folder / f"{name}-{processes.rank}.pt")
    return state


def main(folder: Path) -> None:
    processes = Processes.under_torchrun(CPU)
    train_with(processes, folder, "whole")
    try:  # the second process alone is asked to stop
        train_with(processes, folder, "stopped", StopsItself if processes.rank == 1 else PhotographBatches)
    except Stopped as stopped:
        (folder / f"stopped-{processes.rank}.txt").write_text(str(stopped))
    train_with(processes, folder, "stopped")
    train_with(processes, folder, "begun-alone")
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
