"""Nets by their names."""

import torch
from torch import nn

from replication.nets import cifar, imagenet
from replication.nets.blocks import initialise
from replication.nets.cifar import CifarNet
from replication.nets.imagenet import ImagenetNet

# Earlier systems of tables 3 to 5 and Figure 3, which torchvision has, and their weighted layers.
EARLIER = {"vgg-16": 16, "vgg-19": 19, "googlenet": 22}


def check_net(net: str, arm: str) -> None:
    """Refuse a name that is no net of an arm, "cifar" or "imagenet".

    Raises:
        UserError: there is no such net; the sentence names the nearest ones.
    """
    if arm == "cifar":
        cifar.parse(net)
    elif net not in EARLIER:
        imagenet.parse(net)  # whose refusal names the paper's own nets


def depth_of(net: str) -> int:
    """Weighted layers of a net by its name, e.g. 56 for "plain-56" and 34 for "resnet-34-B".

    Raises:
        UserError: there is no such net.
    """
    if net in EARLIER:
        return EARLIER[net]
    return imagenet.parse(net)[0] if net in imagenet.NETS else cifar.parse(net)


def build(
    net: str,
    classes: int = 10,
    *,
    seed: int = 0,
    initialisation: str = "fan_in",
    bottleneck_stride: str = "1x1",
    subsample: str = "stride",
    zero_channels: str = "split",
) -> nn.Module:
    """Make a net by its paper name, with He initialisation from `seed`.

    Args:
        net: "plain-20", "resnet-1202", … of 6n+2 layers (section 4.2); "plain-34", "resnet-34-A", "resnet-152", … of
            Table 1; "vgg-16", "vgg-19" or "googlenet" (without its side classifiers).
        classes: width of the last layer.
        initialisation: "fan_in" or "fan_out"; the paper says neither.
        bottleneck_stride: the layer of a bottleneck that halves the map, "1x1" or "3x3"; see `Bottleneck`.
        subsample, zero_channels: see `option_a`.

    Raises:
        UserError: no such net.
    """
    of_option_a = {"subsample": subsample, "zero_channels": zero_channels}
    if net in EARLIER:
        from torchvision import models  # takes a second, and few need it

        options = {"aux_logits": False} if net == "googlenet" else {}
        module = models.get_model(net.replace("-", ""), num_classes=classes, init_weights=False, **options)
    elif net in imagenet.NETS:
        layers, option = imagenet.parse(net)
        module = ImagenetNet(layers, option, classes, bottleneck_stride, **of_option_a)
    else:
        module = CifarNet((cifar.parse(net) - 2) // 6, net.startswith("resnet"), classes, **of_option_a)
    initialise(module, initialisation, torch.Generator().manual_seed(seed))
    return module
