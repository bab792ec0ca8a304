"""The training loop against computation by hand, and what it does when something goes wrong."""

import json
import math
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock
from torch import Tensor
from torch.nn.functional import cross_entropy

from pipeline.train import no_better_than_chance
from replication.data import Batches
from replication.errors import UserError
from replication.evaluation import top1_error
from replication.recipe import Recipe
from replication.training import warms_up
from replication.training.loop import Stopped
from replication.training.state import STATE, NonFiniteLoss, State

Recipes = Callable[..., Recipe]
Maker = Callable[[Recipe], Batches]
Fit = Callable[..., State]
Interrupt = Callable[[Recipe, int, Callable[[], object]], Batches]

CPU = torch.device("cpu")
NO_DROPS = {"drops": []}


def send(number: signal.Signals, times: int = 1) -> Callable[[], None]:
    """An action that sends this process a signal."""

    def action() -> None:
        for _ in range(times):
            os.kill(os.getpid(), number)

    return action


# --- learning


@pytest.mark.parametrize(("net", "precision"), [("resnet-8", "fp32"), ("plain-8", "bf16")])
def test_a_net_learns_what_can_be_learnt(make_recipe: Recipes, fit: Fit, net: str, precision: str) -> None:
    state = fit(make_recipe(net=net, precision=precision))
    first, last = state.curve[0], state.curve[-1]
    assert last["train_loss"] < first["train_loss"] / 2
    assert last["train_error"] < 20
    assert last["test_error"] < 40  # chance: 75


def by_hand(recipe: Recipe, batches: Batches, steps: int) -> list[Tensor]:
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
    found = [*state.net.parameters(), *(buffer.float() for buffer in state.net.buffers())]
    for left, right in zip(found, by_hand(recipe, make_batches(recipe), 3), strict=True):
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


# --- the curve


def test_the_curve_has_a_row_each_log_every_and_errors_each_evaluate_every(make_recipe: Recipes, fit: Fit) -> None:
    state = fit(make_recipe(train_images=90, schedule={"iterations": 44, "drops": [20]}))
    assert [row["iteration"] for row in state.curve] == [8, 16, 24, 32, 40, 44]
    measured = [row["iteration"] for row in state.curve if row["test_error"] is not None]
    assert measured == [16, 32, 44]  # the last iteration always
    assert measured == [row["iteration"] for row in state.curve if row["heldout_error"] is not None]
    assert [row["learning_rate"] for row in state.curve] == [0.05, 0.05, 0.005, 0.005, 0.005, 0.005]


def test_nothing_held_out_leaves_its_error_out(make_recipe: Recipes, fit: Fit) -> None:
    assert all(row["heldout_error"] is None for row in fit(make_recipe()).curve)


def test_the_last_row_has_the_errors_of_the_final_net(make_recipe: Recipes, make_batches: Maker, fit: Fit) -> None:
    recipe = make_recipe(train_images=80)
    state, batches = fit(recipe), make_batches(recipe)
    assert state.curve[-1]["test_error"] == round(top1_error(state.net, batches), 4)
    assert state.curve[-1]["heldout_error"] == round(top1_error(state.net, batches, "heldout"), 4)


def test_a_row_averages_the_iterations_since_the_last_and_logging_changes_no_weight(
    make_recipe: Recipes, fit: Fit
) -> None:
    schedule = {"iterations": 20, "drops": []}
    fine = fit(make_recipe(schedule=schedule, logging={"log_every": 1, "evaluate_every": 1}))
    coarse = fit(make_recipe(schedule=schedule, logging={"log_every": 8, "evaluate_every": 16}))
    for row, start, stop in zip(coarse.curve, (0, 8, 16), (8, 16, 20), strict=True):
        part = fine.curve[start:stop]
        for key in ("train_loss", "train_error"):
            assert row[key] == pytest.approx(sum(r[key] for r in part) / len(part), abs=1e-3)
    for left, right in zip(fine.net.state_dict().values(), coarse.net.state_dict().values(), strict=True):
        assert torch.equal(left, right)


def test_the_first_row_has_the_error_of_the_fresh_net_on_its_training_batch(
    make_recipe: Recipes, make_batches: Maker, fit: Fit
) -> None:
    logging = {"log_every": 1, "evaluate_every": 1}
    recipe = make_recipe(bn_group=16, schedule={"iterations": 1, "drops": []}, logging=logging)
    row = fit(recipe).curve[0]
    images, labels = make_batches(recipe).training(0)
    with torch.no_grad():
        scores = State.start(recipe, 4, CPU).net.train()(images)
    assert row["train_error"] == 100 * (scores.argmax(1) != labels).float().mean().item()
    assert row["train_loss"] == pytest.approx(cross_entropy(scores, labels).item(), abs=1e-5)


# --- warm-up


def test_a_warmup_ends_once_the_error_over_its_window_is_below_the_bound(make_recipe: Recipes, fit: Fit) -> None:
    recipe = make_recipe(
        schedule=NO_DROPS,
        warmup={"from_depth": 8, "learning_rate": 0.02, "until_train_error_below": 40, "window": 4},
        logging={"log_every": 1, "evaluate_every": 64},
    )
    state = fit(recipe)
    errors = [row["train_error"] for row in state.curve]
    learnt = next(i for i in range(4, 65) if sum(errors[i - 4 : i]) / 4 < 40)
    assert 4 < learnt < 64, "the bound must bite somewhere in the middle for this test to mean anything"
    assert state.warmup_ended_at == learnt
    rates = [row["learning_rate"] for row in state.curve]
    assert rates == [0.02] * learnt + [0.05] * (64 - learnt)


def test_a_warmup_lasts_at_least_its_window(make_recipe: Recipes, fit: Fit) -> None:
    recipe = make_recipe(warmup={"from_depth": 8, "until_train_error_below": 99.9, "window": 10})
    assert fit(recipe).warmup_ended_at == 10


def test_a_warmup_that_never_ends_is_recorded_as_such(make_recipe: Recipes, fit: Fit) -> None:
    recipe = make_recipe(warmup={"from_depth": 8, "learning_rate": 1e-9, "until_train_error_below": 0.1})
    state = fit(recipe)
    assert state.warmup_ended_at is None
    assert {row["learning_rate"] for row in state.curve} == {1e-9}


def test_a_shallower_net_has_no_warmup(make_recipe: Recipes, fit: Fit) -> None:
    recipe = make_recipe(warmup={"from_depth": 14})
    assert not warms_up(recipe)
    state = fit(recipe)
    assert state.warmup_ended_at is None
    assert state.curve[0]["learning_rate"] == 0.05


# --- a loss that is not finite


def exploding(make_recipe: Recipes, **logging: int) -> Recipe:
    return make_recipe(net="plain-8", schedule={"learning_rate": 1e30, "drops": []}, logging=logging)


@pytest.mark.parametrize("save_seconds", [0, 1e9])
def test_a_loss_that_is_not_finite_stops_the_run_at_the_next_row_with_its_iteration_and_the_remedy(
    make_recipe: Recipes, fit: Fit, interrupted: Interrupt, save_seconds: float
) -> None:
    def too_late() -> None:
        pytest.fail("the run went on after the row at iteration 8")

    recipe = exploding(make_recipe)
    with pytest.raises(NonFiniteLoss) as told:
        fit(recipe, batches=interrupted(recipe, 8, too_late), save_seconds=save_seconds)
    message = str(told.value)
    assert message.startswith("plain-8 · seed 0: ")
    assert any(f"iteration {number}" in message for number in range(1, 9))
    assert "Lower schedule.learning_rate" in message
    assert isinstance(told.value, UserError)


def test_the_last_good_state_is_kept_when_the_loss_explodes(make_recipe: Recipes, fit: Fit, tmp_path: Path) -> None:
    work = tmp_path / "work"
    with pytest.raises(NonFiniteLoss, match="the last good state is kept in") as told:
        fit(exploding(make_recipe), work, save_seconds=0)
    assert str(work) in str(told.value)
    kept = torch.load(work / STATE, weights_only=True)
    assert kept["iteration"] >= 1
    assert all(bool(torch.isfinite(value).all()) for value in kept["net"].values() if value.ndim > 1)
    assert all(math.isfinite(loss) for loss in kept["losses"])
    content = (work / STATE).read_bytes()
    with pytest.raises(NonFiniteLoss):
        fit(exploding(make_recipe), work, save_seconds=0)
    assert (work / STATE).read_bytes() == content


def test_a_training_saves_its_start_so_that_an_early_explosion_leaves_a_state_too(
    make_recipe: Recipes, fit: Fit, tmp_path: Path
) -> None:
    with pytest.raises(NonFiniteLoss, match="the last good state is kept in"):
        fit(exploding(make_recipe), tmp_path / "work", save_seconds=1e9)
    assert torch.load(tmp_path / "work" / STATE, weights_only=True)["iteration"] == 0


# --- stopping


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_to_stop_finishes_the_iteration_and_saves(
    make_recipe: Recipes, fit: Fit, interrupted: Interrupt, tmp_path: Path, number: signal.Signals
) -> None:
    recipe, before = make_recipe(), signal.getsignal(number)
    with pytest.raises(Stopped, match=r"stopped at iteration 21; the same command continues"):
        fit(recipe, tmp_path / "work", interrupted(recipe, 20, send(number)))
    assert torch.load(tmp_path / "work" / STATE, weights_only=True)["iteration"] == 21
    assert signal.getsignal(number) == before


def test_a_second_ctrl_c_acts_at_once(make_recipe: Recipes, fit: Fit, interrupted: Interrupt, tmp_path: Path) -> None:
    recipe = make_recipe()
    with pytest.raises(KeyboardInterrupt):
        fit(recipe, tmp_path / "work", interrupted(recipe, 20, send(signal.SIGINT, times=2)))
    assert torch.load(tmp_path / "work" / STATE, weights_only=True)["iteration"] == 0, "nothing was saved since"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_request_in_the_last_iteration_is_no_stop(make_recipe: Recipes, fit: Fit, interrupted: Interrupt) -> None:
    recipe = make_recipe()
    assert fit(recipe, batches=interrupted(recipe, 63, send(signal.SIGTERM))).iteration == 64


def test_only_one_process_trains_a_run(make_recipe: Recipes, fit: Fit, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    with FileLock(work / "lock"), pytest.raises(UserError, match="another process is training this run") as told:
        fit(make_recipe(), work)
    assert str(work / "lock") in str(told.value)
    assert not (work / STATE).exists()
    assert fit(make_recipe(), work).iteration == 64  # free again


def run_record(project: Any, net: str, seed: int) -> dict[str, Any]:
    return json.loads((project.folder / f"runs/cifar/{net}/seed-{seed}/run.json").read_text())


@pytest.mark.slow
def test_a_stage_that_is_stopped_exits_130_refuses_company_and_continues(project: Any) -> None:
    project.configure(schedule={"iterations": 400, "drops": []})
    command = ("train", "cifar", "resnet-8", "0")
    first = project.start(*command, REPLICATION_SAVE_SECONDS="0")
    state = project.wait_for_iteration(first, 10)
    first.send_signal(signal.SIGSTOP)
    second = project.run(*command)
    assert second.returncode == 1
    assert "another process is training this run" in second.stderr
    assert "Traceback" not in second.stderr
    first.send_signal(signal.SIGCONT)
    first.send_signal(signal.SIGTERM)
    _, err = first.communicate(timeout=60)
    assert first.returncode == 130
    assert "the same command continues from there" in err
    assert "Traceback" not in err
    reached = torch.load(state, weights_only=True)["iteration"]
    assert 10 <= reached < 400

    project.configure(schedule={"iterations": 8, "drops": []})
    other = project.run(*command)
    assert other.returncode == 0, other.stderr
    assert "continues" not in other.stderr
    assert run_record(project, "resnet-8", 0)["starts"] == 1
    assert state.exists(), "another recipe must neither use nor delete this state"

    project.configure(schedule={"iterations": 400, "drops": []})
    third = project.run(*command)
    assert third.returncode == 0, third.stderr
    assert f"continues from iteration {reached}" in third.stderr
    record = run_record(project, "resnet-8", 0)
    assert (record["starts"], record["status"]) == (2, "trained")
    assert record["recipe"]["schedule"]["iterations"] == 400
    assert not state.parent.exists()


# --- divergence


def finished(errors: list[float]) -> State:
    """A training of 100 iterations with these errors in its rows."""
    rows = [{"iteration": (i + 1) * 100 // len(errors), "train_error": error} for i, error in enumerate(errors)]
    return State(None, None, curve=rows)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("errors", "diverged"),
    [
        ([75.0] * 20, True),
        ([100.0] * 20, True),
        ([75.0] * 18 + [40.0, 40.0], False),
        ([10.0] * 18 + [75.0, 75.0], True),  # it had learnt, and lost it
        ([70.0] * 18 + [66.0, 66.0], True),  # 160 images: within three standard errors of 75, which are 10.3
        ([70.0] * 18 + [64.0, 64.0], False),
        ([70.0] * 18 + [80.0, 40.0], False),  # the mean of the last tenth counts
        ([75.0], True),
        ([30.0], False),
    ],
)
def test_a_run_diverged_if_its_last_tenth_is_no_better_than_chance(
    make_recipe: Recipes, errors: list[float], diverged: bool
) -> None:
    recipe = make_recipe(schedule={"iterations": 100})
    assert no_better_than_chance(finished(errors), recipe, 4) is diverged


def test_a_net_that_learns_nothing_is_recorded_as_diverged(project: Any) -> None:
    project.configure(schedule={"iterations": 40, "drops": [], "learning_rate": 1e-12})
    done = project.run("train", "cifar", "plain-8", "3")
    assert done.returncode == 0, done.stderr
    record = run_record(project, "plain-8", 3)
    assert record["status"] == "diverged"
    assert record["recipe"]["seed"] == 3
