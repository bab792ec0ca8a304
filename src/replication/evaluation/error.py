"""Top-1 error on the single original view (section 4.2), and batch-norm statistics for it."""

import torch
from torch import Tensor, nn

from replication.data import Batches

CHUNK = 500  # images at a time; the last bits of a bf16 score may depend on it


@torch.inference_mode()
def top1_error(net: nn.Module, batches: Batches, split: tuple[Tensor, Tensor]) -> float:
    """Error of `net` in percent over the images and labels of `split`, in the precision of the recipe."""
    images, labels = split
    was_training = net.training
    net.eval()
    wrong = torch.zeros((), dtype=torch.int64, device=labels.device)
    for part, truth in zip(images.split(CHUNK), labels.split(CHUNK), strict=True):
        with autocast(batches):
            scores = net(batches.plain(part))
        wrong += (scores.argmax(1) != truth).sum()
    net.train(was_training)
    return 100 * wrong.item() / len(labels)


def autocast(batches: Batches) -> torch.autocast:
    """The recipe's arithmetic: bf16 for convolutions and fc with fp32 weights, or fp32 throughout."""
    return torch.autocast(batches.device.type, torch.bfloat16, enabled=batches.recipe.precision == "bf16")


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
