"""Which images a run sees, in which order, and what is subtracted from them."""

from collections.abc import Callable

import pytest
import torch
from errors import refused

from replication.data.store import Store
from replication.tasks.batches import derived_seed
from replication.tasks.cifar.feed import CifarBatches
from replication.tasks.cifar.recipe import CifarRecipe

Recipes = Callable[..., CifarRecipe]
Maker = Callable[..., CifarBatches]


def test_each_epoch_has_every_image_once(make_recipe: Recipes, make_batches: Maker) -> None:
    batches = make_batches(make_recipe())
    order = torch.cat([batches.indices(i) for i in range(18)]).reshape(3, 96)  # 6 batches an epoch
    for epoch in order:
        assert sorted(epoch.tolist()) == list(range(96))
    assert not torch.equal(order[0], order[1])
    assert not torch.equal(order[1], order[2])


def test_a_batch_takes_the_last_images_of_one_epoch_and_the_first_of_the_next(
    make_recipe: Recipes, make_batches: Maker
) -> None:
    batches = make_batches(make_recipe(train_images=40))  # two and a half batches
    order = torch.cat([batches.indices(i) for i in range(5)])
    assert all(len(batches.indices(i)) == 16 for i in range(5))
    assert sorted(order[:40].tolist()) == sorted(order[40:].tolist()) == list(range(40))


def test_a_batch_may_be_larger_than_the_data_set(make_recipe: Recipes, make_batches: Maker) -> None:
    batches = make_batches(make_recipe(train_images=6, bn_group=16))
    order = torch.cat([batches.indices(i) for i in range(3)])
    assert [sorted(epoch.tolist()) for epoch in order.split(6)] == [list(range(6))] * 8


@pytest.mark.parametrize("iteration", [0, 3, 6, 700])
def test_a_batch_depends_on_seed_and_iteration_alone(make_recipe: Recipes, make_batches: Maker, iteration: int) -> None:
    used, fresh = (make_batches(make_recipe(train_images=40)) for _ in range(2))
    for earlier in (1, 900, 2, 2):
        used.training(earlier)
        torch.rand(earlier)
    for left, right in zip(used.training(iteration), fresh.training(iteration), strict=True):
        assert torch.equal(left, right)


def one_image(make_recipe: Recipes, **changes: int) -> CifarRecipe:
    """A data set of one image, so that batches differ by their crops alone."""
    return make_recipe(train_images=1, augmentation={"zero": "before_mean"}, **changes)


def test_another_seed_gives_another_order_and_other_crops(make_recipe: Recipes, make_batches: Maker) -> None:
    first, other = (make_batches(make_recipe(seed=seed)) for seed in (0, 1))
    assert not torch.equal(first.indices(0), other.indices(0))
    crops = [make_batches(one_image(make_recipe, seed=seed)).training(0)[0] for seed in (0, 1)]
    assert not torch.equal(crops[0], crops[1])


def test_an_image_is_cropped_anew_in_each_epoch(make_recipe: Recipes, make_batches: Maker) -> None:
    batches = make_batches(one_image(make_recipe))
    assert not torch.equal(batches.training(0)[0], batches.training(1)[0])
    assert len(batches.training(0)[0].flatten(1).unique(dim=0)) > 5


def test_the_streams_of_one_seed_differ() -> None:
    seeds = {derived_seed(seed, stream, index) for seed in range(3) for stream in range(3) for index in range(50)}
    assert len(seeds) == 3 * 3 * 50


def test_labels_belong_to_their_images(store: Store, make_recipe: Recipes, make_batches: Maker) -> None:
    recipe = make_recipe(augmentation={"pad": 0, "mirror": False})
    batches = make_batches(recipe)
    images, labels = batches.training(4)
    chosen = batches.indices(4)
    assert torch.equal(labels, store.train_labels[chosen])
    restored = (images * 255 + batches.mean).round().to(torch.uint8)
    assert torch.equal(restored, store.train_images[chosen])


def test_the_mean_is_per_pixel_over_the_training_images_in_use_only(
    store: Store, make_recipe: Recipes, make_batches: Maker
) -> None:
    batches = make_batches(make_recipe(train_images=40))
    expected = store.train_images[:40].double().mean(0, keepdim=True)
    assert batches.mean.shape == (1, 3, 8, 8)
    torch.testing.assert_close(batches.mean.double(), expected, rtol=1e-6, atol=1e-5)
    assert not torch.allclose(batches.mean, make_batches(make_recipe()).mean)


def test_what_is_not_trained_on_is_held_out(store: Store, make_recipe: Recipes, make_batches: Maker) -> None:
    batches = make_batches(make_recipe(train_images=90))
    ((images, labels),) = batches.single_view("heldout")
    assert torch.equal(images, batches.normalise(store.train_images[90:]))
    assert torch.equal(labels, store.train_labels[90:])
    assert batches.heldout_count == 6
    assert int(torch.cat([batches.indices(i) for i in range(60)]).max()) == 89
    assert make_batches(make_recipe()).heldout_count == 0


def test_the_test_images_are_those_of_the_store(store: Store, make_recipe: Recipes, make_batches: Maker) -> None:
    batches = make_batches(make_recipe())
    ((images, labels),) = batches.single_view("test")
    assert torch.equal(images, batches.normalise(store.test_images))
    assert torch.equal(labels, store.test_labels)
    assert batches.test_count == 40


def test_padding_after_the_mean_is_exactly_zero(make_recipe: Recipes, make_batches: Maker) -> None:
    recipe = make_recipe(augmentation={"pad": 4, "mirror": False, "zero": "after_mean"}, train_images=1)
    images, _ = make_batches(recipe).training(0)
    # One image is its own mean: it vanishes, and so must the padding.
    assert not images.any()


def test_padding_before_the_mean_becomes_minus_the_mean(make_recipe: Recipes, make_batches: Maker) -> None:
    recipe = make_recipe(augmentation={"pad": 8, "mirror": False, "zero": "before_mean"}, train_images=1)
    batches = make_batches(recipe)
    images = torch.cat([batches.training(i)[0] for i in range(8)])
    padded_rows = [image for image in images if torch.allclose(image[:, :4], (-batches.mean / 255)[0, :, :4])]
    assert len(padded_rows) > 10


@pytest.mark.parametrize("zero", ["after_mean", "before_mean"])
def test_a_training_batch_is_channels_last(make_recipe: Recipes, make_batches: Maker, zero: str) -> None:
    images, _ = make_batches(make_recipe(augmentation={"zero": zero})).training(0)
    assert images.dtype == torch.float32
    assert images.is_contiguous(memory_format=torch.channels_last)


def test_images_outside_training_are_the_original_view_less_the_mean(
    store: Store, make_recipe: Recipes, make_batches: Maker
) -> None:
    batches = make_batches(make_recipe())
    plain = batches.normalise(store.test_images)
    torch.testing.assert_close(plain, (store.test_images.float() - batches.mean) / 255)
    assert plain.is_contiguous(memory_format=torch.channels_last)


def test_images_of_another_size_lose_the_mean_image_rescaled_to_it(make_recipe: Recipes, make_batches: Maker) -> None:
    batches = make_batches(make_recipe())
    batches.mean = torch.arange(8.0).expand(1, 3, 8, 8)  # rises to the right
    plain = batches.normalise(torch.full((2, 3, 16, 24), 51, dtype=torch.uint8))
    assert plain.shape == (2, 3, 16, 24)
    rescaled = 51 - 255 * plain[0, 0, 0]
    torch.testing.assert_close(rescaled[1:-1], (torch.arange(24) / 3 - 1 / 3)[1:-1], rtol=0, atol=1e-4)


@pytest.mark.parametrize("ranks", [2, 4])
@pytest.mark.parametrize("zero", ["after_mean", "before_mean"])
def test_the_shares_of_several_processes_are_the_batch_of_one(
    make_recipe: Recipes, make_batches: Maker, ranks: int, zero: str
) -> None:
    recipe = make_recipe(bn_group=4, augmentation={"zero": zero})
    images, labels = make_batches(recipe).training(5)
    parts = [make_batches(recipe, rank, ranks).training(5) for rank in range(ranks)]
    assert [len(part) for _, part in parts] == [16 // ranks] * ranks
    assert torch.equal(torch.cat([part for part, _ in parts]), images)
    assert torch.equal(torch.cat([part for _, part in parts]), labels)


def test_more_training_images_than_there_are_is_refused(make_recipe: Recipes, make_batches: Maker) -> None:
    with refused("invalid", "97", "96", key="train_images"):
        make_batches(make_recipe(train_images=97))
