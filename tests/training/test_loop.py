"""The training loop against computation by hand."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from replication.runs.curve import last_value, select
from replication.tasks.batches import Batches
from replication.tasks.cifar.recipe import CifarRecipe
from replication.tasks.classification import count_top1_errors
from replication.training.loop import iterate
from replication.training.schedule import has_warmup
from replication.training.state import State

Recipes = Callable[..., CifarRecipe]
Maker = Callable[[CifarRecipe], Batches]
Fit = Callable[..., State]
Interrupt = Callable[[CifarRecipe, int, Callable[[], object]], Batches]

CPU = torch.device("cpu")
NO_DROPS = {"drops": []}


# --- learning


@pytest.mark.parametrize(("net", "precision"), [("resnet-8", "fp32"), ("plain-8", "bf16")])
def test_a_net_learns_what_can_be_learnt(make_recipe: Recipes, fit: Fit, net: str, precision: str) -> None:
    state = fit(make_recipe(net=net, precision=precision))
    losses = list(select(state.curve, "train", "loss").values())
    assert losses[-1] < losses[0] / 2
    assert last_value(state.curve, "train", "error") < 20
    assert last_value(state.curve, "test", "top1_error") < 40  # chance: 75


def by_hand(recipe: CifarRecipe, batches: Batches, steps: int) -> list[Tensor]:
    """SGD with momentum on the mean over groups of each group's mean gradient, written out."""
    net = State.start(recipe, 4, CPU).net.train()
    weights, options = list(net.parameters()), recipe.optimiser
    velocity = [torch.zeros_like(weight) for weight in weights]
    for iteration in range(steps):
        images, labels = batches.training(iteration)
        groups = len(labels) // recipe.bn_group
        gradient = [torch.zeros_like(weight) for weight in weights]
        for group in range(groups):
            part = slice(group * recipe.bn_group, (group + 1) * recipe.bn_group)
            loss = cross_entropy(net(images[part]), labels[part])
            for total, share in zip(gradient, torch.autograd.grad(loss, weights), strict=True):
                total += share / groups
        with torch.no_grad():
            for weight, v, g in zip(weights, velocity, gradient, strict=True):
                decays = options.weight_decay_scope == "all" or weight.ndim > 1
                g += options.weight_decay * weight * decays
                v.mul_(options.momentum).add_(g)
                weight -= recipe.schedule.learning_rate * (g + options.momentum * v if options.nesterov else v)
    return weights + [buffer.float() for buffer in net.buffers()]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"bn_group": 16},
        {"bn_group": 4},
        {"optimiser": {"weight_decay": 0.3}},
        {"optimiser": {"weight_decay": 0.3, "weight_decay_scope": "weights"}},
        {"optimiser": {"nesterov": True}},
        {"optimiser": {"momentum": 0.0}},
    ],
    ids=str,
)
def test_three_steps_are_those_of_sgd_over_batch_norm_groups(
    make_recipe: Recipes, make_batches: Maker, fit: Fit, changes: dict[str, Any]
) -> None:
    recipe = make_recipe(schedule={"iterations": 3, "drops": []}, **changes)
    state = fit(recipe)
    trained = [*state.net.parameters(), *(buffer.float() for buffer in state.net.buffers())]
    for left, right in zip(trained, by_hand(recipe, make_batches(recipe), 3), strict=True):
        torch.testing.assert_close(left, right, rtol=1e-3, atol=1e-5)


def test_the_batch_norm_group_and_the_decay_change_the_result(make_recipe: Recipes, fit: Fit) -> None:
    schedule = {"iterations": 3, "drops": []}
    variants = [
        {},
        {"bn_group": 16},
        {"optimiser": {"weight_decay": 0.3}},
        {"optimiser": {"weight_decay": 0.3, "weight_decay_scope": "weights"}},
        {"optimiser": {"nesterov": True}},
    ]
    nets = [fit(make_recipe(schedule=schedule, **variant)).net for variant in variants]
    results = [torch.cat([parameter.flatten() for parameter in net.parameters()]) for net in nets]
    for index, left in enumerate(results):
        assert not any(torch.allclose(left, right, rtol=1e-3, atol=1e-5) for right in results[:index])


@pytest.mark.parametrize(("scope", "groups"), [("all", [2]), ("weights", [2, 1])])
def test_weight_decay_falls_on_all_parameters_or_on_weights_only(
    make_recipe: Recipes, scope: str, groups: list[int]
) -> None:
    state = State.start(make_recipe(optimiser={"weight_decay_scope": scope, "weight_decay": 0.5}), 4, CPU)
    decays = {id(p): g["weight_decay"] for g in state.optimizer.param_groups for p in g["params"]}
    assert len(state.optimizer.param_groups) == len(groups)
    for name, parameter in state.net.named_parameters():
        is_weight = name == "fc.weight" or ".conv" in f".{name}"
        assert decays.pop(id(parameter)) == (0.5 if scope == "all" or is_weight else 0.0)
    assert not decays


def test_the_seed_decides_the_whole_training(make_recipe: Recipes, fit: Fit, tmp_path: Path) -> None:
    first, again, other = (
        fit(make_recipe(seed=seed, schedule={"iterations": 20, "drops": []}), tmp_path / name)
        for name, seed in (("a", 3), ("b", 3), ("c", 4))
    )
    assert first.curve == again.curve
    assert all(torch.equal(p, q) for p, q in zip(first.net.parameters(), again.net.parameters(), strict=True))
    assert first.curve != other.curve


def test_initialisation_and_data_order_can_be_seeded_apart(make_recipe: Recipes, make_batches: Maker) -> None:
    """Both follow `seed` unless they have one of their own."""
    usual, weights, order = make_recipe(seed=3), make_recipe(seed=4, weights_seed=3), make_recipe(seed=4, order_seed=3)
    seen = [make_batches(recipe).training(5)[0] for recipe in (usual, weights, order)]
    assert torch.equal(seen[0], seen[2]) and not torch.equal(seen[0], seen[1])
    starts = [State.start(recipe, 4, CPU).net.conv1.weight for recipe in (usual, weights, order)]
    assert torch.equal(starts[0], starts[1]) and not torch.equal(starts[0], starts[2])
    assert torch.equal(make_batches(weights).training(5)[0], make_batches(make_recipe(seed=4)).training(5)[0])


def test_with_the_rate_inside_the_momentum_a_drop_leaves_the_last_step_as_long_as_it_was(
    make_recipe: Recipes, make_batches: Maker
) -> None:
    """u = m u + rate g, w = w - u, written out, over a drop of the rate; and that a drop makes the difference."""
    changes = {"schedule": {"iterations": 6, "drops": [3]}, "bn_group": 16}
    recipe = make_recipe(optimiser={"rate_in_momentum": True}, **changes)
    batches, options = make_batches(recipe), recipe.optimiser
    net = State.start(recipe, 4, CPU).net.train()
    weights = list(net.parameters())
    steps = [torch.zeros_like(weight) for weight in weights]
    ends = {}
    for iteration in range(6):
        images, labels = batches.training(iteration)
        gradient = torch.autograd.grad(cross_entropy(net(images), labels), weights)
        rate = recipe.schedule.learning_rate * (0.1 if iteration >= 3 else 1)
        with torch.no_grad():
            for weight, u, g in zip(weights, steps, gradient, strict=True):
                u.mul_(options.momentum).add_(rate * (g + options.weight_decay * weight))
                weight -= u
    for inside in (True, False):
        state = State.start(recipe, 4, CPU)
        list(iterate(state, make_recipe(optimiser={"rate_in_momentum": inside}, **changes), batches))
        ends[inside] = list(state.net.parameters())
    for weight, inside, outside in zip(weights, ends[True], ends[False], strict=True):
        torch.testing.assert_close(inside, weight, rtol=1e-3, atol=1e-5)
        assert not torch.allclose(outside, weight, rtol=1e-3, atol=1e-5)


# --- the loop as a generator


def test_each_iteration_is_yielded_with_the_points_that_it_added_to_the_curve(
    make_recipe: Recipes, make_batches: Maker
) -> None:
    recipe = make_recipe(schedule={"iterations": 20, "drops": []})
    state, seen = State.start(recipe, 4, CPU), []
    for points in iterate(state, recipe, make_batches(recipe)):
        seen.append(state.iteration)
        assert points == [point for point in state.curve if point.iteration == state.iteration]
        assert bool(points) == (state.iteration in (8, 16, 20))
    assert seen == list(range(1, 21))
    assert list(dict.fromkeys(point.iteration for point in state.curve)) == [8, 16, 20]


def test_a_loop_that_is_left_between_two_iterations_is_continued_bit_for_bit(
    make_recipe: Recipes, make_batches: Maker
) -> None:
    recipe = make_recipe(schedule={"iterations": 20, "drops": []})
    whole, parts = State.start(recipe, 4, CPU), State.start(recipe, 4, CPU)
    for state, stops in ((whole, [20]), (parts, [3, 11, 12, 20])):
        for stop in stops:
            for _ in iterate(state, recipe, make_batches(recipe)):
                if state.iteration == stop:
                    break
    assert whole.curve == parts.curve
    assert all(torch.equal(p, q) for p, q in zip(whole.net.parameters(), parts.net.parameters(), strict=True))


# --- the curve


def test_the_curve_has_training_points_each_log_every_and_errors_each_evaluate_every(
    make_recipe: Recipes, fit: Fit
) -> None:
    curve = fit(make_recipe(train_images=90, schedule={"iterations": 44, "drops": [20]})).curve
    for metric in ("learning_rate", "loss", "error"):
        assert list(select(curve, "train", metric)) == [8, 16, 24, 32, 40, 44]
    for split in ("test", "heldout"):
        assert list(select(curve, split, "top1_error")) == [16, 32, 44]  # the last iteration always
    assert len(curve) == 3 * 6 + 2 * 3, "nothing else, and nothing twice"
    assert list(select(curve, "train", "learning_rate").values()) == [0.05, 0.05, 0.005, 0.005, 0.005, 0.005]


def test_nothing_held_out_leaves_its_error_out(make_recipe: Recipes, fit: Fit) -> None:
    assert {point.split for point in fit(make_recipe()).curve} == {"train", "test"}


def test_the_last_points_have_the_errors_of_the_final_net(make_recipe: Recipes, make_batches: Maker, fit: Fit) -> None:
    recipe = make_recipe(train_images=80)
    state, batches = fit(recipe), make_batches(recipe)
    for split in ("test", "heldout"):
        error = count_top1_errors(state.net, batches, split).metrics()["top1_error"]
        assert select(state.curve, split, "top1_error")[recipe.schedule.iterations] == round(error, 4)


def test_a_point_averages_the_iterations_since_the_last_and_logging_changes_no_weight(
    make_recipe: Recipes, fit: Fit
) -> None:
    schedule = {"iterations": 20, "drops": []}
    fine = fit(make_recipe(schedule=schedule, logging={"log_every": 1, "evaluate_every": 1}))
    coarse = fit(make_recipe(schedule=schedule, logging={"log_every": 8, "evaluate_every": 16}))
    for metric in ("loss", "error"):
        each = list(select(fine.curve, "train", metric).values())
        means = {stop: sum(each[start:stop]) / (stop - start) for start, stop in ((0, 8), (8, 16), (16, 20))}
        assert select(coarse.curve, "train", metric) == pytest.approx(means, abs=1e-3)
    for left, right in zip(fine.net.state_dict().values(), coarse.net.state_dict().values(), strict=True):
        assert torch.equal(left, right)


def test_the_first_point_has_the_error_of_the_fresh_net_on_its_training_batch(
    make_recipe: Recipes, make_batches: Maker, fit: Fit
) -> None:
    logging = {"log_every": 1, "evaluate_every": 1}
    recipe = make_recipe(bn_group=16, schedule={"iterations": 1, "drops": []}, logging=logging)
    curve = fit(recipe).curve
    images, labels = make_batches(recipe).training(0)
    with torch.no_grad():
        scores = State.start(recipe, 4, CPU).net.train()(images)
    assert select(curve, "train", "error")[1] == 100 * (scores.argmax(1) != labels).float().mean().item()
    assert select(curve, "train", "loss")[1] == pytest.approx(cross_entropy(scores, labels).item(), abs=1e-5)


# --- warm-up


def test_a_warmup_ends_once_the_error_over_its_window_is_below_the_bound(make_recipe: Recipes, fit: Fit) -> None:
    recipe = make_recipe(
        schedule=NO_DROPS,
        warmup={"from_depth": 8, "learning_rate": 0.02, "until_train_error_below": 40, "window": 4},
        logging={"log_every": 1, "evaluate_every": 64},
    )
    state = fit(recipe)
    errors = list(select(state.curve, "train", "error").values())
    learnt = next(i for i in range(4, 65) if sum(errors[i - 4 : i]) / 4 < 40)
    assert 4 < learnt < 64, "the bound must bite somewhere in the middle for this test to mean anything"
    assert state.warmup_ended_at == learnt
    rates = list(select(state.curve, "train", "learning_rate").values())
    assert rates == [0.02] * learnt + [0.05] * (64 - learnt)


def test_a_warmup_lasts_at_least_its_window(make_recipe: Recipes, fit: Fit) -> None:
    recipe = make_recipe(warmup={"from_depth": 8, "until_train_error_below": 99.9, "window": 10})
    assert fit(recipe).warmup_ended_at == 10


def test_a_warmup_that_never_ends_is_recorded_as_such(make_recipe: Recipes, fit: Fit) -> None:
    recipe = make_recipe(warmup={"from_depth": 8, "learning_rate": 1e-9, "until_train_error_below": 0.1})
    state = fit(recipe)
    assert state.warmup_ended_at is None
    assert set(select(state.curve, "train", "learning_rate").values()) == {1e-9}


def test_a_shallower_net_has_no_warmup(make_recipe: Recipes, fit: Fit) -> None:
    recipe = make_recipe(warmup={"from_depth": 14})
    assert not has_warmup(recipe)
    state = fit(recipe)
    assert state.warmup_ended_at is None
    assert select(state.curve, "train", "learning_rate")[8] == 0.05


def test_the_heldout_error_is_the_share_of_the_images_held_out(
    make_recipe: Recipes, make_batches: Maker, fit: Fit
) -> None:
    """16 are held out, and 40 tested: an error of the one is not in units of the other."""
    recipe = make_recipe(train_images=80, schedule={"iterations": 4, "drops": []})
    state, batches = fit(recipe), make_batches(recipe)
    assert (batches.heldout_count, batches.test_count) == (16, 40)
    for split, count in (("heldout", 16), ("test", 40)):
        net = state.net.eval()
        with torch.no_grad():
            wrong = sum(int((net(images).argmax(1) != labels).sum()) for images, labels in batches.single_view(split))
        assert wrong > 0 and last_value(state.curve, split) == pytest.approx(100 * wrong / count)
