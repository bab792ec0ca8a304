"""Load the trained nets of run folders."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from replication.data.store import Images
from replication.errors import UserError
from replication.runs.folder import NET, read_run, read_weights
from replication.tasks import get_task
from replication.tasks.batches import Batches, TrainedNet
from replication.tasks.build import build_net
from replication.tasks.inference import fold_batch_norm


def load_net(folder: Path, images: Images, device: torch.device) -> tuple[nn.Module, Batches]:
    """The net of a run folder, and batches of images for it.

    Raises:
        UserError: `net.safetensors` is missing or damaged, or holds another net.
    """
    recipe = read_run(folder).recipe
    classes = len(get_task(recipe.task).class_names(images.meta.classes))
    net = build_net(recipe, classes)
    try:
        net.load_state_dict(read_weights(folder))
    except RuntimeError as error:  # its message has a line for each tensor
        raise UserError(
            f"{folder / NET} does not hold the weights of {recipe.net} with {classes} classes; delete {folder} and run "
            "`dvc repro`.",
            kind="conflict",
            file=folder / NET,
        ) from error
    batches = get_task(recipe.task).code("feed").make_batches(images, recipe, device)
    return net.to(device, memory_format=torch.channels_last), batches


def load_started_from(folders: Mapping[str, Path], images: Images, device: torch.device) -> dict[str, TrainedNet]:
    """The nets of the runs that a run starts from, by role, ready for testing."""
    nets = {}
    for role, folder in folders.items():
        net, batches = load_net(folder, images, device)
        nets[role] = TrainedNet(fold_batch_norm(net), batches)
    return nets
