"""Several processes for one training, under torchrun: one a GPU."""

import os
import sys
from typing import NoReturn

import torch

from replication.errors import UserError
from replication.recipe import Recipe
from replication.training.processes import Processes


def torchrun(module: str, arguments: list[str], count: int, recipe: Recipe, device: torch.device) -> NoReturn:
    """Become torchrun, which starts `module` with `arguments` once for each of `count` processes.

    Raises:
        UserError: the batch cannot be shared by so many, or there are fewer GPUs.
    """
    Processes(0, count).check(recipe)
    if device.type == "cuda" and torch.cuda.device_count() < count:
        raise UserError(
            f"params.yaml: processes: {count} need a GPU each, and this machine has {torch.cuda.device_count()}; "
            "lower it, or call torchrun on several nodes (README, GPUs)."
        )
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    os.execv(sys.executable, [sys.executable, *launcher, "-m", module, *arguments])
