"""The gradient of one iteration."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from replication.tasks.batches import DROPOUT, Batches, derived_seed
from replication.tasks.inference import autocast
from replication.tasks.outcome import Loss
from replication.training.processes import Processes, RunningAverages

LossFunction = Callable[[Tensor, Tensor], Loss]  # output of the net, truth


def gradient_norms(net: nn.Module) -> list[float]:
    """The norm of the gradient of each convolution's weights, from the input of the net on (section 4.1: are they
    healthy in a deep plain net?); without weight decay, which is no part of the gradient of the loss. 0 of a layer that
    is not trained.
    """
    gradients = [layer.weight.grad for layer in net.modules() if isinstance(layer, nn.Conv2d)]
    return [0.0 if gradient is None else float(f"{gradient.norm().item():.4g}") for gradient in gradients]


def _seed(seed: int, device: torch.device) -> None:
    """Seed the default generators of CPU and device; `torch.manual_seed` seeds all there are, which takes 0.1 ms."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda" and torch.cuda.is_current_stream_capturing():
        return  # CUDA refuses it, and no layer of a captured net draws
    if device.type in ("cuda", "mps"):
        getattr(torch, device.type).manual_seed(seed)


def backward(
    net: nn.Module,
    batches: Batches,
    iteration: int,
    loss_function: LossFunction,
    averages: RunningAverages,
    processes: Processes,
) -> tuple[Tensor, Tensor]:
    """Add the gradient of an iteration's mean loss to the weights of `net`.

    The batch passes through the net in batch-norm groups, one after the other. They stand for the GPUs of the paper.
    Gradients add up over groups and processes.

    Args:
        net: as `processes.wrap` gave it, with zero gradients.
        averages: the running batch-norm averages of `net`.

    Returns:
        Mean loss over the whole batch, and its number of wrong images: scalars on the device, not synchronised.
    """
    recipe, schedule, size = batches.recipe, batches.recipe.schedule, batches.recipe.bn_group
    images, labels = batches.training(iteration)
    groups = list(zip(images.split(size), labels.split(size), strict=True))
    loss = wrong = torch.zeros((), device=batches.device)
    averages.start()
    for number, (group, truth) in enumerate(groups, start=1):
        # Dropout (VGG, GoogLeNet) draws from torch's default generator: a function of seed, iteration and group.
        place = (iteration * processes.count + processes.rank) * len(groups) + number
        _seed(derived_seed(recipe.seeds[1], DROPOUT, place), batches.device)
        with processes.group(net, last=number == len(groups)):
            with autocast(batches):
                output = net(group)
            group_loss, group_wrong = loss_function(output, truth)
            group_loss = group_loss / schedule.batch_size
            (group_loss * processes.count).backward()  # DDP averages gradients over processes
        loss, wrong = loss + group_loss.detach(), wrong + group_wrong
    averages.join(len(groups))
    loss, wrong = processes.total(torch.stack([loss, wrong]))
    return loss, wrong
