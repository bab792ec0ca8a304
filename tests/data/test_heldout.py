"""Every class has its part in what is held out, whatever the order of the images."""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from replication.data.annotations import label_images
from replication.data.heldout import split_training
from replication.data.store import Store
from replication.tasks.cifar.feed import CifarBatches
from replication.tasks.cifar.recipe import CifarRecipe
from replication.tasks.imagenet.feed import PhotographBatches
from replication.tasks.imagenet.recipe import ImagenetRecipe

CPU = torch.device("cpu")


def counts(labels: Tensor, positions: Tensor) -> list[int]:
    return torch.bincount(labels[positions], minlength=int(labels.max()) + 1).tolist()


ORDERS = {
    "class by class": torch.arange(10).repeat_interleave(500),
    "one of each in turn": torch.arange(10).repeat(500),
    "mixed": torch.arange(10).repeat(500)[torch.randperm(5000, generator=torch.Generator().manual_seed(0))],
}


@pytest.mark.parametrize("labels", ORDERS.values(), ids=ORDERS)
@pytest.mark.parametrize("train_images", [4500, 4507, 1, 9, 2500, 4999])
def test_equal_classes_are_held_out_alike_to_within_one_image(labels: Tensor, train_images: int) -> None:
    trained, heldout = split_training(labels, train_images)
    assert len(trained) == train_images
    assert sorted(torch.cat([trained, heldout]).tolist()) == list(range(5000))
    for part in (trained, heldout):
        assert max(counts(labels, part)) - min(counts(labels, part)) <= 1


@pytest.mark.parametrize("labels", ORDERS.values(), ids=ORDERS)
def test_stored_order_is_kept_and_each_class_gives_its_last_images(labels: Tensor) -> None:
    trained, heldout = split_training(labels, 4500)
    assert (trained.diff() > 0).all()
    assert (heldout.diff() > 0).all()
    for label in range(10):
        assert heldout[labels[heldout] == label].min() > trained[labels[trained] == label].max()


@pytest.mark.parametrize("train_images", [4500, 4503, 17])
def test_of_images_in_turn_the_very_last_are_held_out(train_images: int) -> None:
    trained, heldout = split_training(ORDERS["one of each in turn"], train_images)
    assert trained.tolist() == list(range(train_images))
    assert heldout.tolist() == list(range(train_images, 5000))


@pytest.mark.parametrize("labels", ORDERS.values(), ids=ORDERS)
def test_if_all_are_trained_on_nothing_changes(labels: Tensor) -> None:
    trained, heldout = split_training(labels, 5000)
    assert torch.equal(trained, torch.arange(5000))
    assert heldout.tolist() == []
    assert heldout.dtype == trained.dtype == torch.int64


def test_unequal_classes_give_in_proportion_and_none_is_emptied() -> None:
    sizes = torch.tensor([3, 10, 300, 1300, 732])
    labels = torch.arange(5).repeat_interleave(sizes)
    for train_images in (2300, 1000, 200):
        trained, heldout = split_training(labels, train_images)
        expected = sizes * len(heldout) / len(labels)
        assert (torch.tensor(counts(labels, heldout)) - expected).abs().max() <= 1
        assert len(trained) == train_images
    assert min(counts(labels, split_training(labels, 1000)[0])) >= 1


def test_classes_without_an_image_and_arrays_of_numpy_are_taken() -> None:
    trained, heldout = split_training(np.array([2, 2, 0, 0]), 2)
    assert (trained.tolist(), heldout.tolist()) == ([0, 2], [1, 3])


def test_the_labels_of_imagenet_take_seconds_at_most() -> None:
    sizes = np.random.default_rng(0).integers(732, 1301, 1000)
    labels = torch.from_numpy(np.repeat(np.arange(1000), sizes))
    before = time.perf_counter()
    trained, heldout = split_training(labels, len(labels) - 50_000)
    assert time.perf_counter() - before < 10  # half a second on a quiet machine
    assert len(heldout) == 50_000
    assert min(counts(labels, heldout)) >= 30
    assert len(trained) + len(heldout) == len(labels)


# --- through the batches


def by_class(store: Store) -> Store:
    order = store.train_labels.argsort(stable=True)
    annotations = label_images(store.train_labels[order])
    return replace(store, train_images=store.train_images[order], train_annotations=annotations)


def test_small_images_in_class_order_train_on_and_hold_out_every_class(
    store: Store, make_recipe: Callable[..., CifarRecipe]
) -> None:
    ordered = by_class(store)
    options = {"pad": 0, "mirror": False}
    batches = CifarBatches(ordered, make_recipe(train_images=72, augmentation=options), CPU)
    parts = [batches.training(iteration) for iteration in range(9)]  # two epochs
    assert torch.cat([labels for _, labels in parts]).bincount().tolist() == [36] * 4
    ((images, labels),) = batches.single_view("heldout")
    assert labels.bincount().tolist() == [6] * 4
    held = torch.cat([torch.arange(24 * label + 18, 24 * label + 24) for label in range(4)])
    trained = [position for position in range(96) if position not in held.tolist()]
    torch.testing.assert_close(
        batches.mean[0].double(), ordered.train_images[trained].double().mean(0), atol=1e-4, rtol=0
    )
    assert torch.equal(images, batches.normalise(ordered.train_images[held]))
    for iteration, (seen, truth) in enumerate(parts):
        chosen = batches.indices(iteration)
        assert not set(chosen.tolist()) & set(held.tolist())
        assert torch.equal(truth, ordered.train_labels[chosen])
        restored = (seen * 255 + batches.mean).round().to(torch.uint8)
        assert torch.equal(restored, ordered.train_images[chosen])


@pytest.mark.parametrize("in_memory", [True, False], ids=["in memory", "by workers"])
def test_photographs_in_class_order_train_on_and_hold_out_every_class(
    photographs: Store, make_imagenet_recipe: Callable[..., ImagenetRecipe], in_memory: bool
) -> None:
    ordered = replace(by_class(photographs), in_memory=in_memory)
    batches = PhotographBatches(ordered, make_imagenet_recipe(train_images=32), CPU)
    assert torch.cat([batches.training(i)[1] for i in range(4)]).bincount().tolist() == [16] * 4  # two epochs
    assert torch.equal(batches.training(1)[1], ordered.train_labels[batches.indices(1)])
    ((images, labels),) = batches.views("heldout", lambda image: np.array(image))
    held = [position for label in range(4) for position in range(12 * label + 8, 12 * label + 12)]
    assert torch.equal(labels, ordered.train_labels[held])
    assert torch.equal(torch.stack(images), ordered.train_images[held].permute(0, 2, 3, 1))
    assert not set(held) & set(torch.cat([batches.indices(i) for i in range(4)]).tolist())
