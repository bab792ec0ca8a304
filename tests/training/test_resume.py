"""A training that is killed, stopped or starved of disk continues bit for bit where it was."""

import json
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from resuming import SHORT, assert_same, stop
from safetensors.torch import load_file

from replication.tasks.batches import Batches
from replication.tasks.cifar.recipe import CifarRecipe
from replication.training.progress import Stopped
from replication.training.state import STATE, State

Recipes = Callable[..., CifarRecipe]
Fit = Callable[..., State]
Interrupt = Callable[[CifarRecipe, int, Callable[[], object]], Batches]

WARMUP = {"from_depth": 8, "learning_rate": 0.02, "until_train_error_below": 60, "window": 4}


class Killed(BaseException):
    """What kill -9 is to a process, within this one: nothing of the loop catches it."""


def kill() -> None:
    raise Killed


@pytest.mark.parametrize(
    ("changes", "moments"),
    [
        ({"net": "resnet-8", "precision": "fp32"}, [3, 14, 20]),
        ({"net": "plain-8", "precision": "bf16", "seed": 5}, [1, 7, 29]),
        ({"net": "resnet-8", "warmup": WARMUP}, [2, 5, 25]),
        ({"net": "plain-8", "train_images": 40, "augmentation": {"zero": "before_mean"}}, [6]),
    ],
    ids=["residual", "plain in bf16", "during and after the warm-up", "within an epoch"],
)
def test_a_killed_training_ends_as_if_it_had_never_stopped(
    make_recipe: Recipes,
    fit: Fit,
    interrupted: Interrupt,
    tmp_path: Path,
    changes: dict[str, Any],
    moments: list[int],
) -> None:
    recipe = make_recipe(**SHORT, **changes)
    whole = fit(recipe, tmp_path / "whole")
    work = tmp_path / "work"
    for moment in moments:
        with pytest.raises(Killed):
            fit(recipe, work, interrupted(recipe, moment, kill), save_seconds=0)
        assert torch.load(work / STATE, weights_only=True)["iteration"] == moment
    resumed = fit(recipe, work)
    assert_same(resumed, whole)
    assert resumed.starts == len(moments) + 1
    if "warmup" in changes:
        assert 4 <= whole.warmup_ended_at < 25


@pytest.mark.parametrize("moment", [0, 6, 16])
def test_a_stopped_training_ends_as_if_it_had_never_stopped(
    make_recipe: Recipes, fit: Fit, interrupted: Interrupt, tmp_path: Path, moment: int
) -> None:
    recipe = make_recipe(**SHORT)
    whole = fit(recipe, tmp_path / "whole")
    with pytest.raises(Stopped):
        fit(recipe, tmp_path / "work", interrupted(recipe, moment, stop))
    assert_same(fit(recipe, tmp_path / "work"), whole)


def test_a_training_killed_between_its_end_and_its_run_folder_is_not_repeated(
    make_recipe: Recipes, fit: Fit, interrupted: Interrupt, tmp_path: Path
) -> None:
    recipe = make_recipe(**SHORT)
    whole = fit(recipe, tmp_path / "work")
    again = fit(recipe, tmp_path / "work", interrupted(recipe, 0, kill))
    assert_same(again, whole)
    assert again.seconds == pytest.approx(whole.seconds)


def test_a_kill_costs_no_more_than_the_time_between_two_saves(
    make_recipe: Recipes, fit: Fit, interrupted: Interrupt, tmp_path: Path
) -> None:
    recipe = make_recipe(**SHORT)
    with pytest.raises(Killed):
        fit(recipe, tmp_path / "work", interrupted(recipe, 20, kill), save_seconds=1e9)
    assert torch.load(tmp_path / "work" / STATE, weights_only=True)["iteration"] == 0
    resumed = fit(recipe, tmp_path / "work")
    assert resumed.starts == 2
    assert_same(resumed, fit(recipe, tmp_path / "whole"))


def test_the_time_of_all_starts_is_added_up(
    make_recipe: Recipes, fit: Fit, interrupted: Interrupt, tmp_path: Path
) -> None:
    recipe, work = make_recipe(**SHORT), tmp_path / "work"

    def slow_stop() -> None:
        time.sleep(0.7)
        stop()

    begin = time.monotonic()
    for moment in (5, 10):
        with pytest.raises(Stopped):
            fit(recipe, work, interrupted(recipe, moment, slow_stop))
    state = fit(recipe, work)
    assert 1.4 < state.seconds < time.monotonic() - begin
    assert torch.load(work / STATE, weights_only=True)["seconds"] == state.seconds


# --- real processes


@pytest.mark.slow
@pytest.mark.parametrize(
    ("net", "changes", "targets"),
    [
        ("resnet-8", {"warmup": WARMUP | {"until_train_error_below": 45, "window": 10}}, [4, 30, 60]),
        ("plain-8", {"precision": "bf16", "train_images": 90}, [11, 53]),
    ],
    ids=["residual with warm-up", "plain in bf16 with images held out"],
)
def test_a_stage_killed_at_random_moments_writes_the_run_of_one_that_never_stopped(
    project: Any, net: str, changes: dict[str, Any], targets: list[int]
) -> None:
    """kill -9 of `python -m pipeline.train` at moments that nobody chose, mid-save ones among them."""
    schedule, logging = {"iterations": 120, "drops": [40, 90]}, {"log_every": 7, "evaluate_every": 14}
    project.configure({"cifar": {"nets": [net]}}, schedule=schedule, logging=logging, **changes)
    command, run = ("train", "cifar", net, "0"), project.folder / f"runs/cifar/{net}/seed-0"
    whole = project.run(*command)
    assert whole.returncode == 0, whole.stderr
    expected = project.folder / "expected"
    shutil.move(run, expected)
    shutil.rmtree(project.folder / ".work")

    for target in targets:
        process = project.start(*command, REPLICATION_SAVE_SECONDS="0")
        project.wait_for_iteration(process, target)
        time.sleep(random.uniform(0, 0.02))
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        assert not run.exists()
    last = project.run(*command, REPLICATION_SAVE_SECONDS="0")
    assert last.returncode == 0, last.stderr

    assert (run / "curve.csv").read_bytes() == (expected / "curve.csv").read_bytes()
    found, wanted = load_file(run / "net.safetensors"), load_file(expected / "net.safetensors")
    assert found.keys() == wanted.keys()
    assert all(torch.equal(found[key], wanted[key]) for key in wanted)
    assert (run / "net.safetensors").read_bytes() == (expected / "net.safetensors").read_bytes()
    records = [json.loads((folder / "run.json").read_text()) for folder in (run, expected)]
    assert [record["starts"] for record in records] == [len(targets) + 1, 1]
    assert records[0]["recipe"] == records[1]["recipe"]
    assert records[0]["warmup_ended_at"] == records[1]["warmup_ended_at"]
    if "warmup" in changes:
        assert 10 <= records[0]["warmup_ended_at"] < 120
    assert not list(project.folder.glob(".work/*/state.pt")), "the run store has the run"


def test_a_run_that_is_lost_is_taken_from_the_store(project: Any) -> None:
    """DVC was killed before it took the run, or its cache was full; the next `dvc repro` deletes its folder first."""
    run = project.folder / "runs/cifar/plain-8/seed-0"
    assert project.run("train", "cifar", "plain-8", "0").returncode == 0
    weights, seconds = (run / "net.safetensors").read_bytes(), json.loads((run / "run.json").read_text())["seconds"]
    shutil.rmtree(run)
    again = project.run("train", "cifar", "plain-8", "0")
    assert again.returncode == 0, again.stderr
    record = json.loads((run / "run.json").read_text())
    assert (record["starts"], record["seconds"]) == (1, seconds)
    assert (run / "net.safetensors").read_bytes() == weights


# --- what must not be resumed


@pytest.mark.parametrize(
    "change", [{"seed": 1}, {"schedule": SHORT["schedule"] | {"learning_rate": 0.04}}, {"bn_group": 16}], ids=str
)
def test_a_changed_recipe_does_not_continue_the_old_training(
    make_recipe: Recipes, fit: Fit, interrupted: Interrupt, tmp_path: Path, change: dict[str, Any]
) -> None:
    recipe, other = make_recipe(**SHORT), make_recipe(**SHORT | change)
    assert other.hash != recipe.hash
    with pytest.raises(Killed):
        fit(recipe, tmp_path / recipe.hash, interrupted(recipe, 10, kill), save_seconds=0)
    fresh = fit(other, tmp_path / other.hash)
    assert fresh.starts == 1
    assert_same(fresh, fit(other, tmp_path / "alone"))
    assert torch.load(tmp_path / recipe.hash / STATE, weights_only=True)["iteration"] == 10


@pytest.mark.slow
def test_a_training_with_compiled_kernels_continues_bit_for_bit_and_stays_compiled(
    make_recipe: Recipes, fit: Fit, interrupted: Interrupt, tmp_path: Path
) -> None:
    recipe, work = make_recipe(net="plain-8", **SHORT), tmp_path / "work"
    whole = fit(recipe, tmp_path / "whole", compiled=True)
    with pytest.raises(Killed):
        fit(recipe, work, interrupted(recipe, 17, kill), save_seconds=0, compiled=True)
    again = fit(recipe, work)
    assert again.compiled
    assert_same(again, whole)
    eager = fit(recipe, tmp_path / "eager")
    torch.testing.assert_close(eager.net.fc.weight, whole.net.fc.weight, rtol=0.02, atol=0.002)
