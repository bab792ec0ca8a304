"""A training that is killed, stopped or starved of disk continues bit for bit where it was."""

import errno
import hashlib
import io
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from replication.arms.cifar import CifarRecipe
from replication.errors import UserError
from replication.feed.batches import Batches
from replication.files import write_durably
from replication.training.progress import Stopped
from replication.training.state import BEFORE, STATE, State

Recipes = Callable[..., CifarRecipe]
Fit = Callable[..., State]
Interrupt = Callable[[CifarRecipe, int, Callable[[], object]], Batches]

# 30 iterations: rows at 7, 14, 21, 28 and 30, so that most moments lie between two rows.
SHORT = {
    "schedule": {"iterations": 30, "drops": [15, 22]},
    "logging": {"log_every": 7, "evaluate_every": 14},
}
WARMUP = {"from_depth": 8, "learning_rate": 0.02, "until_train_error_below": 60, "window": 4}


class Killed(BaseException):
    """What kill -9 is to a process, within this one: nothing of the loop catches it."""


def kill() -> None:
    raise Killed


def stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def assert_same(resumed: State, whole: State) -> None:
    """Weights, batch-norm statistics, momentum, curve and warm-up agree bit for bit."""
    for key, value in whole.net.state_dict().items():
        assert torch.equal(resumed.net.state_dict()[key], value), key
    left, right = resumed.optimizer.state_dict(), whole.optimizer.state_dict()
    assert left["param_groups"] == right["param_groups"]
    assert left["state"].keys() == right["state"].keys()
    for number, values in right["state"].items():
        assert torch.equal(left["state"][number]["momentum_buffer"], values["momentum_buffer"])
    assert resumed.curve == whole.curve
    assert resumed.iteration == whole.iteration
    assert resumed.warmup_ended_at == whole.warmup_ended_at


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
    assert not list(project.folder.glob(".work/*/state.pt"))

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
    assert "continues from iteration" in last.stderr

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
    assert not list(project.folder.glob(".work/*/state.pt")), "the resume state is deleted once the run is whole"


def test_a_run_that_ends_after_a_kill_of_dvc_is_not_trained_again(project: Any) -> None:
    """`kill -9` of DVC leaves the training, which ends; the next `dvc repro` deletes its folder and starts it."""
    project.configure(schedule={"iterations": 300, "drops": []})
    run = project.folder / "runs/cifar/plain-8/seed-0"
    command = [sys.executable, "-m", "pipeline.train", "cifar", "plain-8", "0"]
    script = "import subprocess, sys; subprocess.run(sys.argv[1:])"
    ours = os.environ | {"REPLICATION_TRACKING": "off", "REPLICATION_SAVE_SECONDS": "0", "OMP_NUM_THREADS": "1"}
    parent = subprocess.Popen(
        [sys.executable, "-c", script, *command], cwd=project.folder, env=ours,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    project.wait_for_iteration(parent, 3)
    parent.kill()
    parent.wait()
    for _ in range(6000):
        if run.exists():
            break
        time.sleep(0.01)
    weights = (run / "net.safetensors").read_bytes()
    shutil.rmtree(run)
    again = project.run("train", "cifar", "plain-8", "0")
    assert "continues from iteration 300" in again.stderr, again.stderr
    assert (run / "net.safetensors").read_bytes() == weights
    assert not list(project.folder.glob(".work/*/state.pt"))


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


# --- the state file


def no_space(_: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_stops_the_training_in_one_sentence_and_keeps_the_old_state(
    make_recipe: Recipes, fit: Fit, interrupted: Interrupt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, work = make_recipe(**SHORT), tmp_path / "work"
    whole = fit(recipe, tmp_path / "whole")
    with monkeypatch.context() as patched:

        def fill_the_disk() -> None:
            patched.setattr(os, "fsync", no_space)

        with pytest.raises(UserError, match=r"the disk is full; make room for it and run again") as told:
            fit(recipe, work, interrupted(recipe, 12, fill_the_disk), save_seconds=0)
    assert str(work / STATE) in str(told.value)
    assert torch.load(work / STATE, weights_only=True)["iteration"] == 12
    assert sorted(path.name for path in work.iterdir() if path.name.startswith("state")) == [BEFORE, STATE]
    assert_same(fit(recipe, work), whole)


def test_a_write_that_stops_in_the_middle_keeps_the_old_file(
    tmp_path: Path, files_of_at_most: Callable[[int], Any]
) -> None:
    path = tmp_path / STATE
    write_durably(path, b"old")
    with files_of_at_most(1000), pytest.raises(UserError, match="too large; make room"):
        write_durably(path, bytes(5000))
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == [STATE]


def test_what_a_kill_left_unfinished_is_no_obstacle(make_recipe: Recipes, fit: Fit, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / f"{STATE}.unfinished").write_bytes(b"half a state")
    assert fit(make_recipe(**SHORT), tmp_path / "work").starts == 1
    assert not (tmp_path / "work" / f"{STATE}.unfinished").exists()


@pytest.fixture
def saved(make_recipe: Recipes, fit: Fit, interrupted: Interrupt, tmp_path: Path) -> tuple[CifarRecipe, Path]:
    """A recipe and the work folder of a training of it that was stopped."""
    recipe = make_recipe(**SHORT)
    with pytest.raises(Stopped):
        fit(recipe, tmp_path / "work", interrupted(recipe, 2, stop))
    assert torch.load(tmp_path / "work" / BEFORE)["iteration"] == 0
    return recipe, tmp_path / "work"


@pytest.mark.parametrize("bit", range(12))
def test_a_flipped_bit_is_seen_and_the_state_before_it_continued(
    saved: tuple[CifarRecipe, Path], fit: Fit, tmp_path: Path, bit: int, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, work = saved
    _flip(work / STATE, random.Random(bit))
    assert_same(fit(recipe, work), fit(recipe, tmp_path / "whole"))
    told = r"state\.pt cannot be read \(.*digest.*\); going on from state-before\.pt"
    assert re.search(told, capsys.readouterr().err)


def test_two_damaged_states_are_told_in_one_sentence(saved: tuple[CifarRecipe, Path], fit: Fit) -> None:
    recipe, work = saved
    for name in (STATE, BEFORE):
        _flip(work / name, random.Random(0))
    with pytest.raises(UserError, match=r"state-before\.pt cannot be read .*delete .*work to train this run from its"):
        fit(recipe, work)


def test_a_state_of_other_code_is_not_guessed_at(saved: tuple[CifarRecipe, Path], fit: Fit) -> None:
    recipe, work = saved
    (work / BEFORE).unlink()
    content = torch.load(work / STATE)
    del content["curve"]
    _reseal(work / STATE, content)
    with pytest.raises(UserError, match="another version of this code"):
        fit(recipe, work)


def test_another_number_of_threads_is_told_and_kept(
    saved: tuple[CifarRecipe, Path], fit: Fit, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, work = saved
    before = torch.get_num_threads()
    content = torch.load(work / STATE) | {"threads": [before + 1]}
    _reseal(work / STATE, content)
    assert fit(recipe, work).threads == [before + 1, before]
    assert f"trained with {before + 1} threads so far and goes on with {before}" in capsys.readouterr().err


def _flip(path: Path, dice: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
    path.write_bytes(content)


def _reseal(path: Path, content: Any) -> None:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    path.write_bytes(buffer.getvalue() + hashlib.sha256(buffer.getvalue()).digest())


@pytest.mark.parametrize("keep", [0, 1, 1000, 0.5, 0.9, 0.999])
def test_a_truncated_state_is_told_in_one_sentence(saved: tuple[CifarRecipe, Path], fit: Fit, keep: float) -> None:
    recipe, work = saved
    (work / BEFORE).unlink()
    content = (work / STATE).read_bytes()
    (work / STATE).write_bytes(content[: int(keep if keep >= 1 else keep * len(content))])
    with pytest.raises(UserError, match=r"cannot be read .* delete .*work to train this run from its start") as told:
        fit(recipe, work)
    assert str(work / STATE) in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_state_with_any_bytes_changed_gives_a_sentence_and_never_a_traceback(
    saved: tuple[CifarRecipe, Path],
) -> None:
    recipe, work = saved
    (work / BEFORE).unlink()
    content, dice = (work / STATE).read_bytes(), random.Random(0)
    for _ in range(60):
        damaged = bytearray(content)
        for _ in range(5):
            damaged[dice.randrange(3000)] = dice.randrange(256)  # the pickle of the archive lies here
        (work / STATE).write_bytes(damaged)
        state = State.start(recipe, 4, torch.device("cpu"))
        with pytest.raises(UserError) as told:
            state.load(work, torch.device("cpu"))
        assert "\n" not in str(told.value)


@pytest.mark.parametrize("content", [{}, {"net": {}, "optimizer": {}}, [1]], ids=str)
def test_a_file_that_is_no_state_of_this_net_is_told_in_one_sentence(
    saved: tuple[CifarRecipe, Path], fit: Fit, content: Any
) -> None:
    recipe, work = saved
    (work / BEFORE).unlink()
    _reseal(work / STATE, content)
    with pytest.raises(UserError, match=r"state\.pt cannot be read"):
        fit(recipe, work)


def test_the_state_loads_without_running_code_from_the_file(saved: tuple[CifarRecipe, Path], tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "sprung"),)

    recipe, work = saved
    (work / BEFORE).unlink()
    _reseal(work / STATE, {"net": Trap()})
    with pytest.raises(UserError, match="cannot be read"):
        State.start(recipe, 4, torch.device("cpu")).load(work, torch.device("cpu"))
    assert not (tmp_path / "sprung").exists()
