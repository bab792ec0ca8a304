"""Score a run: its net, rebuilt from its folder, by the protocols of its task."""

from pathlib import Path
from typing import TYPE_CHECKING

import torch

from replication.config.recipe import Data
from replication.data.store import Images
from replication.errors import UserError
from replication.runs.folder import read_run
from replication.runs.trained import trained_net
from replication.tasks import found, step_of, task_of
from replication.tasks.batch_norm import recompute_bn_statistics
from replication.tasks.cifar.responses import response_deviations
from replication.tasks.inference import folded
from replication.tasks.localization.feed import BoxBatches
from replication.tasks.outcome import Scores
from replication.tasks.rcnn.proposals import Proposer

if TYPE_CHECKING:
    from replication.tasks.localization.outcome import Located
    from replication.tasks.localization.pairs import Pairs


def score_run(
    folder: Path,
    images: Images,
    device: torch.device,
    classifier: Path | None = None,
    proposer: Path | None = None,
) -> dict[str, "Scores | Located | Pairs"]:
    """Test the net of a run folder on the test images, by each protocol that can test it.

    Args:
        classifier: folder of the run whose net guesses classes, for a net that locates.
        proposer: folder of the run whose net proposes boxes, for a net of the second step.

    Raises:
        UserError: the run was trained on other images, or its weights are missing or not those of its net.
    """
    recipe, now = read_run(folder).recipe, images.meta.identity
    if recipe.data != now:
        raise UserError(
            f"{folder} was trained on other images ({_words(recipe.data)}) than the prepared ones "
            f"({_words(now)}); run `dvc repro` to train it again.",
            kind="conflict",
            file=folder,
        )
    step, classes = step_of(recipe), len(images.meta.classes)
    net = trained_net(folder, recipe, classes).to(device, memory_format=torch.channels_last)
    batches = found(step.feed)(images, recipe, device)
    if proposer:
        batches.proposer = found(step.propose)(proposer, images, device)
    if recipe.bn_statistics == "recomputed":
        recompute_bn_statistics(net, batches)
    if classifier:
        guesses = trained_net(classifier, read_run(classifier).recipe, classes)
        batches.classifier = guesses.to(device, memory_format=torch.channels_last)
    scores: dict[str, Scores | Located | Pairs] = {}
    for protocol in step.protocols:
        if recipe.net not in protocol.not_for and (classifier or not protocol.guesses):
            score = found(protocol.score)
            scores[protocol.name] = score(scores) if protocol.of_scores else score(net, batches)
    return scores


def _words(data: Data) -> str:
    return f"{data.name}, {data.pixels}, {data.fingerprint}"


def responses_of_run(folder: Path, images: Images, device: torch.device) -> list[float]:
    """`response_deviations` of the net of a run folder.

    Raises:
        UserError: its weights are missing or not those of its net.
    """
    recipe = read_run(folder).recipe
    net = trained_net(folder, recipe, len(images.meta.classes)).to(device)
    return response_deviations(net, found(task_of(recipe.task).feed)(images, recipe, device))


def proposer_of(folder: Path, images: Images, device: torch.device) -> Proposer:
    """The net of a run folder of appendix C's first step, as it proposes boxes of these images."""
    recipe = read_run(folder).recipe
    net = trained_net(folder, recipe, len(images.meta.classes)).to(device, memory_format=torch.channels_last)
    return Proposer(folded(net), BoxBatches(images, recipe, device))
