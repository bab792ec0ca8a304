"""Weights of torchvision under the paper's protocols: `python -m pipeline.evaluate_weights`."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision import models

from pipeline.evaluate_weights import read_weights
from replication.errors import UserError
from replication.images.crops import centre_crop
from replication.images.store import read_store

MEAN, STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


def test_its_centre_crop_error_is_that_of_torchvisions_own_net(project: Any, tmp_path: Path) -> None:
    torch.manual_seed(0)
    theirs = models.resnet18(num_classes=4).eval()
    with torch.no_grad():
        for norm in (layer for layer in theirs.modules() if isinstance(layer, torch.nn.BatchNorm2d)):
            norm.running_mean.normal_(0, 0.1)
            norm.running_var.uniform_(0.5, 1.5)
    torch.save(theirs.state_dict(), tmp_path / "weights.pth")
    store = read_store(project.folder / "data/imagenet")
    crops = torch.stack([torch.from_numpy(centre_crop(store.load("test", i), 36, 32)) for i in range(20)])
    with torch.no_grad():
        best = theirs(((crops / 255 - MEAN) / STD).permute(0, 3, 1, 2)).argmax(1)
    expected = 100 * (best != store.test_labels).double().mean().item()

    done = project.run("evaluate_weights", "resnet-18-B", str(tmp_path / "weights.pth"))
    assert done.returncode == 0, done.stderr
    assert f"centre_crop: top-1 error {expected:.2f} %" in done.stdout
    assert re.search(r"ten_crop: top-1 .*\nfully_convolutional: top-1", done.stdout)


def test_weights_that_do_not_fit_are_one_sentence(project: Any, tmp_path: Path) -> None:
    torch.save(models.resnet18(num_classes=9).state_dict(), tmp_path / "nine.pth")
    shutil.copy(project.folder / "params.yaml", tmp_path / "text.pth")
    for net, file, told in [
        ("resnet-18-B", "nine.pth", "tells 9 classes apart, but tiny photographs has 4"),
        ("resnet-34-B", "nine.pth", "these are not the weights of torchvision's resnet34"),
        ("plain-18", "nine.pth", "torchvision has no such net"),
        ("resnet-18-B", "text.pth", "is no state dict of torch"),
        ("resnet-18-B", "away.pth", "is missing"),
    ]:
        failed = project.run("evaluate_weights", net, str(tmp_path / file))
        assert failed.returncode == 1 and told in failed.stderr, failed.stderr
        assert "Traceback" not in failed.stderr


@pytest.mark.parametrize("key", [None, "state_dict", "model", "model_state_dict"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_a_state_dict_is_found_in_a_checkpoint(tmp_path: Path, key: str | None, prefix: str) -> None:
    state = {f"{prefix}conv1.weight": torch.ones(2), f"{prefix}fc.bias": torch.zeros(1)}
    torch.save({key: state, "epoch": 90, "optimizer": {"lr": 0.1}} if key else state, tmp_path / "weights.pth")
    assert list(read_weights(tmp_path / "weights.pth")) == ["conv1.weight", "fc.bias"]


class Pickled:
    """A class of somebody's code."""


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 1}, torch.ones(2), Pickled(), "text"], ids=str)
def test_what_is_no_state_dict_is_one_sentence(tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(UserError, match=r"weights\.pth (holds|is no state dict)") as told:
        read_weights(tmp_path / "weights.pth")
    assert "\n" not in str(told.value)
