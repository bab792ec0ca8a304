"""Weights of torchvision under the paper's protocols: `python -m pipeline.evaluate_weights`."""

import re
import shutil
from pathlib import Path
from typing import Any

import torch
from torchvision import models

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
