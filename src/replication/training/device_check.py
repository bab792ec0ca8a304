"""Compare a training step of a small net on a GPU with the CPU's, before the GPU is used for the first time.

Some versions of a library compute wrong gradients without an error: Apple's mps had them in batch norm.
"""

import copy
import hashlib
import json
import platform
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from replication.files import write_durably
from replication.nets.by_name import build
from replication.runs.provenance import describe_device

# Relative distance of the loss, each gradient and each running average in fp32. On one CPU (Intel Xeon, AVX-512)
# float64 or another memory layout is off by 1.0e-5, inputs rounded to the ten bits of TF32 by 0.07, bf16 by 0.2.
TOLERANCE = 1e-3


def check_device(device: torch.device, folder: Path) -> str:
    """Why a device must not be used; empty: it computes as the CPU does. Checked once for each version of its software.

    Args:
        folder: where the answer is kept.
    """
    try:
        system = [platform.platform(), describe_device(device), torch.__version__, torch.backends.cudnn.version()]
    except RuntimeError as error:  # this cuDNN does not fit torch
        return str(error).splitlines()[0]
    digest = hashlib.sha256(json.dumps(system).encode()).hexdigest()[:16]
    passed = folder / f"checked-{device.type}-{digest}"
    if passed.exists():
        return ""
    fault = find_device_fault(device)
    if not fault:
        folder.mkdir(parents=True, exist_ok=True)
        write_durably(passed, (json.dumps(system) + "\n").encode())
    return fault


def find_device_fault(device: torch.device) -> str:
    """What a training step on `device` does otherwise than one on the CPU; empty: nothing."""
    net = build("resnet-8")
    expected = _step(copy.deepcopy(net), torch.device("cpu"))
    try:
        found = _step(net, device)
    except (RuntimeError, TypeError, NotImplementedError) as error:  # torch raises all of them
        return f"{type(error).__name__}: {error}".splitlines()[0]
    for name, value in expected.items():
        distance = float((found[name] - value).norm() / value.norm())
        if not distance <= TOLERANCE:  # also if it is not a number
            return f"{name} of a training step differs from the CPU's by {distance:.1g} ({TOLERANCE:g} allowed)"
    return ""


def _step(net: nn.Module, device: torch.device) -> dict[str, Tensor]:
    """Loss, gradients, weights and running averages of a step of SGD on 16 images of noise, on the CPU."""
    net = net.to(device, memory_format=torch.channels_last).train()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    images = torch.rand(16, 3, 32, 32, generator=torch.Generator().manual_seed(0)) - 0.5
    images = images.contiguous(memory_format=torch.channels_last).to(device)
    loss = cross_entropy(net(images), (torch.arange(16) % 10).to(device))
    loss.backward()
    optimizer.step()
    gradients = {f"the gradient of {name}": weight.grad for name, weight in net.named_parameters()}
    values = {"the loss": loss} | gradients | net.state_dict()
    return {name: value.detach().cpu() for name, value in values.items() if value.is_floating_point()}
