"""Parse the names of the paper's nets. Needs no torch."""

import re

from replication.errors import UserError

# These names belong to the bottleneck nets of Table 1, though 50 and 152 are 6n+2 as well.
IMAGENET_DEPTHS = (18, 34, 50, 101, 152)
NETS = (
    *("plain-18", "plain-34"),
    *(f"resnet-{layers}-{option}" for layers in (18, 34) for option in "ABC"),
    *("resnet-50", "resnet-101", "resnet-152"),
)

# Pixels of the image between two places of the last maps of a stage of Table 1.
STRIDES = {"conv3": 8, "conv4": 16, "conv5": 32}

# Earlier systems of tables 3 to 5 and Figure 3, which torchvision has, and their weighted layers.
EARLIER = {"vgg-16": 16, "vgg-19": 19, "googlenet": 22}
# What torchvision calls the nets of which it publishes weights; bottlenecks with the stride in the 3x3 layer.
COUNTERPARTS = {
    "resnet-18-B": "resnet18",
    "resnet-34-B": "resnet34",
    "resnet-50": "resnet50",
    "resnet-101": "resnet101",
    "resnet-152": "resnet152",
    "vgg-16": "vgg16",
}


def parse_cifar(net: str) -> int:
    """Weighted layers of a CIFAR net by its name, e.g. 56 for "plain-56".

    Raises:
        UserError: the name is not `plain-<depth>` or `resnet-<depth>`, or the depth is not 6n+2.
    """
    match = re.fullmatch(r"(plain|resnet)-([1-9]\d*)", net)
    if not match:
        raise UserError(
            f"{net!r} is not a CIFAR net; write plain-<depth> or resnet-<depth>, such as resnet-56.", kind="unknown"
        )
    depth = int(match[2])
    if depth in IMAGENET_DEPTHS:
        raise UserError(
            f"{net} is an ImageNet net (Table 1), not a CIFAR net; choose depth 44, 56 or 146.", kind="unknown"
        )
    if depth < 8 or depth % 6 != 2:
        below = max(8, (depth - 2) // 6 * 6 + 2)
        raise UserError(
            f"{net}: a CIFAR net has 6n+2 layers (section 4.2); the nearest depths are {below} and {below + 6}.",
            kind="unknown",
        )
    return depth


def blocks_of_cifar(net: str, block: str = "two_layers") -> int:
    """Blocks on maps of one size in a CIFAR net by its name, 9 for "resnet-56"; it has three sizes of maps.

    Args:
        block: "two_layers" (section 4.2), "bottleneck" of three layers (Figure 5, right), or "one_layer"; the depth
            counts layers in all of them.

    Raises:
        UserError: there is no such net, or its layers do not fill whole blocks.
    """
    layers, depth = {"two_layers": 2, "bottleneck": 3, "one_layer": 1}[block], parse_cifar(net)
    if (depth - 2) % (3 * layers):
        below = max(20, (depth - 2) // 18 * 18 + 2)  # 6n+2, as all CIFAR nets, and 9m+2
        raise UserError(
            f"{net}: with block: bottleneck a CIFAR net has 18n+2 layers; the nearest depths are {below} and "
            f"{below + 18}.",
            kind="unknown",
            key="block",
        )
    return (depth - 2) // (3 * layers)


def parse_imagenet(net: str) -> tuple[int, str | None]:
    """Layers and shortcut option of an ImageNet net by its name, e.g. (34, "B") for "resnet-34-B"; None if plain.

    Raises:
        UserError: there is no such net.
    """
    if net not in NETS:
        hint = ""
        if re.fullmatch(r"resnet-(18|34)", net):
            hint = f"; write {net}-A, {net}-B or {net}-C for its shortcut option"
        raise UserError(
            f"{net!r} is not an ImageNet net (Table 1); the nets are {', '.join(NETS)}{hint}.", kind="unknown"
        )
    kind, layers, *option = net.split("-")
    return int(layers), None if kind == "plain" else (option[0] if option else "B")


def check_imagenet(net: str) -> None:
    """Refuse a name that is neither a net of Table 1 nor an earlier system.

    Raises:
        UserError: there is no such net; names the nearest ones.
    """
    if net not in EARLIER:
        parse_imagenet(net)  # its error names the paper's nets


def depth_of(net: str) -> int:
    """Weighted layers of a net by its name, e.g. 56 for "plain-56" and 34 for "resnet-34-B".

    Raises:
        UserError: there is no such net.
    """
    if net in EARLIER:
        return EARLIER[net]
    return parse_imagenet(net)[0] if net in NETS else parse_cifar(net)
