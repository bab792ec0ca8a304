"""The responses of the layers of a trained net (Figure 7).

A response is the output of a 3x3 layer after batch norm, before ReLU or addition. The paper does not say on which
images, in which mode of batch norm, or over what the deviation is taken. Here: the test images, each by its single
view; batch norm as in testing; and the deviation over all values of a layer, of all images, channels and places.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from replication.tasks.batches import Batches
from replication.tasks.inference import autocast


@torch.inference_mode()
def response_deviations(net: nn.Module, batches: Batches) -> list[float]:
    """The standard deviation of the responses of each 3x3 layer, from the first layer of the net to the last.

    A net of 6n+2 layers has 6n+1 of them, as in the figure: the fc layer has none.
    """
    norms = _norms_of_3x3(net)
    device = torch.device("cpu") if batches.device.type == "mps" else batches.device  # mps has no fp64
    sums = torch.zeros(len(norms), 3, dtype=torch.float64, device=device)  # of values, their squares, and ones

    def add(place: int, values: Tensor) -> None:
        values = values.float().to(device)
        parts = [values.sum(dtype=torch.float64), values.square().sum(dtype=torch.float64)]
        sums[place] += torch.stack([*parts, torch.full_like(parts[0], values.numel())])

    hooks = [
        norm.register_forward_hook(lambda _, __, output, place=place: add(place, output))
        for place, norm in enumerate(norms)
    ]
    net.eval()
    for images, _ in batches.single_view("test"):
        with autocast(batches):
            net(images)
    for hook in hooks:
        hook.remove()
    total, squares, count = sums.unbind(1)
    return (squares / count - (total / count) ** 2).clamp(min=0).sqrt().tolist()


def _norms_of_3x3(net: nn.Module) -> list[nn.BatchNorm2d]:
    """The batch norms that follow a 3x3 convolution, in the order of the net."""
    return [
        norm
        for module in net.modules()
        for conv, norm in pairwise(module.children())
        if isinstance(conv, nn.Conv2d) and conv.kernel_size == (3, 3) and isinstance(norm, nn.BatchNorm2d)
    ]
