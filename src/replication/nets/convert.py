"""Convert weights of other projects: torchvision, and akamaster's CIFAR nets.

`resnet-18-B` and `resnet-34-B` are torchvision's resnet18 and resnet34; `resnet-50`, `-101` and `-152`, with the stride
in the 3x3 layer, its resnet50, resnet101 and resnet152; `vgg-16` its vgg16. It lacks plain nets, options A and C, and
the CIFAR nets.
The residual nets of section 4.2 are akamaster/pytorch_resnet_cifar10's resnet20 to resnet1202.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from replication.errors import UserError
from replication.files import make_read_error
from replication.nets.by_name import build
from replication.nets.names import COUNTERPARTS, blocks_of_cifar

# The preprocessing of torchvision and of akamaster: mean and deviation of red, green and blue, in 0..1.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def to_torchvision(net: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Our state dict under torchvision's names; a bottleneck net's must be of bottleneck_stride="3x3".

    Raises:
        UserError: torchvision has no such net, or the state is not one of `net`.
    """
    _check(net, state, is_torchvision=False)
    return {_to_torchvision_name(key): value for key, value in state.items()}


def from_torchvision(net: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict of torchvision under our names, for `build(net, classes, bottleneck_stride="3x3")`.

    Its weights expect normalised images; see `fold_normalisation`.

    Raises:
        UserError: torchvision has no such net, or the state is not one of `net`.
    """
    state = _add_counters(state)
    order = _check(net, state, is_torchvision=True)
    return {key: state[_to_torchvision_name(key)] for key in order}


def read_published(net: str, path: Path) -> dict[str, Tensor]:
    """A file of torchvision's weights under our names, for images as our nets see them.

    Raises:
        UserError: as `read_weights` and `from_torchvision` say.
    """
    return fold_normalisation(from_torchvision(net, read_weights(path)), STD)


def from_akamaster(net: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict of akamaster/pytorch_resnet_cifar10 under our names, for `build(net, classes)`.

    Its weights expect images normalised as torchvision's do. Its option A keeps every other pixel, with half of the
    zero channels on either side.

    Raises:
        UserError: there is no such residual net of section 4.2, or the state is not one of `net`.
    """
    count = blocks_of_cifar(net)  # on maps of each size: three modules there, one here
    if not net.startswith("resnet-"):
        raise UserError(f"{net}: akamaster has residual nets only, such as resnet-20.", kind="unknown")

    def name_of(key: str) -> str:
        key = re.sub(r"^blocks\.(\d+)\.", lambda b: f"layer{int(b[1]) // count + 1}.{int(b[1]) % count}.", key)
        return re.sub(r"^fc\.", "linear.", key)

    state = _add_counters(state)
    order = _refuse_others(net, state, name_of, f"akamaster's {net.replace('-', '')}", "linear.bias")
    return {key: state[name_of(key)] for key in order}


def read_weights(path: Path) -> dict[str, Tensor]:
    """Load a state dict without running code from the file.

    Training scripts put it in a checkpoint, as `state_dict` or `model`; DataParallel puts `module.` before its keys,
    torch.compile `_orig_mod.`.

    Raises:
        UserError: there is no such file, or no state dict in it.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        message = f"{path} is missing; give the path of a downloaded weight file."
        raise UserError(message, kind="missing", file=path) from error
    except Exception as error:  # a file from elsewhere can raise anything
        cause = (str(error).splitlines() or [type(error).__name__])[0]
        message = f"{path} is not a state dict of torch ({cause}); download it again."
        raise make_read_error(path, error, message) from error
    for key in ("state_dict", "model_state_dict", "model"):
        if isinstance(state, Mapping) and isinstance(state.get(key), Mapping):
            state = state[key]
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise UserError(
            f"{path} holds {type(state).__name__}, not a state dict of names and tensors; choose another file.",
            kind="invalid",
            file=path,
        )
    return {re.sub(r"^(module\.|_orig_mod\.)+", "", str(key)): value for key, value in state.items()}


def fold_normalisation(state: Mapping[str, Tensor], std: Sequence[float]) -> dict[str, Tensor]:
    """Weights for images divided by 255 only, from weights for images divided by `std` as well.

    torchvision's nets see (x - mean) / std, with x in 0..1; ours see (pixels - mean image) / 255. With a constant mean
    image of 255 * mean the two differ by 1 / std, which goes into the first convolution; its padding is zero for both.

    Args:
        state: of our naming or torchvision's.
        std: of red, green and blue, in 0..1.
    """
    first = "features.0.weight" if "features.0.weight" in state else "conv1.weight"
    return dict(state) | {first: state[first] / state[first].new_tensor(std)[:, None, None]}


def _add_counters(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Add the batch counters of batch norm, which older files lack, as 0: nothing reads them."""
    state = dict(state)
    for key in list(state):
        if key.endswith("running_mean"):
            state.setdefault(key.replace("running_mean", "num_batches_tracked"), torch.zeros((), dtype=torch.int64))
    return state


def _to_torchvision_name(key: str) -> str:
    """conv2.0.shortcut.1.weight → layer1.0.downsample.1.weight; conv1, bn1 and fc keep their names."""
    key = re.sub(r"^conv([2-5])\.", lambda stage: f"layer{int(stage[1]) - 1}.", key)
    return key.replace(".shortcut.", ".downsample.")


def _check(net: str, state: Mapping[str, Tensor], is_torchvision: bool) -> list[str]:
    """`_refuse_others` for a net that torchvision has."""
    if net not in COUNTERPARTS:
        raise UserError(f"{net}: torchvision has no such net; choose one of {', '.join(COUNTERPARTS)}.", kind="unknown")
    bias = "classifier.6.bias" if net == "vgg-16" else "fc.bias"
    if is_torchvision:
        return _refuse_others(net, state, _to_torchvision_name, f"torchvision's {COUNTERPARTS[net]}", bias)
    return _refuse_others(net, state, lambda key: key, net, bias)


def _refuse_others(
    net: str, state: Mapping[str, Tensor], name_of: Callable[[str], str], whose: str, bias: str = "fc.bias"
) -> list[str]:
    """Our keys in order, if the state has exactly the keys and shapes of `net`; the number of classes is free."""
    classes = len(state[bias]) if bias in state else 1
    with torch.device("meta"):
        expected = build(net, classes).state_dict()
    shapes = {name_of(key): value.shape for key, value in expected.items()}
    for key in [*shapes, *state]:
        if key not in state or key not in shapes:
            raise UserError(
                f"these are not the weights of {whose}: {key} is {'missing' if key in shapes else 'extra'}.",
                kind="conflict",
            )
        if state[key].shape != shapes[key]:
            raise UserError(
                f"these are not the weights of {whose}: {key} is {list(state[key].shape)} "
                f"instead of {list(shapes[key])}.",
                kind="conflict",
            )
    return list(expected)
