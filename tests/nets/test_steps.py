"""One training step of every kind of net: finite, with a gradient for each parameter, and the same the second time."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from replication.nets.by_name import build

NETS = ["plain-18", "plain-34", *(f"resnet-{net}" for net in ("18-A", "34-A", "34-B", "34-C", "50", "101", "152"))]
SIDES = dict.fromkeys(NETS, 32) | {"plain-20": 8, "resnet-20": 8, "resnet-110": 8, "googlenet": 32}
SLOW = {"resnet-1202": 4, "vgg-16": 32, "vgg-19": 32}  # of 138 million weights or 1202 layers: seconds each


def step(net: nn.Module, side: int) -> tuple[Tensor, list[Tensor | None], list[Tensor]]:
    """Loss, gradients and buffers of one step on two images."""
    images = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(2)  # of dropout
    net.zero_grad()
    loss = cross_entropy(net(images - 0.5), torch.tensor([1, 3]))
    loss.backward()
    return loss.detach(), [weight.grad for weight in net.parameters()], [buffer.clone() for buffer in net.buffers()]


@pytest.mark.parametrize(
    ("name", "side"), [*SIDES.items(), *(pytest.param(*item, marks=pytest.mark.slow) for item in SLOW.items())]
)
def test_a_step_reaches_every_parameter_and_is_the_same_bit_for_bit(name: str, side: int) -> None:
    net = build(name, 5).train()
    before = [buffer.clone() for buffer in net.buffers()]
    loss, gradients, buffers = step(net, side)
    for buffer, value in zip(net.buffers(), before, strict=True):
        buffer.copy_(value)
    again = step(net, side)
    assert torch.isfinite(loss) and torch.equal(loss, again[0])
    for one, other in zip([*gradients, *buffers], [*again[1], *again[2]], strict=True):
        assert one is not None and bool(torch.isfinite(one).all()) and torch.equal(one, other)
    assert all(bool(gradient.any()) for gradient in gradients if gradient.ndim > 1), "no weight is left out"
