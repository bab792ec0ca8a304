"""The test protocols: of section 4.2 the single view; of 3.4 centre crop, 10 crops, and fully convolutional.

Each gives the probability of every class for every test image, so that protocols and nets can be averaged and scored
alike. "Scores" are averaged after the softmax, as the authors' README says of the 10 crops.
"""

import torch
from torch import nn
from torch.nn.functional import softmax

from replication.tasks.batches import Batches
from replication.tasks.inference import autocast, folded
from replication.tasks.outcome import Scores


@torch.inference_mode()
def single_view(net: nn.Module, batches: Batches) -> Scores:
    """The single original view (section 4.2); its top-1 error is that of the curve."""
    net, parts = folded(net), []
    for images, labels in batches.single_view("test"):
        with autocast(batches):
            scores = net(images)
        parts.append((softmax(scores.float(), dim=1).cpu(), labels.cpu()))
    return Scores(*(torch.cat(part) for part in zip(*parts, strict=True)))
