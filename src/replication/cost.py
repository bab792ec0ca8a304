"""Estimates of what runs cost: operations, hours, memory and disk."""

import torch

from replication.config.recipe import Recipe
from replication.data.sources import Dataset
from replication.nets.complexity import complexity
from replication.paper import protocol
from replication.tasks import get_task
from replication.tasks.build import build_net, count_net, list_layers

# The assumed sustained speed of one GPU. An assumption for estimates: no GPU was benchmarked here.
GPU_FLOP_PER_SECOND = 10e12
FORWARD_AND_BACKWARD = 3  # forward passes that one training step costs


def gpu_hours(net: str) -> float:
    """Estimated GPU hours of one ImageNet training of section 3.4: its multiply-adds at 10 TFLOP/s."""
    schedule = protocol("imagenet_training", "I5")
    images = schedule["max_iterations"] * schedule["batch"]
    flop = 2 * complexity(net, 224, 1000).macs * FORWARD_AND_BACKWARD * images
    return flop / GPU_FLOP_PER_SECOND / 3600


def training_flop(recipe: Recipe, classes: int) -> float:
    """Floating point operations of a training, two a multiply-add."""
    macs = count_net(recipe, classes).macs
    return 2 * FORWARD_AND_BACKWARD * macs * recipe.schedule.iterations * recipe.schedule.batch_size


def memory(recipe: Recipe, classes: int, keeps_maps: bool = False) -> float:
    """GiB that a training takes, without library and images: weights, gradients and momentum, and each layer's maps of
    a batch-norm group after convolution, batch norm and ReLU. Where blocks are recomputed: the maps of one stage of
    blocks, and those between stages; unless it keeps them all. An estimate within a factor of two.
    """
    sizes = [layer.channels * layer.output_size**2 for layer in list_layers(recipe, classes)]
    parameters, maps = count_net(recipe, classes).parameters, float(sum(sizes))
    with torch.device("meta"):
        net = build_net(recipe, classes)
    if not keeps_maps and (stage := getattr(net, "stage", 0)):
        share = stage / len(net.blocks)
        maps = max(sizes) * (share * len(sizes) + 1 / (3 * share))
    return 4 * 3 * (parameters + maps * recipe.bn_group) / 2**30


def gb_kept(recipe: Recipe, dataset: Dataset) -> float:
    """GB that a run keeps: its weights, and the probabilities of the test images by each protocol in half precision.

    During training two checkpoints with weights and momentum take four times the weights.
    """
    task = get_task(recipe.task)
    parameters = count_net(recipe, dataset.classes).parameters
    answers = 0 if task.needs_boxes else dataset.classes * dataset.test_images * len(task.protocols)
    return (4 * parameters + 2 * answers) / 1e9


def gb_prepared(recipe: Recipe, dataset: Dataset) -> float:
    """GB of the prepared images of a task; 0 where they are indexed in place."""
    side = recipe.test.shorter_side if get_task(recipe.task).photographs else recipe.input_size
    return 0.0 if dataset.is_indexed else (dataset.train_images + dataset.test_images) * 3 * side**2 / 1e9
