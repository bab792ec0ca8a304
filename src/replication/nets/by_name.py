"""`build(net)` makes a net by its paper name; there is no other way to make one."""

from collections.abc import Callable

import torch
from torch import nn

from replication.nets.blocks import initialise
from replication.nets.cifar import CifarNet
from replication.nets.imagenet import ImagenetNet
from replication.nets.names import EARLIER, NETS, blocks_of_cifar, parse_imagenet


def build(
    net: str,
    classes: int = 10,
    *,
    seed: int = 0,
    initialisation: str = "fan_in",
    bottleneck_stride: str = "1x1",
    max_pooling: str = "padded",
    block: str = "two_layers",
    subsample: str = "stride",
    zero_channels: str = "split",
    head: Callable[[nn.Module, int], nn.Module] | None = None,
) -> nn.Module:
    """Make a net by its paper name, with He initialisation from `seed`.

    Args:
        net: "plain-20", "resnet-1202", … of 6n+2 layers (section 4.2); "plain-34", "resnet-34-A", "resnet-152", … of
            Table 1; "vgg-16", "vgg-19" or "googlenet" (without its side classifiers).
        classes: width of the last layer.
        initialisation: "fan_in" or "fan_out"; the paper says neither.
        bottleneck_stride: the layer of a bottleneck that halves the map, "1x1" or "3x3"; see `Bottleneck`.
        max_pooling: of a net of Table 1: "padded" by a pixel, or without and "rounded_up", as in the authors' Caffe.
        block: of a CIFAR net: "two_layers", "bottleneck" or "one_layer"; see `blocks_of_cifar`.
        subsample, zero_channels: see `option_a`.
        head: wraps the net, given `classes`, in another net, which draws its weights by `initialise`.

    Raises:
        UserError: no such net.
    """
    of_option_a = {"subsample": subsample, "zero_channels": zero_channels}
    if net in EARLIER:
        from torchvision import models  # takes a second to import, and few need it

        options = {"aux_logits": False} if net == "googlenet" else {}
        module = models.get_model(net.replace("-", ""), num_classes=classes, init_weights=False, **options)
    elif net in NETS:
        layers, option = parse_imagenet(net)
        module = ImagenetNet(layers, option, classes, bottleneck_stride, max_pooling, **of_option_a)
    else:
        module = CifarNet(blocks_of_cifar(net, block), net.startswith("resnet"), classes, block, **of_option_a)
    generator = torch.Generator().manual_seed(seed)
    if head:
        module = head(module, classes)
    initialise(module, initialisation, generator)
    if head:
        module.initialise(generator)
    return module
