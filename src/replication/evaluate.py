"""Evaluate a run: its net, rebuilt from its folder, by the protocols of its task."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import nn

from replication.config.recipe import Data, Recipe
from replication.data.store import Images
from replication.errors import UserError
from replication.runs.folder import read_run
from replication.runs.nets import load_net, load_started_from
from replication.runs.outcome import Evaluation
from replication.tasks import Task, get_task
from replication.tasks.batches import Batches
from replication.tasks.inference import recompute_bn_statistics
from replication.tasks.outcome import Outcome

BACKBONE = "backbone"  # role of the run that initialised the first layers


def evaluate_run(
    folder: Path, images: Images, device: torch.device, starts: Mapping[str, Path] | None = None
) -> Evaluation:
    """Evaluate the net of a run folder by each protocol that can test it, and measure its layers.

    Args:
        starts: folders of the runs that it starts from, by role.

    Raises:
        UserError: the run was trained on other images, or its weights are missing or belong to another net.
    """
    recipe = read_run(folder).recipe
    _require_images(folder, recipe, images)
    net, batches = load_net(folder, images, device)
    task = get_task(recipe.task)
    batches.started_from = load_started_from(_choose_used(starts or {}, task), images, device)
    code = task.code("evaluate")
    # Responses are measured with running statistics, also where the tests use recomputed ones.
    layers = code.measure_layers(net, batches) if task.measures_layers else []
    if recipe.bn_statistics == "recomputed":
        recompute_bn_statistics(net, batches)
    outcomes = evaluate_net(net, batches)
    picture = code.draw_examples(images, outcomes) if task.draws_examples else None
    precision = code.measure_precision(images, outcomes) if task.measures_precision else []
    return Evaluation(outcomes, layers, picture, precision)


def evaluate_ensemble(folders: Sequence[Path], images: Images, device: torch.device) -> Evaluation:
    """Evaluate the nets of several run folders that see each image together.

    Raises:
        UserError: as `evaluate_run` says.
    """
    for folder in folders:
        _require_images(folder, read_run(folder).recipe, images)
    nets, (batches, *_) = zip(*(load_net(folder, images, device) for folder in folders), strict=True)
    return Evaluation(get_task(batches.recipe.task).code("evaluate").evaluate_together(nets, batches))


def evaluate_net(net: nn.Module, batches: Batches) -> dict[str, Outcome]:
    """Test a net by each protocol of its task that can test it."""
    recipe, outcomes = batches.recipe, {}
    task = get_task(recipe.task)
    code = task.code("evaluate")
    for protocol in task.protocols:
        if recipe.net in protocol.not_for or (protocol.needs and protocol.needs not in batches.started_from):
            continue
        if protocol.name in code.PROTOCOLS:
            outcomes[protocol.name] = code.PROTOCOLS[protocol.name](net, batches)
        else:
            outcomes[protocol.name] = code.COMPARED[protocol.name](outcomes)
    return outcomes


def _require_images(folder: Path, recipe: Recipe, images: Images) -> None:
    """Refuse a run that was trained on other images than these.

    Raises:
        UserError: it was.
    """
    identity = images.meta.identity
    if recipe.data != identity:
        raise UserError(
            f"{folder} was trained on other images ({_describe(recipe.data)}) than the prepared ones "
            f"({_describe(identity)}); run `dvc repro` to train it again.",
            kind="conflict",
            file=folder,
        )


def _choose_used(starts: Mapping[str, Path], task: Task) -> dict[str, Path]:
    """The runs whose nets a test uses: a backbone gave its weights, and only some protocols need it as a classifier."""
    needed = {protocol.needs for protocol in task.protocols}
    return {role: folder for role, folder in starts.items() if role != BACKBONE or role in needed}


def _describe(data: Data) -> str:
    return f"{data.name}, {data.pixels}, {data.fingerprint}"
