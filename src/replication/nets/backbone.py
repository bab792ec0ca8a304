"""Load the weights of a trained net as the backbone of another (appendix C)."""

from collections.abc import Mapping

from torch import Tensor, nn

from replication.errors import UserError


def load_backbone(net: nn.Module, weights: Mapping[str, Tensor], heads: tuple[str, ...] = ()) -> None:
    """Load the weights of a trained net of Table 1 into all layers, except those whose names start with one of `heads`.

    Raises:
        UserError: they belong to another net.
    """
    layers = {key: value for key, value in net.state_dict().items() if not key.startswith(heads)}
    wrong = [key for key, value in layers.items() if key not in weights or weights[key].shape != value.shape]
    if wrong:
        raise UserError(
            f"the backbone's weights belong to another net: they lack {wrong[0]} of the right shape; train it again.",
            kind="conflict",
        )
    net.load_state_dict({key: weights[key] for key in layers}, strict=False)
