"""Load a trained net for raw images: `replication.load`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from replication.errors import UserError
from replication.files import SUMS, check_whole, make_read_error
from replication.nets.by_name import build
from replication.runs.folder import MEAN, NET, RECORD, REMAKE, read_run
from replication.tasks import get_task
from replication.tasks.batches import subtract_mean

# Nets that come with the repository, one of a kind: `pipeline/ship.py` puts them there.
WEIGHTS = Path(__file__).parents[2] / "weights"
RESTORE = "run `git checkout -- weights`"


class Ready(nn.Module):
    """A net for uint8 images [n, 3, H, W] → probabilities [n, classes]; `classes` are their names.

    Images have the side `input_size`; nets of section 4.1 take any size. None is cropped or rescaled.
    """

    def __init__(self, net: nn.Module, mean: Tensor, classes: list[str], input_size: int):
        super().__init__()
        self.net, self.classes, self.input_size = net, classes, input_size
        self.register_buffer("mean", mean)

    def forward(self, images: Tensor) -> Tensor:
        return self.net(subtract_mean(images, self.mean)).softmax(1)


def load(path: Path | str) -> Ready:
    """A trained net on the CPU, ready for raw images.

    Args:
        path: "resnet-20", a net of weights/; or a run's folder, "runs/cifar/resnet-20/seed-0"; or its net.safetensors
            alone, anywhere.

    Raises:
        UserError: there is no run, it is damaged, its net is a localization model, or the file lacks metadata.
    """
    path = Path(path)
    shipped = WEIGHTS / f"{path}.safetensors"
    if len(path.parts) == 1 and not path.exists() and shipped.exists():
        path = shipped
    folder, name = (path.parent, path.name) if path.suffix == ".safetensors" else (path, NET)
    is_in_run = folder == path or (folder / RECORD).exists()
    is_lone_file = not (is_in_run or (folder / SUMS).exists())
    file = folder / name if is_lone_file else check_whole(folder, name, REMAKE if is_in_run else RESTORE)
    about = read_about(file)
    if is_in_run:  # a file that was written before these were kept in it
        recipe = read_run(folder).recipe
        about = {"options": recipe.net_options, "task": recipe.task} | about
    tensors = _read_tensors(file)
    lacking = {"task", "net", "classes", "input_size", "options"} - about.keys() or {MEAN} - tensors.keys()
    if lacking:
        raise UserError(
            f"{file} lacks its {min(lacking)}; load the folder of its run, or train it again.",
            kind="damaged",
            key=min(lacking),
            file=file,
        )
    if get_task(about["task"]).has_own_net:
        raise UserError(
            f"{path} is a net of the task {about['task']} with layers of its own, which `load` does not build; "
            "load a run of another task.",
            kind="conflict",
            file=path,
        )
    net, mean = build(about["net"], len(about["classes"]), **about["options"]), tensors.pop(MEAN)
    net.load_state_dict(tensors)
    return Ready(net, mean, about["classes"], about["input_size"]).eval()


def read_about(file: Path) -> dict[str, Any]:
    """What a file of weights says of itself: task, net, options of `build`, classes, input size, hash of the recipe.

    Raises:
        UserError: it is missing or damaged.
    """
    with _open(file) as opened:
        return json.loads((opened.metadata() or {}).get("about", "{}"))


def _read_tensors(file: Path) -> dict[str, Tensor]:
    with _open(file) as opened:
        return {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118


@contextmanager
def _open(file: Path) -> Iterator[Any]:
    try:
        with safe_open(file, "pt") as opened:
            yield opened
    except (SafetensorError, OSError) as error:
        message = f"{file} cannot be read ({error}); load the folder of its run, or train it again."
        raise make_read_error(file, error, message) from error
