"""The responses of layers against computation by hand; the stage that measures them."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from conftest import Project
from errors import refused
from torch import nn
from torch.nn.functional import conv2d

from replication.nets.by_name import build
from replication.runs.outcome import Evaluation, read_responses, write_evaluation
from replication.tasks.cifar import CIFAR
from replication.tasks.cifar.feed import CifarBatches
from replication.tasks.cifar.recipe import CifarRecipe
from replication.tasks.cifar.responses import response_deviations
from replication.tasks.classification import ClassOutcome

Recipes = Callable[..., CifarRecipe]
Maker = Callable[..., CifarBatches]


def random_net(name: str, **options: str) -> nn.Module:
    """A net whose batch norm is not the identity."""
    net, generator = build(name, 4, **options), torch.Generator().manual_seed(1)
    for norm in (layer for layer in net.modules() if isinstance(layer, nn.BatchNorm2d)):
        for values in (norm.weight.data, norm.bias.data, norm.running_mean):
            values.copy_(torch.randn(values.shape, generator=generator))
        norm.running_var.copy_(torch.rand(norm.running_var.shape, generator=generator) + 0.5)
    return net


def test_a_response_is_what_leaves_batch_norm_over_all_test_images_channels_and_places(
    make_recipe: Recipes, make_batches: Maker
) -> None:
    net, batches = random_net("resnet-8").eval(), make_batches(make_recipe())
    images = torch.cat([part for part, _ in batches.single_view("test")])
    assert len(images) == 40
    first = net.bn1(conv2d(images, net.conv1.weight, padding=1))
    block = net.blocks[0]
    second = block.bn1(conv2d(first.relu(), block.conv1.weight, padding=1))
    third = block.bn2(conv2d(second.relu(), block.conv2.weight, padding=1))  # before the shortcut is added
    deviations = [values.detach().std(correction=0).item() for values in (first, second, third)]
    assert response_deviations(net, batches)[:3] == pytest.approx(deviations, rel=1e-4)


@pytest.mark.parametrize(
    ("net", "block", "count"),
    [("plain-8", "two_layers", 7), ("resnet-20", "two_layers", 19), ("resnet-20", "bottleneck", 7)],
)
def test_each_3x3_layer_has_one_number(
    make_recipe: Recipes, make_batches: Maker, net: str, block: str, count: int
) -> None:
    deviations = response_deviations(random_net(net, block=block), make_batches(make_recipe()))
    assert len(deviations) == count and all(value > 0 for value in deviations)


def test_the_folder_keeps_them_and_damage_is_refused(tmp_path: Path) -> None:
    outcomes = {"single_view": ClassOutcome(torch.eye(4), torch.arange(4))}
    write_evaluation(tmp_path / "made", Evaluation(outcomes, [1.23456, 2.0]), CIFAR)
    assert read_responses(tmp_path / "made") == [1.2346, 2.0]
    path = tmp_path / "made/responses.csv"
    path.write_text(path.read_text().replace("2.0", "9.0"))
    with refused("damaged", "dvc repro", file=path):
        read_responses(tmp_path / "made")


def test_the_stages_bring_responses_and_gradients_into_the_committed_tables(project: Project) -> None:
    project.configure({"cifar": {"nets": ["plain-8", "resnet-8"]}})
    for stage in ("train", "evaluate", "tabulate"):
        done = project.run(stage, "cifar")
        assert done.returncode == 0, done.stderr
    (folder,) = (path.parent for path in project.folder.glob("results/tiny/cifar/**/runs.csv"))
    rows = {name: list(csv.DictReader((folder / f"{name}.csv").open())) for name in ("responses", "gradients")}
    assert [(row["net"], row["layer"]) for row in rows["responses"]] == [
        (net, str(layer)) for net in ("plain-8", "resnet-8") for layer in range(1, 8)
    ]
    gradients = [row for row in rows["gradients"] if row["net"] == "plain-8"]
    assert [row["iteration"] for row in gradients] == ["6"] * 7 + ["64"] * 7
    assert all(float(row["value"]) > 0 for row in gradients)
