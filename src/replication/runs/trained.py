"""The net of a run, with the weights that it was trained to."""

from pathlib import Path

from torch import nn

from replication.config.recipe import Recipe
from replication.errors import UserError
from replication.nets.by_name import build
from replication.runs.folder import NET, read_weights


def trained_net(folder: Path, recipe: Recipe, classes: int) -> nn.Module:
    """The net of a run folder, with its trained weights.

    Raises:
        UserError: `net.safetensors` is missing or damaged, or holds another net.
    """
    net = build(recipe.net, classes, **recipe.net_options)
    try:
        net.load_state_dict(read_weights(folder))
    except RuntimeError as error:  # many lines, one for each tensor
        raise UserError(
            f"{folder / NET} does not hold the weights of {recipe.net} with {classes} classes; delete {folder} and run "
            "`dvc repro`.",
            kind="conflict",
            file=folder / NET,
        ) from error
    return net
