"""Test-time batch-norm statistics, recomputed on training images."""

import torch
from torch import nn

from replication.tasks.batches import Batches
from replication.tasks.inference import autocast


@torch.no_grad()
def recompute_bn_statistics(net: nn.Module, batches: Batches, groups: int = 100) -> None:
    """Replace the running batch-norm averages by plain averages over `groups` groups of augmented training images.

    The authors' release did so (README of KaimingHe/deep-residual-networks); the paper does not say.
    """
    norms = [layer for layer in net.modules() if isinstance(layer, nn.BatchNorm2d)]
    momenta = [layer.momentum for layer in norms]
    for layer in norms:
        layer.reset_running_stats()
        layer.momentum = None  # cumulative average
    net.train()
    per_batch = batches.recipe.schedule.batch_size // batches.recipe.bn_group
    for iteration in range(-(-groups // per_batch)):
        for group in batches.training(iteration)[0].split(batches.recipe.bn_group):
            with autocast(batches):
                net(group)
    for layer, momentum in zip(norms, momenta, strict=True):
        layer.momentum = momentum
