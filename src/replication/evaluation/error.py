"""Top-1 error on a single view (section 4.2; Figure 4), in the precision of the recipe. Training needs this alone."""

import torch
from torch import Tensor, nn

from replication.feed.batches import Batches, Split


def top1_error(net: nn.Module, batches: Batches, split: Split = "test") -> float:
    """Error of `net` in percent over a split, in the precision of the recipe."""
    count = batches.test_count if split == "test" else batches.heldout_count
    return 100 * wrong_top1(net, batches, split).item() / count


@torch.inference_mode()
def wrong_top1(net: nn.Module, batches: Batches, split: Split) -> Tensor:
    """How many images of this process's part of a split get another class than their own, a scalar."""
    was_training = net.training
    net.eval()
    wrong = torch.zeros((), dtype=torch.int64, device=batches.device)
    for images, labels in batches.single_view(split):
        with autocast(batches):
            scores = net(images)
        wrong += (scores.argmax(1) != labels).sum()
    net.train(was_training)
    return wrong


def autocast(batches: Batches) -> torch.autocast:
    """The recipe's arithmetic: bf16 for convolutions and fc with fp32 weights, or fp32 throughout."""
    return torch.autocast(batches.device.type, torch.bfloat16, enabled=batches.recipe.precision == "bf16")
