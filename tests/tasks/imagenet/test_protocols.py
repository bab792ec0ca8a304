"""The test protocols of section 3.4, against nets and images whose scores can be worked out by hand."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from replication.data.store import Store
from replication.nets.by_name import build
from replication.tasks.classification import ClassOutcome, count_top1_errors
from replication.tasks.imagenet.evaluate import centre_crop, fully_convolutional, slide, ten_crop
from replication.tasks.imagenet.feed import PhotographBatches
from replication.tasks.imagenet.recipe import ImagenetRecipe

Recipes = Callable[..., ImagenetRecipe]
CPU = torch.device("cpu")


class Photographs:
    """Test images of any shapes; class i is image i."""

    in_memory = True
    colour_covariance = torch.eye(3)

    def __init__(self, store: Store, images: list[Image.Image], size: int, mean: float = 0.0):
        self.meta = replace(store.meta, classes=[str(i) for i in range(max(len(images), 4))])
        self.train_labels, self.test_labels = torch.zeros(8, dtype=torch.int64), torch.arange(len(images))
        self.images, self.mean = images, torch.full((3, size, size), mean)

    def load(self, split: str, index: int) -> Image.Image:
        return self.images[index]


class FirstPixel(nn.Module):
    """Scores of class 0 are the red of the first pixel; of class 1 that of the last pixel; of the rest 0."""

    def forward(self, images: Tensor) -> Tensor:
        red = images[:, 0]
        return torch.stack([red[:, 0, 0], red[:, -1, -1], *[torch.zeros(len(red))] * 2], dim=1)


@pytest.fixture
def batches_of(photographs: Store, make_imagenet_recipe: Recipes) -> Callable[..., PhotographBatches]:
    """`batches_of([image, …], test={…})`: batches whose test split is these images."""

    def make(images: list[Image.Image], **changes: object) -> PhotographBatches:
        recipe = make_imagenet_recipe(**{"train_images": 8} | changes)
        return PhotographBatches(Photographs(photographs, images, recipe.input_size), recipe, CPU)

    return make


def grey(levels: np.ndarray) -> Image.Image:
    return Image.fromarray(np.repeat(levels.astype(np.uint8)[:, :, None], 3, axis=2))


def softmax(scores: np.ndarray) -> np.ndarray:
    e = np.exp(scores)
    return e / e.sum(-1, keepdims=True)


# --- fully convolutional


@pytest.mark.parametrize("net", ["plain-18", "resnet-34-A", "resnet-18-C", "resnet-50"])
@pytest.mark.parametrize("size", [32, 64])
def test_the_dense_form_at_the_training_size_is_the_net_itself(net: str, size: int) -> None:
    module = build(net, 5, seed=1).eval()
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(slide(module, images, size // 32), module(images), rtol=1e-4, atol=1e-5)


def test_the_dense_form_at_224_is_the_crop_form() -> None:
    module = build("resnet-18-A", 10, seed=1).eval()
    images = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert avg_pool2d(module.maps(images), 7, stride=1).shape[2:] == (1, 1)
        torch.testing.assert_close(slide(module, images, 7), module(images), rtol=1e-4, atol=1e-5)


def test_the_dense_form_of_a_larger_image_averages_the_scores_of_all_places() -> None:
    module = build("resnet-18-A", 5, seed=1).eval()
    images = torch.randn(2, 3, 96, 128, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        maps = module.maps(images)
        assert maps.shape[2:] == (3, 4)
        places = [module.fc(maps[:, :, y : y + 2, x : x + 2].mean((2, 3))) for y in (0, 1) for x in (0, 1, 2)]
        torch.testing.assert_close(slide(module, images, 2), sum(places) / 6, rtol=1e-4, atol=1e-5)


def test_multi_scale_averages_the_probabilities_of_each_scale_for_photographs_of_any_shape(
    batches_of: Callable[..., PhotographBatches],
) -> None:
    random = np.random.default_rng(0)
    shapes = [(40, 60), (50, 40), (40, 60), (44, 44), (50, 40)]
    images = [Image.fromarray(random.integers(0, 256, (*shape, 3), dtype=np.uint8)) for shape in shapes]
    module = build("resnet-18-A", 5, seed=1)
    scales = [32, 48, 64]
    together = fully_convolutional(module, batches_of(images, test={"scales": scales}))
    apart = [fully_convolutional(module, batches_of(images, test={"scales": [side]})) for side in scales]
    torch.testing.assert_close(together.probabilities, sum(s.probabilities for s in apart) / 3)
    assert together.labels.tolist() == [0, 1, 2, 3, 4]
    one = fully_convolutional(module, batches_of(images[3:4], test={"scales": scales}))
    torch.testing.assert_close(one.probabilities[0], together.probabilities[3])
    torch.testing.assert_close(together.probabilities.sum(1), torch.ones(5))


def test_mirror_images_are_averaged_in_if_the_recipe_says_so(batches_of: Callable[..., PhotographBatches]) -> None:
    random = np.random.default_rng(0)
    image = Image.fromarray(random.integers(0, 256, (40, 48, 3), dtype=np.uint8))
    mirror = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    module = build("resnet-18-A", 4, seed=1)
    plain = fully_convolutional(module, batches_of([image, mirror], test={"scales": [40], "mirrored": False}))
    both = fully_convolutional(module, batches_of([image], test={"scales": [40], "mirrored": True}))
    torch.testing.assert_close(both.probabilities[0], plain.probabilities.mean(0))


# --- 10 crops and the centre


def test_ten_crops_are_four_corners_and_the_centre_and_their_mirror_images(
    batches_of: Callable[..., PhotographBatches],
) -> None:
    # 36 x 40 pixels, crop 32: the net sees the red of the first and of the last pixel of each crop.
    levels = np.arange(36)[:, None] * 4 + np.arange(40)[None]
    batches = batches_of([grey(levels)], test={"shorter_side": 36, "scales": [36]})
    expected = []
    for top, left in [(0, 0), (0, 8), (4, 0), (4, 8), (2, 4)]:
        crop = levels[top : top + 32, left : left + 32] / 255
        for view in (crop, crop[:, ::-1]):
            expected.append(softmax(np.array([view[0, 0], view[-1, -1], 0, 0])))
    outcome = ten_crop(FirstPixel(), batches)
    np.testing.assert_allclose(outcome.probabilities[0], np.mean(expected, axis=0), rtol=1e-5)


def test_the_centre_crop_is_the_middle_and_what_the_curve_shows(
    batches_of: Callable[..., PhotographBatches],
) -> None:
    levels = np.arange(36)[:, None] * 4 + np.arange(40)[None]
    images = [grey(255 - levels), grey(levels), grey(levels.T), grey(levels // 2)]
    batches = batches_of(images, test={"shorter_side": 36, "scales": [36]})
    outcome = centre_crop(FirstPixel(), batches)
    crop = (255 - levels)[2:34, 4:36] / 255
    np.testing.assert_allclose(outcome.probabilities[0], softmax(np.array([crop[0, 0], crop[-1, -1], 0, 0])), rtol=1e-5)
    assert outcome.error() == 50.0, "images 0 and 1 have their own class first"
    assert count_top1_errors(FirstPixel(), batches, "test").metrics() == {"top1_error": 50.0}


def test_a_protocol_leaves_the_net_in_the_mode_in_which_it_was(batches_of: Callable[..., PhotographBatches]) -> None:
    net = build("plain-18", 4).train()
    before = net.bn1.running_mean.clone()
    ten_crop(net, batches_of([grey(np.full((40, 40), 99))]))
    assert net.training and torch.equal(net.bn1.running_mean, before)


# --- errors and ensembles


def test_top_5_error_counts_a_label_among_the_five_most_probable_classes() -> None:
    ranks = torch.tensor([[0, 1, 2, 3, 4, 5, 6], [6, 5, 4, 3, 2, 1, 0]])
    probabilities = torch.softmax(-ranks.float(), dim=1)  # class 0 is first for image 0, last for image 1
    for labels, top1, top5 in [([0, 6], 0, 0), ([4, 2], 100, 0), ([5, 1], 100, 100), ([0, 1], 50, 50)]:
        outcome = ClassOutcome(probabilities, torch.tensor(labels))
        assert outcome.metrics() == {"top1_error": top1, "top5_error": top5}


def test_top_5_of_four_classes_is_never_wrong() -> None:
    assert ClassOutcome(torch.eye(4), torch.tensor([1, 2, 3, 0])).error(5) == 0


def test_an_ensemble_averages_probabilities_and_may_be_better_than_each_member() -> None:
    labels = torch.tensor([0, 1])
    first = ClassOutcome(torch.tensor([[0.9, 0.1, 0.0], [0.5, 0.4, 0.1]]), labels)
    second = ClassOutcome(torch.tensor([[0.4, 0.1, 0.5], [0.1, 0.8, 0.1]]), labels)
    joined = ClassOutcome.average([first, second])
    torch.testing.assert_close(joined.probabilities, torch.tensor([[0.65, 0.1, 0.25], [0.3, 0.6, 0.1]]))
    assert (first.error(), second.error(), joined.error()) == (50.0, 50.0, 0.0)
    assert ClassOutcome.average([first]).error() == first.error()


def test_members_that_saw_other_images_are_refused() -> None:
    members = [ClassOutcome(torch.eye(2), torch.tensor(labels)) for labels in ([0, 1], [1, 0])]
    with pytest.raises(ValueError, match="images"):
        ClassOutcome.average(members)
