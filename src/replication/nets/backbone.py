"""Weights of a trained net as the backbone of another (appendix C): its layers, without those on top."""

from collections.abc import Mapping

from torch import Tensor, nn

from replication.errors import UserError


def load_backbone(net: nn.Module, weights: Mapping[str, Tensor], heads: tuple[str, ...] = ()) -> None:
    """Take over the weights of a trained net of Table 1 in all layers but those whose names begin with one of `heads`.

    Raises:
        UserError: they are those of another net.
    """
    layers = {key: value for key, value in net.state_dict().items() if not key.startswith(heads)}
    wrong = [key for key, value in layers.items() if key not in weights or weights[key].shape != value.shape]
    if wrong:
        raise UserError(
            f"the backbone's weights belong to another net: they lack {wrong[0]} of the right shape.", kind="conflict"
        )
    net.load_state_dict({key: weights[key] for key in layers}, strict=False)
