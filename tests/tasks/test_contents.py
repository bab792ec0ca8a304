"""Data order as an artefact: what a batch holds, told without training, is what training sees."""

import json
from collections.abc import Callable

import pytest
import torch
from conftest import Project
from torch.nn.functional import pad

from replication.tasks.cifar.feed import CifarBatches
from replication.tasks.cifar.recipe import CifarRecipe

Recipes = Callable[..., CifarRecipe]
Maker = Callable[..., CifarBatches]


@pytest.mark.parametrize("mirror", [True, False])
def test_the_contents_of_a_batch_make_its_images(make_recipe: Recipes, make_batches: Maker, mirror: bool) -> None:
    recipe = make_recipe(augmentation={"mirror": mirror}, schedule={"iterations": 64})
    batches = make_batches(recipe)
    images, labels = batches.training(7)
    rows = batches.contents(7)
    assert len(rows) == len(images) == 16 and any(row["mirror"] for row in rows) == mirror
    for row, image, label in zip(rows, images, labels, strict=True):
        seen = pad((batches.images[row["image"]] - batches.mean[0]) / 255, (1, 1, 1, 1))
        seen = seen[:, row["down"] : row["down"] + 8, row["across"] : row["across"] + 8]
        torch.testing.assert_close(seen.flip(2) if row["mirror"] else seen, image)
        assert batches.labels[row["image"]] == label


def test_the_digests_tell_data_orders_apart_and_nothing_else(make_recipe: Recipes, make_batches: Maker) -> None:
    long = {"schedule": {"iterations": 2500, "drops": []}}
    digests = {
        name: make_batches(make_recipe(**long, **changes)).order_digests()
        for name, changes in {
            "usual": {}, "net": {"net": "plain-14"}, "seed": {"seed": 1}, "weights": {"weights_seed": 1},
            "order": {"seed": 1, "order_seed": 0},
        }.items()
    }  # fmt: skip
    assert len(digests["usual"]) == 3 == len(set(digests["usual"]))
    assert digests["usual"] == digests["net"] == digests["weights"] == digests["order"]
    assert not set(digests["usual"]) & set(digests["seed"])


def test_the_contents_of_photographs_are_the_views_of_their_batch(
    make_imagenet_recipe: Callable, make_photograph_batches: Callable
) -> None:
    batches = make_photograph_batches(make_imagenet_recipe())
    rows = batches.contents(3)
    assert [row["image"] for row in rows] == batches.indices(3).tolist()
    assert all(36 <= row["shorter_side"] <= 44 and 0 <= row["down"] < 1 for row in rows)
    assert rows != batches.contents(4)


def test_any_iteration_is_printed_with_the_digest_that_the_run_has(project: Project) -> None:
    assert project.run("train", "cifar", "plain-8", "0").returncode == 0
    digest = json.loads((project.folder / "runs/cifar/plain-8/seed-0/run.json").read_text())["order_digests"]
    done = project.run("batch_contents", "cifar", "plain-8", "0", "63")
    lines = done.stdout.splitlines()
    assert lines[0] == "image,down,across,mirror" and len(lines) == 18
    assert lines[-1] == f"# order_digests[0]: {digest[0]}"
    wrong = project.run("batch_contents", "cifar", "plain-8", "0", "64")
    assert wrong.returncode == 1 and "iteration" in wrong.stderr and "63" in wrong.stderr
