"""A training that is asked to stop saves and says so; only one process trains a run."""

import json
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from errors import refused
from filelock import FileLock

from replication.tasks.batches import Batches
from replication.tasks.cifar.recipe import CifarRecipe
from replication.training.progress import Stopped
from replication.training.state import STATE, State

Recipes = Callable[..., CifarRecipe]
Fit = Callable[..., State]
Interrupt = Callable[[CifarRecipe, int, Callable[[], object]], Batches]


@pytest.fixture(autouse=True)
def python_handles_ctrl_c() -> Iterator[None]:
    """Where the tests run in the background of a shell, SIGINT is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def send(number: signal.Signals, times: int = 1) -> Callable[[], None]:
    """An action that sends this process a signal, and again once that was handled: two at a time can arrive as one."""

    def action() -> None:
        for _ in range(times):
            handler = signal.getsignal(number)
            signal.raise_signal(number)
            while signal.getsignal(number) is handler:
                time.sleep(0.001)

    return action


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_to_stop_finishes_the_iteration_and_saves(
    make_recipe: Recipes, fit: Fit, interrupted: Interrupt, tmp_path: Path, number: signal.Signals
) -> None:
    recipe, before = make_recipe(), signal.getsignal(number)
    with pytest.raises(Stopped, match="21"):
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
    with FileLock(work / "lock"), refused("busy", file=work / "lock"):
        fit(make_recipe(), work)
    assert not (work / STATE).exists()
    assert fit(make_recipe(), work).iteration == 64  # free again


def test_a_ctrl_c_that_finds_no_training_is_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    """While a run folder is written, say, or by any other stage."""
    from pipeline import stage

    def interrupted() -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended:
        stage.run(interrupted)
    assert ended.value.code == 130 and "Traceback" not in capsys.readouterr().err


def run_record(project: Any, net: str, seed: int) -> dict[str, Any]:
    return json.loads((project.folder / f"runs/cifar/{net}/seed-{seed}/run.json").read_text())


@pytest.mark.slow
def test_a_stage_that_is_stopped_exits_130_refuses_company_and_continues(project: Any) -> None:
    nets = {"cifar": {"nets": ["resnet-8"]}}
    project.configure(nets, schedule={"iterations": 400, "drops": []})
    command = ("train", "cifar", "resnet-8", "0")
    first = project.start(*command, REPLICATION_SAVE_SECONDS="0")
    state = project.wait_for_iteration(first, 10)
    first.send_signal(signal.SIGSTOP)
    second = project.run(*command)
    assert second.returncode == 1
    assert str(state.with_name("lock").relative_to(project.folder)) in second.stderr
    assert "Traceback" not in second.stderr
    first.send_signal(signal.SIGCONT)
    first.send_signal(signal.SIGTERM)
    _, err = first.communicate(timeout=60)
    assert first.returncode == 130
    assert "Traceback" not in err
    reached = torch.load(state, weights_only=True)["iteration"]
    assert 10 <= reached < 400

    project.configure(nets, schedule={"iterations": 8, "drops": []})
    other = project.run(*command)
    assert other.returncode == 0, other.stderr
    assert run_record(project, "resnet-8", 0)["starts"] == 1
    assert state.exists(), "another recipe must neither use nor delete this state"

    project.configure(nets, schedule={"iterations": 400, "drops": []})
    third = project.run(*command)
    assert third.returncode == 0, third.stderr
    assert f"{reached}" in third.stderr
    record = run_record(project, "resnet-8", 0)
    assert (record["starts"], record["status"]) == (2, "trained")
    assert record["recipe"]["schedule"]["iterations"] == 400
    assert not state.parent.exists(), "the run store has the run"


@pytest.mark.parametrize("seconds", ["1m", "-1", "nan", ""])
def test_a_number_of_seconds_that_is_none_is_told_before_anything_is_trained(project: Any, seconds: str) -> None:
    project.configure()
    told = project.run("train", "cifar", "plain-8", "0", REPLICATION_SAVE_SECONDS=seconds)
    assert told.returncode == 1 and "Traceback" not in told.stderr
    assert "REPLICATION_SAVE_SECONDS" in told.stderr and repr(seconds) in told.stderr


def test_a_rank_that_a_cluster_set_is_no_torchrun(project: Any) -> None:
    project.configure(schedule={"iterations": 4, "drops": []})
    trained = project.run("train", "cifar", "plain-8", "0", RANK="0")
    assert trained.returncode == 0, trained.stderr
