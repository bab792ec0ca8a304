"""A trained net that takes images as they are: what `replication.load` gives."""

import json
from pathlib import Path

from safetensors import safe_open
from torch import Tensor, nn

from replication.errors import UserError
from replication.evaluation.trained import trained_net
from replication.feed.batches import as_seen
from replication.files import check_whole
from replication.runs.folder import MEAN, NET, REMAKE, read_run


class Ready(nn.Module):
    """A net for uint8 images [n, 3, H, W] → probabilities [n, classes]; `classes` are their names.

    Images are of the side `input_size`, or of another for a net of section 4.1; none is cropped or rescaled.
    """

    def __init__(self, net: nn.Module, mean: Tensor, classes: list[str], input_size: int):
        super().__init__()
        self.net, self.classes, self.input_size = net, classes, input_size
        self.register_buffer("mean", mean)

    def forward(self, images: Tensor) -> Tensor:
        return self.net(as_seen(images, self.mean)).softmax(1)


def load(folder: Path | str) -> Ready:
    """The trained net of a run's folder, "runs/cifar/resnet-20/seed-0", on the CPU and ready for raw images.

    Raises:
        UserError: there is no run, it is damaged, or its net answers with boxes.
    """
    folder = Path(folder)
    recipe = read_run(folder).recipe
    if "locates_on" in recipe.net_options:
        raise UserError(f"{folder} holds a net that answers with boxes, not with classes.")
    with safe_open(check_whole(folder, NET, REMAKE), "pt") as file:
        about, mean = json.loads(file.metadata()["about"]), file.get_tensor(MEAN)
    return Ready(trained_net(folder, recipe, len(about["classes"])), mean, about["classes"], about["input_size"]).eval()
