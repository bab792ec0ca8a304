"""Batches of photographs: a pure function of seed and iteration, cropped, shifted in colour, the mean subtracted."""

import gc
import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from replication.data.annotations import label_images
from replication.data.crops import centre_crop
from replication.data.store import Store
from replication.tasks.imagenet.feed import PhotographBatches
from replication.tasks.imagenet.recipe import ImagenetRecipe
from replication.tasks.imagenet.views import resize_whole, ten_crop

Recipes = Callable[..., ImagenetRecipe]
Maker = Callable[..., PhotographBatches]
CPU = torch.device("cpu")


def as_they_are(make: Recipes, **changes: object) -> ImagenetRecipe:
    """A recipe under which a training image is seen whole, in its own pixels."""
    return make(
        input_size=40, augmentation={"shorter_side": [40, 40], "mirror": False, "colour": 0},
        test={"shorter_side": 40, "scales": [40]}, **changes,
    )  # fmt: skip


def assert_equal(found: tuple[Tensor, Tensor], expected: tuple[Tensor, Tensor]) -> None:
    for left, right in zip(found, expected, strict=True):
        assert torch.equal(left, right)


# --- a pure function of seed and iteration


def test_an_iteration_asked_afresh_is_the_one_reached_in_order(
    make_imagenet_recipe: Recipes, make_photograph_batches: Maker
) -> None:
    in_order, afresh = (make_photograph_batches(make_imagenet_recipe()) for _ in range(2))
    reached = [in_order.training(iteration) for iteration in range(8)][7]
    assert_equal(afresh.training(7), reached)
    assert_equal(in_order.training(7), reached)  # once more
    in_order.training(2)
    torch.rand(5)
    np.random.rand(5)
    assert_equal(in_order.training(7), reached)


def test_batches_after_the_schedule_exist(make_imagenet_recipe: Recipes, make_photograph_batches: Maker) -> None:
    """Batch-norm statistics may be recomputed over more images than a short training saw."""
    longer = make_photograph_batches(make_imagenet_recipe(schedule={"iterations": 20}))
    shorter = make_photograph_batches(make_imagenet_recipe())
    for iteration in (7, 8, 9, 15):
        assert_equal(shorter.training(iteration), longer.training(iteration))


def test_seeds_and_iterations_differ(make_imagenet_recipe: Recipes, make_photograph_batches: Maker) -> None:
    first, other = (make_photograph_batches(make_imagenet_recipe(seed=seed, train_images=1)) for seed in (0, 1))
    images = [batches.training(iteration)[0] for batches in (first, other) for iteration in (0, 1)]
    crops = torch.cat(images).flatten(1)
    assert len(crops.unique(dim=0)) == len(crops) == 64  # of one image, never twice the same


@pytest.mark.parametrize("ranks", [2, 4])
def test_the_shares_of_several_processes_are_the_batch_of_one(
    make_imagenet_recipe: Recipes, make_photograph_batches: Maker, ranks: int
) -> None:
    recipe = make_imagenet_recipe()
    whole_batch = make_photograph_batches(recipe).training(3)
    parts = [make_photograph_batches(recipe, rank, ranks).training(3) for rank in range(ranks)]
    assert [len(labels) for _, labels in parts] == [16 // ranks] * ranks
    assert_equal(tuple(torch.cat(part) for part in zip(*parts, strict=True)), whole_batch)


def test_loader_workers_make_the_same_batches_and_views(
    photographs: Store, make_imagenet_recipe: Recipes, make_photograph_batches: Maker
) -> None:
    recipe = make_imagenet_recipe()
    in_memory = make_photograph_batches(recipe)
    on_disk = PhotographBatches(replace(photographs, in_memory=False), recipe, CPU)
    assert in_memory.workers == 0 < on_disk.workers
    for iteration in (0, 1, 5):
        assert_equal(on_disk.training(iteration), in_memory.training(iteration))
    for found, expected in zip(on_disk.single_view("test"), in_memory.single_view("test"), strict=True):
        assert_equal(found, expected)


def test_batches_that_are_dropped_leave_no_worker_behind(photographs: Store, make_imagenet_recipe: Recipes) -> None:
    before = threading.active_count()
    batches = PhotographBatches(replace(photographs, in_memory=False), make_imagenet_recipe(), CPU)
    batches.training(0)
    assert threading.active_count() == before + batches.workers
    gc.disable()  # they end at once, not when Python looks for cycles
    try:
        del batches
        assert threading.active_count() == before
    finally:
        gc.enable()


# --- what a net sees


def test_labels_belong_to_their_images(
    photographs: Store, make_imagenet_recipe: Recipes, make_photograph_batches: Maker
) -> None:
    batches = make_photograph_batches(as_they_are(make_imagenet_recipe))
    images, labels = batches.training(4)
    chosen = batches.indices(4)
    assert torch.equal(labels, photographs.train_labels[chosen])
    assert torch.equal(images, batches.normalise(photographs.train_images[chosen]))


def test_the_mean_image_of_the_store_is_subtracted(
    photographs: Store, make_imagenet_recipe: Recipes, make_photograph_batches: Maker
) -> None:
    batches = make_photograph_batches(make_imagenet_recipe())
    pixels = photographs.test_images[:3, :, :32, :32]
    plain = batches.normalise(pixels)
    torch.testing.assert_close(255 * plain + photographs.mean, pixels.float(), rtol=0, atol=1e-4)
    assert plain.is_contiguous(memory_format=torch.channels_last)
    assert photographs.mean.std() > 1


def test_for_another_size_the_mean_image_is_rescaled(
    photographs: Store, make_imagenet_recipe: Recipes, make_photograph_batches: Maker
) -> None:
    batches = make_photograph_batches(make_imagenet_recipe())
    columns = torch.arange(32.0).expand(1, 3, 32, 32)
    batches.mean = columns
    for high, wide in ((64, 96), (16, 48)):
        rescaled = -255 * batches.normalise(torch.zeros(1, 3, high, wide, dtype=torch.uint8))[0, 0]
        assert rescaled.shape == (high, wide)
        expected = (torch.arange(wide) + 0.5) * 32 / wide - 0.5
        torch.testing.assert_close(rescaled[high // 2, 3:-3], expected[3:-3], rtol=0, atol=1e-3)


def test_a_training_image_is_a_crop_or_its_mirror_image(
    photographs: Store, make_imagenet_recipe: Recipes, make_photograph_batches: Maker
) -> None:
    def seen(mirror: bool) -> Tensor:
        changes = {"shorter_side": [40, 40], "mirror": mirror, "colour": 0}
        batches = make_photograph_batches(make_imagenet_recipe(train_images=1, augmentation=changes))
        images = torch.cat([batches.training(i)[0] for i in range(8)])
        return (255 * images + batches.mean).round().to(torch.uint8)

    image = photographs.train_images[0]
    parts = [image[:, top : top + 32, left : left + 32] for top in range(9) for left in range(9)]
    found = {False: 0, True: 0}
    either = [(part, False) for part in parts] + [(part.flip(2), True) for part in parts]
    for crop in seen(mirror=True):
        (mirrored,) = (mirrored for part, mirrored in either if torch.equal(part, crop))
        found[mirrored] += 1
    assert min(found.values()) > 40  # of 128
    assert all(any(torch.equal(part, crop) for part in parts) for crop in seen(mirror=False))


def test_colours_shift_along_their_principal_components_by_a_tenth_of_each_variance(
    photographs: Store, make_imagenet_recipe: Recipes
) -> None:
    """AlexNet's: a sum of components p, each times its eigenvalue l and a normal weight a of deviation 0.1.

    As the covariance C of the colours is sum(l p p'), the covariance of the shifts is 0.01 sum(l^2 p p') = 0.01 C^2.
    """
    covariance = torch.tensor([[0.08, 0.05, 0.02], [0.05, 0.07, 0.03], [0.02, 0.03, 0.04]])
    recipe = as_they_are(make_imagenet_recipe, schedule={"batch_size": 400, "iterations": 10, "drops": []})
    recipe = recipe.model_copy(update={"augmentation": recipe.augmentation.model_copy(update={"colour": 0.1})})
    batches = PhotographBatches(replace(photographs, colour_covariance=covariance), recipe, CPU)
    shifts = []
    for iteration in range(10):
        images, _ = batches.training(iteration)
        shift = images - batches.normalise(photographs.train_images[batches.indices(iteration)])
        assert (shift.amax((2, 3)) - shift.amin((2, 3))).max() < 1e-6, "one shift for all pixels of an image"
        shifts.append(shift.mean((2, 3)))
    shifts = torch.cat(shifts).double()
    assert len(shifts.unique(dim=0)) == 4000
    found, expected = shifts.T.cov(), 0.01 * covariance.double() @ covariance.double()
    assert shifts.mean(0).abs().max() < 4 * (expected.max() / 4000) ** 0.5
    assert (found - expected).abs().max() < 6 * expected.max() / 4000**0.5
    variances, components = torch.linalg.eigh(covariance.double())
    along = (shifts @ components).std(0)
    torch.testing.assert_close(along, 0.1 * variances, rtol=4 / 8000**0.5, atol=0)


# --- test and held-out images


@pytest.mark.parametrize("split", ["test", "heldout"])
def test_the_single_view_is_the_centre_crop_of_every_image_in_order(
    photographs: Store, make_imagenet_recipe: Recipes, make_photograph_batches: Maker, split: str
) -> None:
    batches = make_photograph_batches(make_imagenet_recipe())
    ((images, labels),) = batches.single_view(split)
    part, indices = ("test", range(20)) if split == "test" else ("train", range(40, 48))
    crops = np.stack([centre_crop(photographs.load(part, index), 36, 32) for index in indices])
    assert torch.equal(images, batches.normalise(torch.from_numpy(crops).permute(0, 3, 1, 2)))
    of = photographs.test_labels if split == "test" else photographs.train_labels
    assert torch.equal(labels, of[list(indices)])
    assert (batches.test_count, batches.heldout_count) == (20, 8)


def test_what_is_not_trained_on_is_held_out(make_imagenet_recipe: Recipes, make_photograph_batches: Maker) -> None:
    batches = make_photograph_batches(make_imagenet_recipe())
    assert sorted(torch.cat([batches.indices(i) for i in range(5)]).unique().tolist()) == list(range(40))
    assert list(make_photograph_batches(make_imagenet_recipe(train_images=48)).single_view("heldout")) == []


@pytest.mark.parametrize(("split", "count"), [("test", 250), ("heldout", 230)])
@pytest.mark.parametrize("ranks", [1, 2, 3, 4])
def test_processes_share_a_split_without_gap_or_overlap(
    photographs: Store, make_imagenet_recipe: Recipes, split: str, count: int, ranks: int
) -> None:
    images = (torch.arange(250) % 256).to(torch.uint8)[:, None, None, None].expand(-1, 3, 40, 40)  # each its own grey
    truth = label_images(torch.arange(250) % 4)
    splits = {"train_images": images, "train_annotations": truth, "test_images": images, "test_annotations": truth}
    many = replace(photographs, **splits)
    recipe = make_imagenet_recipe(train_images=20)
    seen = []
    for rank in range(ranks):
        batches = PhotographBatches(many, recipe, CPU, rank, ranks)
        for pixels, truth in batches.views(split, lambda image: centre_crop(image, 36, 32)):
            greys = [int(view[0, 0, 0]) for view in pixels]
            assert [grey % 4 for grey in greys] == truth.tolist()
            seen += greys
    assert sorted(seen) == list(range(250 - count, 250))


def test_views_may_be_of_any_shape(
    photographs: Store, make_imagenet_recipe: Recipes, make_photograph_batches: Maker
) -> None:
    batches = make_photograph_batches(make_imagenet_recipe())
    ((crops, _),) = batches.views("test", lambda image: ten_crop(image, 36, 32))
    assert {tuple(view.shape) for view in crops} == {(10, 32, 32, 3)}
    ((images, _),) = batches.views("test", lambda image: resize_whole(image, 64))
    assert {tuple(view.shape) for view in images} == {(64, 64, 3)}
    assert torch.equal(images[7], torch.from_numpy(resize_whole(photographs.load("test", 7), 64)))
