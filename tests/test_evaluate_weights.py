"""Weights of others under the paper's protocols: `python -m pipeline.evaluate_weights`."""

import json
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from checkout import PROJECT
from torchvision import models

from replication.data.crops import centre_crop
from replication.data.meta import META
from replication.data.sources import CIFAR10
from replication.data.store import read_store
from replication.files import SUMS, seal
from replication.nets.by_name import build
from replication.paper import replications

MEAN, STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


def name_classes(folder: Path, names: Sequence[str], dataset: str) -> None:
    """Give the classes of a project's prepared images other names, and the images the name of a data set."""
    meta = json.loads((folder / META).read_text()) | {"classes": list(names), "name": dataset}
    (folder / META).unlink()  # a hard link to a file that all tests share
    (folder / META).write_text(json.dumps(meta))
    (folder / SUMS).unlink()
    seal(folder)


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

    name_classes(project.folder / "data/imagenet", [f"n0000000{label}" for label in range(4)], "imagenet")
    done = project.run("evaluate_weights", "resnet-18-B", str(tmp_path / "weights.pth"))
    assert done.returncode == 0, done.stderr
    assert f"centre_crop: top-1 error {expected:.2f} %" in done.stdout
    assert re.search(r"ten_crop: top-1 .*\nfully_convolutional: top-1", done.stdout)


def test_weights_of_another_number_of_classes_are_refused(project: Any, tmp_path: Path) -> None:
    """What else is wrong with weights: tests/nets/test_convert.py."""
    torch.save(models.resnet18(num_classes=9).state_dict(), tmp_path / "nine.pth")
    failed = project.run("evaluate_weights", "resnet-18-B", str(tmp_path / "nine.pth"))
    assert failed.returncode == 1 and "Traceback" not in failed.stderr, failed.stderr
    assert all(told in failed.stderr for told in ("nine.pth", "tiny photographs", "dvc repro prepare@imagenet"))


GOLDEN = os.environ.get("REPLICATION_GOLDEN_WEIGHTS", "")  # folder of resnet20-….th, …, as akamaster publishes them
PUBLISHED = next(p for p in replications() if p["name"] == "akamaster/pytorch_resnet_cifar10")["errors"]


@pytest.mark.slow
@pytest.mark.skipif(not GOLDEN, reason="REPLICATION_GOLDEN_WEIGHTS names no folder of published weights")
@pytest.mark.parametrize("depth", [20, 32, 44, 56])
def test_published_weights_have_the_published_error(depth: int, project: Any) -> None:
    """On official test pixels, to the last digit: nets, option A, mean and test protocol are as others have them.

    Needs data/cifar of this checkout: `dvc repro check prepare@cifar` with profile: cpu.
    """
    if not (PROJECT / "data/cifar/meta.json").exists():
        pytest.skip("data/cifar is not prepared")
    if read_store(PROJECT / "data/cifar").meta.identity.pixels != "official":
        pytest.skip("data/cifar does not hold the official pixels of CIFAR-10")
    shutil.rmtree(project.folder / "data/cifar")
    (project.folder / "data/cifar").symlink_to(PROJECT / "data/cifar")
    project.configure(input_size=32)
    (weights,) = Path(GOLDEN).glob(f"resnet{depth}[-.]*")
    done = project.run("evaluate_weights", f"resnet-{depth}", str(weights))
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"single_view: top-1 error {PUBLISHED[f'resnet-{depth}']:.2f} %"


def test_weights_of_a_cifar_net_are_scored_on_the_single_view(project: Any, tmp_path: Path) -> None:
    """Made-up weights of akamaster's layout, against the same net by hand; labels in another order, and of other names.

    Of ten classes the tiny store has images of the first four: frog, cat, ship and dog.
    """
    net, count, official = build("resnet-20", 10, seed=1).eval(), 3, CIFAR10.class_names
    names = ["frog", "cat", "ship", "dog", *(name for name in official if name not in ("frog", "cat", "ship", "dog"))]
    labels = [official.index(name) for name in names]
    theirs = {}
    for key, value in net.state_dict().items():
        key = re.sub(r"^blocks\.(\d+)", lambda b: f"layer{int(b[1]) // count + 1}.{int(b[1]) % count}", key)
        theirs[f"module.{key.replace('fc.', 'linear.')}"] = value
    torch.save({"state_dict": theirs, "best_prec1": 0.0}, tmp_path / "resnet20-made-up.th")
    store = read_store(project.folder / "data/cifar")
    seen = (store.test_images / 255 - MEAN[:, None, None]) / STD[:, None, None]
    with torch.no_grad():
        expected = 100 * (net(seen).argmax(1) != torch.tensor(labels)[store.test_labels]).double().mean().item()
    command = ("evaluate_weights", "resnet-20", str(tmp_path / "resnet20-made-up.th"))
    name_classes(project.folder / "data/cifar", names, "cifar10")
    done = project.run(*command)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"single_view: top-1 error {expected:.2f} %"

    name_classes(project.folder / "data/cifar", ["plane", *names[1:]], "cifar10")
    failed = project.run(*command)
    assert failed.returncode == 1 and "airplane" in failed.stderr and "Traceback" not in failed.stderr, failed.stderr
    name_classes(project.folder / "data/cifar", [str(digit) for digit in range(10)], "digits")
    failed = project.run(*command)
    assert failed.returncode == 1 and "prepare@cifar" in failed.stderr, failed.stderr
