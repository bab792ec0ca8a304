"""Top-1 error on a single view (section 4.2; Figure 4), in the precision of the recipe. Training needs this alone."""

import copy
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from replication.tasks.batches import Batches, Split


def top1_error(net: nn.Module, batches: Batches, split: Split = "test") -> float:
    """Error of `net` in percent over a split, in the precision of the recipe."""
    count = batches.test_count if split == "test" else batches.heldout_count
    return 100 * wrong_top1(net, batches, split).item() / count


def wrong_top1(net: nn.Module, batches: Batches, split: Split) -> Tensor:
    """How many images of this process's part of a split get another class than their own, a scalar."""
    return wrong_answers(net, batches, split, lambda scores, labels: scores.argmax(1) != labels)


@torch.inference_mode()
def wrong_answers(net: nn.Module, batches: Batches, split: Split, wrong: Callable[[Any, Any], Tensor]) -> Tensor:
    """On how many images of this process's part of a split `wrong`(answers, truth), [n] bool, says so, a scalar."""
    net = folded(net)
    count = torch.zeros((), dtype=torch.int64, device=batches.device)
    for images, truth in batches.single_view(split):
        with autocast(batches):
            answers = net(images)
        count += wrong(answers, truth).sum()
    return count


def folded(net: nn.Module) -> nn.Module:
    """A copy of a net for testing: each batch norm becomes part of the convolution before it, which saves a quarter of
    the time. Test-time batch norm is linear, so that only the last bits of a score differ.
    """
    net = copy.deepcopy(net).eval()
    for module in list(net.modules()):
        for (conv_name, conv), (norm_name, norm) in pairwise(list(module.named_children())):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(module, conv_name, fuse_conv_bn_eval(conv, norm))
                setattr(module, norm_name, nn.Identity())
    return net


def autocast(batches: Batches) -> torch.autocast:
    """The recipe's arithmetic: bf16 for convolutions and fc with fp32 weights, or fp32 throughout."""
    return torch.autocast(batches.device.type, torch.bfloat16, enabled=batches.recipe.precision == "bf16")
