"""The error of a net on the single original view, and batch-norm statistics for it."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor, nn

from replication.data.annotations import label_images
from replication.data.store import Store
from replication.nets.by_name import build
from replication.tasks.batches import Batches, Split
from replication.tasks.cifar.feed import CifarBatches
from replication.tasks.cifar.recipe import CifarRecipe
from replication.tasks.classification import count_top1_errors
from replication.tasks.inference import fold_batch_norm, recompute_bn_statistics
from replication.tasks.outcome import ErrorCount

Recipes = Callable[..., CifarRecipe]
Maker = Callable[..., Batches]
Tested = Callable[[list[int], list[int]], Batches]


def top1_error(net: nn.Module, batches: Batches, split: Split = "test") -> float:
    """The error that the curve shows, percent."""
    return count_top1_errors(net, batches, split).metrics()["top1_error"]


class Brightest(nn.Module):
    """Answers with the channel that is brightest; remembers what it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Tensor] = []
        self.modes: list[bool] = []

    def __deepcopy__(self, _: object) -> "Brightest":
        copied = Brightest()
        copied.seen, copied.modes = self.seen, self.modes  # what a copy of it saw, it saw
        return copied

    def forward(self, images: Tensor) -> Tensor:
        self.seen.append(images)
        self.modes.append(self.training)
        return images.mean((2, 3))


@pytest.fixture
def tested(store: Store, make_recipe: Recipes) -> Tested:
    """`tested(labels, answers)`: batches whose test images get these answers of `Brightest`."""

    def batches(labels: list[int], answers: list[int]) -> Batches:
        images = torch.full((len(labels), 3, 8, 8), 100, dtype=torch.uint8)
        for image, answer in zip(images, answers, strict=True):
            image[answer] = 250
        changed = replace(store, test_images=images, test_annotations=label_images(labels))
        return CifarBatches(changed, make_recipe(), torch.device("cpu"))

    return batches


def test_the_error_is_the_percentage_of_wrong_answers(tested: Tested) -> None:
    assert top1_error(Brightest(), tested([0, 1, 2, 0], [0, 1, 2, 0])) == 0
    assert top1_error(Brightest(), tested([0, 1, 2, 0], [1, 2, 0, 1])) == 100
    assert top1_error(Brightest(), tested([0, 1, 2, 0], [0, 1, 2, 1])) == 25


@pytest.mark.parametrize("count", [499, 500, 501, 1203])
def test_every_image_counts_once_whatever_their_number(tested: Tested, count: int) -> None:
    wrong = [index for index in range(count) if index % 7 == 0 or index == count - 1]
    batches = tested([0] * count, [int(index in wrong) for index in range(count)])
    net = Brightest()
    assert top1_error(net, batches) == pytest.approx(100 * len(wrong) / count)
    assert sum(len(images) for images in net.seen) == count


@pytest.mark.parametrize("held_out", [1, 36])
def test_the_error_on_held_out_images_counts_those_alone(
    store: Store, make_recipe: Recipes, make_batches: Maker, held_out: int
) -> None:
    batches, net = make_batches(make_recipe(train_images=96 - held_out)), Brightest()
    error = top1_error(net, batches, "heldout")
    (images,) = net.seen
    assert torch.equal(images, batches.normalise(store.train_images[-held_out:]))
    right = images.mean((2, 3)).argmax(1) == store.train_labels[-held_out:]
    assert error == pytest.approx(100 * (1 - right.float().mean().item()))


@pytest.mark.parametrize("split", ["test", "heldout"])
@pytest.mark.parametrize("ranks", [2, 3])
def test_processes_share_a_split_and_count_each_image_once(
    store: Store, make_recipe: Recipes, split: str, ranks: int
) -> None:
    changes = {}
    for part in ("train", "test"):
        images, labels = (getattr(store, f"{part}_{kind}").repeat_interleave(30, 0) for kind in ("images", "labels"))
        changes |= {f"{part}_images": images, f"{part}_annotations": label_images(labels)}
    many = replace(store, **changes)
    recipe, cpu = make_recipe(train_images=1680), torch.device("cpu")  # 1,200 images to test on, 1,200 held out
    alone, together = Brightest(), Brightest()
    whole = count_top1_errors(alone, CifarBatches(many, recipe, cpu), split)
    parts = [count_top1_errors(together, CifarBatches(many, recipe, cpu, rank, ranks), split) for rank in range(ranks)]
    assert ErrorCount.merge(parts) == whole
    assert whole.images == 1200 and whole.wrong > 0
    assert all(part.wrong > 0 for part in parts)
    assert sum(len(images) for images in together.seen) == 1200


def test_a_net_sees_the_original_view_less_the_mean_in_evaluation_mode(
    store: Store, make_recipe: Recipes, make_batches: Maker
) -> None:
    batches, net = make_batches(make_recipe()), Brightest().train()
    top1_error(net, batches)
    assert net.modes == [False]
    assert net.training
    assert torch.equal(net.seen[0], batches.normalise(store.test_images))
    top1_error(net.eval(), batches)
    assert not net.training


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_measuring_changes_nothing_in_the_net(make_recipe: Recipes, make_batches: Maker, precision: str) -> None:
    batches, net = make_batches(make_recipe(precision=precision)), build("resnet-8", 4).train()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    errors = {top1_error(net, batches) for _ in range(3)}
    assert len(errors) == 1
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())


@pytest.mark.parametrize("name", ["plain-20", "resnet-20", "resnet-18-C", "resnet-50", "vgg-16"])
def test_a_net_with_its_batch_norm_folded_gives_the_scores_of_the_net(name: str) -> None:
    net = build(name, 4).eval()
    norms = [layer for layer in net.modules() if isinstance(layer, nn.BatchNorm2d)]
    for layer in norms:
        nn.init.normal_(layer.running_mean, std=0.1)
        for positive in (layer.running_var, layer.weight):
            nn.init.uniform_(positive, 0.5, 1.5)
    images = torch.randn(2, 3, 32, 32)
    tested = fold_batch_norm(net)
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in tested.modules())
    with torch.inference_mode():
        torch.testing.assert_close(tested(images), net(images), rtol=1e-3, atol=1e-3)
    assert len(norms) == sum(isinstance(layer, nn.BatchNorm2d) for layer in net.modules())


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_convolutions_compute_in_the_precision_of_the_recipe(
    make_recipe: Recipes, make_batches: Maker, precision: str, dtype: torch.dtype
) -> None:
    batches, net = make_batches(make_recipe(precision=precision)), build("plain-8", 4)
    seen: set[torch.dtype] = set()
    net.conv1.register_forward_hook(lambda _, __, maps: seen.add(maps.dtype))
    top1_error(net, batches)
    assert seen == {dtype}
    assert net.conv1.weight.dtype == torch.float32


def test_recomputed_statistics_are_plain_averages_over_groups_of_training_images(
    make_recipe: Recipes, make_batches: Maker
) -> None:
    batches, net = make_batches(make_recipe()), build("resnet-8", 4)
    net.bn1.running_mean.fill_(77)
    recompute_bn_statistics(net, batches, groups=6)
    groups = [group for i in range(3) for group in batches.training(i)[0].split(8)]
    with torch.no_grad():
        maps = [net.conv1(group).transpose(0, 1).flatten(1) for group in groups]
    torch.testing.assert_close(net.bn1.running_mean, torch.stack([m.mean(1) for m in maps]).mean(0))
    torch.testing.assert_close(net.bn1.running_var, torch.stack([m.var(1) for m in maps]).mean(0))
    assert {int(norm.num_batches_tracked) for norm in net.modules() if isinstance(norm, nn.BatchNorm2d)} == {6}


def test_recomputing_statistics_changes_no_weight_and_keeps_the_momentum(
    make_recipe: Recipes, make_batches: Maker
) -> None:
    net = build("resnet-8", 4)
    before = [parameter.clone() for parameter in net.parameters()]
    recompute_bn_statistics(net, make_batches(make_recipe()), groups=4)
    assert all(torch.equal(old, new) for old, new in zip(before, net.parameters(), strict=True))
    assert {norm.momentum for norm in net.modules() if isinstance(norm, nn.BatchNorm2d)} == {0.1}


def test_recomputing_statistics_draws_no_random_number_of_the_process() -> None:
    """GoogLeNet has dropout, behind its last batch norm."""
    net, ends = build("googlenet", 4), []
    images = torch.rand(2, 4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    recipe = SimpleNamespace(schedule=SimpleNamespace(batch_size=4), bn_group=2, precision="fp32")
    batches = SimpleNamespace(recipe=recipe, device=torch.device("cpu"), training=lambda at: (images[at], None))
    for seed in (0, 1):
        state = torch.manual_seed(seed).get_state()
        recompute_bn_statistics(net, batches, groups=4)
        assert torch.equal(torch.get_rng_state(), state)
        ends.append([buffer.clone() for buffer in net.buffers()])
    assert all(map(torch.equal, *ends))
