"""Score a run: its net, rebuilt from its folder, by the protocols of its arm."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from replication.arms import arm_of, found
from replication.errors import UserError
from replication.evaluation.batch_norm import recompute_bn_statistics
from replication.evaluation.scores import Scores
from replication.images.store import Images
from replication.nets.by_name import build
from replication.recipe import Data, Recipe
from replication.runs.folder import NET, read_run, read_weights

if TYPE_CHECKING:
    from replication.evaluation.localization import Located
    from replication.evaluation.pairs import Pairs


def score_run(
    folder: Path, images: Images, device: torch.device, classifier: Path | None = None
) -> dict[str, "Scores | Located | Pairs"]:
    """Test the net of a run folder on the test images, by each protocol that can test it.

    Args:
        classifier: folder of the run whose net guesses classes, for a net that locates.

    Raises:
        UserError: the run was trained on other images, or its weights are missing or not those of its net.
    """
    recipe, now = read_run(folder).recipe, images.meta.identity
    if recipe.data != now:
        raise UserError(
            f"{folder} was trained on other images ({_words(recipe.data)}) than those that are prepared "
            f"({_words(now)}); run `dvc repro` to train it again."
        )
    arm = arm_of(recipe.arm)
    net = trained_net(folder, recipe, len(images.meta.classes)).to(device, memory_format=torch.channels_last)
    batches = found(arm.feed)(images, recipe, device)
    if recipe.bn_statistics == "recomputed":
        recompute_bn_statistics(net, batches)
    if classifier:
        guesses = trained_net(classifier, read_run(classifier).recipe, len(images.meta.classes))
        batches.classifier = guesses.to(device, memory_format=torch.channels_last)
    scores: dict[str, Scores | Located | Pairs] = {}
    for protocol in arm.protocols:
        if recipe.net not in protocol.not_for and (classifier or not protocol.guesses):
            score = found(protocol.score)
            scores[protocol.name] = score(scores) if protocol.of_scores else score(net, batches)
    return scores


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
            "`dvc repro`."
        ) from error
    return net


def _words(data: Data) -> str:
    return f"{data.name}, {data.pixels}, {data.fingerprint}"
