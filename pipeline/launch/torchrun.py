"""Several processes for one training, under torchrun: one a GPU, on this machine or on all nodes of a Slurm job."""

import os
import sys
from typing import NoReturn

import torch

from pipeline.launch.nodes import run_on_nodes
from replication.config.recipe import Recipe
from replication.errors import UserError
from replication.training.processes import Processes


def torchrun(module: str, arguments: list[str], count: int, recipe: Recipe, device: torch.device) -> NoReturn:
    """Run `module` with `arguments` in each of `count` processes, distributed over the nodes of the job, and exit.

    Raises:
        UserError: so many processes cannot share the batch or the nodes, or there are fewer GPUs.
    """
    Processes(0, count).check(recipe)
    nodes = int(os.environ.get("SLURM_JOB_NUM_NODES", "1"))
    here, left = divmod(count, nodes)
    if left:
        raise UserError(
            f"params.yaml: processes: {count} cannot be distributed over {nodes} nodes evenly; change either."
        )
    if device.type == "cuda" and torch.cuda.device_count() < here:
        raise UserError(
            f"params.yaml: processes: {here} on this machine need a GPU each, and it has {torch.cuda.device_count()}; "
            "lower it, or take more nodes (docs/machines.md)."
        )
    launcher = [sys.executable, "-m", "pipeline.launch.agent", f"--nproc-per-node={here}"]
    if nodes > 1:
        sys.exit(run_on_nodes(launcher, [module, *arguments], nodes))
    os.execv(sys.executable, [*launcher, "--standalone", "-m", module, *arguments])
