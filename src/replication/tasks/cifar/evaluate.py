"""The test of section 4.2, on the single original view; and the responses of the layers (Figure 7)."""

import torch
from torch import nn
from torch.nn.functional import softmax

from replication.tasks.batches import Batches
from replication.tasks.cifar.responses import response_deviations
from replication.tasks.classification import ClassOutcome
from replication.tasks.inference import autocast, fold_batch_norm


@torch.inference_mode()
def single_view(net: nn.Module, batches: Batches) -> ClassOutcome:
    """The single original view; its error equals the last point of the curve."""
    net, parts = fold_batch_norm(net), []
    for images, labels in batches.single_view("test"):
        with autocast(batches):
            scores = net(images)
        parts.append((softmax(scores.float(), dim=1).cpu(), labels.cpu()))
    return ClassOutcome(*(torch.cat(part) for part in zip(*parts, strict=True)))


PROTOCOLS = {"single_view": single_view}
OUTCOME = ClassOutcome
measure_layers = response_deviations
