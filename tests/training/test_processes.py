"""Two processes that train one net are one process, but for the order in which a few numbers are added."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from errors import refused
from filelock import FileLock
from together import StopsItself, train_with

from replication.errors import UserError
from replication.runs.curve import Point, select
from replication.tasks.classification import count_top1_errors
from replication.tasks.imagenet.feed import PhotographBatches
from replication.tasks.imagenet.recipe import ImagenetRecipe
from replication.training.processes import Processes
from replication.training.progress import Stopped
from replication.training.state import State

Recipes = Callable[..., ImagenetRecipe]
Maker = Callable[..., PhotographBatches]


@dataclass(frozen=True)
class Together:
    """What two processes made of the tiny recipe, and what one made of it."""

    folder: Path
    alone: State

    def load_end(self, name: str, rank: int = 0) -> dict[str, Any]:
        """Net, curve and number of starts at the end of a training, in one of the processes."""
        end = torch.load(self.folder / f"{name}-{rank}.pt", weights_only=True)
        return end | {"curve": [Point(*point) for point in end["curve"]]}


@pytest.fixture(scope="module")
def together(
    make_imagenet_recipe: Recipes, photographs_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Together]:
    changes = {"schedule": {"iterations": 5, "drops": [4]}, "logging": {"log_every": 1, "evaluate_every": 5}}
    recipe, folder = make_imagenet_recipe(**changes), tmp_path_factory.mktemp("together")
    shutil.copytree(photographs_folder, folder / "imagenet")
    (folder / "recipe.json").write_text(recipe.model_dump_json())
    alone = train_with(Processes(), folder, "alone")
    with pytest.raises(Stopped):
        train_with(Processes(), folder, "begun-alone", StopsItself)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    script = str(Path(__file__).with_name("together.py"))
    done = subprocess.run(
        [*torchrun, script, str(folder)], env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    yield Together(folder, alone)
    shutil.rmtree(folder)  # 500 MB


def difference(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> float:
    """The largest distance of a tensor of two nets, relative to its norm."""
    assert left.keys() == right.keys()
    return max(float((left[k].double() - right[k]).norm() / right[k].double().norm()) for k in right if right[k].any())


@pytest.mark.slow
def test_both_processes_have_the_same_net_and_curve_bit_for_bit(together: Together) -> None:
    for name in ("whole", "stopped", "begun-alone"):
        first, second = together.load_end(name, 0), together.load_end(name, 1)
        assert first["net"].keys() == second["net"].keys()
        assert all(torch.equal(second["net"][key], value) for key, value in first["net"].items())
        assert first["curve"] == second["curve"]


@pytest.mark.slow
def test_a_run_begun_by_one_process_is_continued_by_two_as_one_would(together: Together) -> None:
    """Four iterations by one process, the fifth by two: weights, running averages and momentum go into it.

    From equal weights, two processes differ from one by the order in which gradients are added. Measured: 8e-9 of a
    weight, 2e-7 of a running average. (From the next iteration on a ReLU whose input is nearly zero may flip, and the
    difference is 1e-3 and more; one process whose weights are changed by 1e-8 does the same. So one step is compared.)
    """
    resumed, expected = together.load_end("begun-alone"), together.alone
    assert difference(resumed["net"], expected.net.state_dict()) < 1e-6
    assert resumed["starts"] == 2
    curve, its = resumed["curve"], expected.curve
    assert [point for point in curve if point.iteration < 5] == [point for point in its if point.iteration < 5]
    assert select(curve, "train", "loss")[5] == pytest.approx(select(its, "train", "loss")[5], abs=2e-6)
    other = [[point for point in points if point.metric != "loss"] for points in (curve, its)]
    assert other[0] == other[1]  # errors are counts, and exactly equal


@pytest.mark.slow
def test_two_processes_begin_as_one_does(together: Together) -> None:
    curve, alone = together.load_end("whole")["curve"], together.alone.curve
    assert select(curve, "train", "loss")[1] == pytest.approx(select(alone, "train", "loss")[1], abs=2e-6)
    assert select(curve, "train", "error")[1] == select(alone, "train", "error")[1]
    assert list(select(curve, "train", "error")) == [1, 2, 3, 4, 5]


@pytest.mark.slow
def test_all_stop_when_one_is_asked_to_and_end_as_if_they_had_not(together: Together) -> None:
    first, second = ((together.folder / f"stopped-{rank}.txt").read_text() for rank in (0, 1))
    assert first == second and "resnet-18-B · seed 0" in first and "iteration 4" in first
    stopped, whole = together.load_end("stopped"), together.load_end("whole")
    assert (stopped["starts"], whole["starts"]) == (2, 1)
    assert stopped["curve"] == whole["curve"]
    assert all(torch.equal(stopped["net"][key], value) for key, value in whole["net"].items())


@pytest.mark.slow
def test_the_errors_of_the_curve_are_those_of_the_net(
    together: Together, make_imagenet_recipe: Recipes, make_photograph_batches: Maker
) -> None:
    """Counted by two processes, and by one over all images."""
    net = together.alone.net
    net.load_state_dict(together.load_end("whole")["net"])
    batches = make_photograph_batches(make_imagenet_recipe())
    curve = together.load_end("whole")["curve"]
    for split in ("test", "heldout"):
        assert {"top1_error": select(curve, split, "top1_error")[5]} == count_top1_errors(net, batches, split).metrics()


@pytest.mark.parametrize(
    ("groups", "count", "possible"), [(3, 2, "1, 3"), (4, 3, "1, 2, 4"), (1, 2, "1"), (2, 4, "1, 2")]
)
def test_groups_that_cannot_be_dealt_out_evenly_are_refused_in_one_sentence(
    make_imagenet_recipe: Recipes, fit: Callable[..., State], groups: int, count: int, possible: str
) -> None:
    recipe = make_imagenet_recipe(schedule={"batch_size": 4 * groups})
    with refused(
        "invalid", str(count), str(groups), f"batch_size {4 * groups}", "bn_group 4", possible, key="processes"
    ):
        fit(recipe, batches="never used", processes=Processes(0, count))


def test_processes_that_the_nodes_of_a_job_cannot_share_evenly_are_refused(
    make_imagenet_recipe: Recipes, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.launch.torchrun import torchrun

    monkeypatch.setenv("SLURM_JOB_NUM_NODES", "3")
    with pytest.raises(UserError) as error:
        torchrun("pipeline.train", [], 2, make_imagenet_recipe(), torch.device("cpu"))
    assert all(name in str(error.value) for name in ("params.yaml", "processes", "2", "3 nodes"))


def test_a_process_that_torchrun_did_not_start_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RANK", raising=False)
    alone = Processes.under_torchrun(torch.device("cpu"))
    assert (alone.rank, alone.count) == (0, 1)


@pytest.mark.slow
def test_the_train_stage_starts_as_many_processes_as_params_say(project: Any) -> None:
    project.configure({"processes": 2, "imagenet": {"nets": ["plain-18"]}})
    done = project.run("train", "imagenet", "plain-18", "0")
    assert done.returncode == 0, done.stderr
    record = json.loads((project.folder / "runs/imagenet/plain-18/seed-0/run.json").read_text())
    assert (record["processes"], record["starts"]) == (2, 1)
    rows = (project.folder / "runs/imagenet/plain-18/seed-0/curve.csv").read_text().splitlines()
    assert rows[-1].startswith("8,")


@pytest.mark.slow
def test_what_ends_two_processes_is_said_once_and_in_our_words(project: Any) -> None:
    """Ctrl-C, and what one of them finds wrong; torchrun adds nothing."""
    project.configure({"processes": 2, "imagenet": {"nets": ["plain-18"]}}, schedule={"iterations": 400, "drops": []})
    command = ("train", "imagenet", "plain-18", "0")
    training = project.start(*command, REPLICATION_SAVE_SECONDS="0")
    state = project.wait_for_iteration(training, 3)
    training.send_signal(signal.SIGINT)
    _, stopped = training.communicate(timeout=60)
    assert (training.returncode, stopped.count("stopped")) == (130, 1), stopped
    lock = state.with_name("lock")
    with FileLock(lock):
        busy = project.run(*command)
    assert (busy.returncode, busy.stderr.count(str(lock.relative_to(project.folder)))) == (1, 1), busy.stderr
    training = project.start(*command, REPLICATION_SAVE_SECONDS="0")
    project.wait_for_iteration(training, torch.load(state, weights_only=True)["iteration"] + 3)
    psutil.Process(training.pid).children()[1].kill()
    _, killed = training.communicate(timeout=60)
    assert training.returncode == 128 + signal.SIGKILL
    assert "SIGKILL" in killed
    for text in (stopped, busy.stderr):
        assert not re.search("Traceback|torchrun|elastic|SIG|exitcode", text), text


@pytest.mark.parametrize(
    ("processes", "seed", "names"), [(3, "0", ("processes", "1, 2, 4")), (2, "x", ("seed", "'x'"))]
)
def test_bad_input_is_refused_before_any_process_starts(
    project: Any, processes: int, seed: str, names: tuple[str, ...]
) -> None:
    project.configure({"processes": processes, "imagenet": {"nets": ["plain-18"]}})
    failed = project.run("train", "imagenet", "plain-18", seed)
    assert failed.returncode == 1 and "Traceback" not in failed.stderr
    assert all(name in failed.stderr for name in names), failed.stderr
