"""Machines that share a DVC remote and a scratch, but no checkout: the items as plain scripts, four of them at once."""

import os
import re
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pandas as pd
import psutil
import pytest
from checkout import Checkout
from launching import COMMANDS, ENVIRONMENT, small_checkout, trained, underway
from slurm_cluster import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SUBMIT = COMMANDS[0]
REMOTE, COMMIT, PREPARE, ITEM, JOIN = [c for c in COMMANDS if "remote" in c or "item.sh" in c or "join.sh" in c]
ITEMS = [f"{net}-{seed}" for net in ("train-cifar@plain-8", "train-depth@depth/resnet-8") for seed in (0, 1)]


class Spot:
    """Machines, each with a clone of its own; all see `scratch`."""

    def __init__(self, folder: Path):
        self.folder, self.scratch = folder, folder / "scratch"
        self.project = small_checkout(folder / "project")
        params = self.project.folder / "params.yaml"
        two_seeds = re.sub(r"(\n *- )0\n", r"\g<1>0\g<1>1\n", params.read_text(), count=1)
        params.write_text(two_seeds)
        self.project.run(REMOTE.replace("s3://bucket/replication", f"{folder}/remote"))
        self.project.run(COMMIT)

    @property
    def environment(self) -> dict[str, str]:
        return ENVIRONMENT | {"REPLICATION_SCRATCH": str(self.scratch)}

    def machine(self, name: str) -> Checkout:
        self.project.run(f"git clone -q . ../{name}")
        return Checkout(self.folder / name)

    def start(self, machine: Checkout, item: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["bash", "-c", ITEM.replace("train-cifar@resnet-56-0", item)],
            cwd=machine.folder, env=machine.environment | self.environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip


@pytest.fixture(scope="module")
def spot(tmp_path_factory: pytest.TempPathFactory) -> Spot:
    return Spot(tmp_path_factory.mktemp("spot"))


def kill_all_of(session: int) -> None:
    """As if the machine were taken away."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError):
            if os.getsid(process.pid) == session:
                process.send_signal(signal.SIGKILL)


def test_four_items_at_once_and_a_lost_machine_are_joined_with_nothing_trained_twice(spot: Spot) -> None:
    machines = [spot.machine(f"machine-{number}") for number in range(4)]
    machines[0].run(PREPARE, **spot.environment)
    lost = spot.start(machines[0], ITEMS[0])
    wait_until(lambda: underway(spot.scratch))
    kill_all_of(lost.pid)
    lost.communicate()
    items = [spot.start(machine, item) for machine, item in zip(machines[::-1], ITEMS, strict=True)]
    printed = [item.communicate(timeout=500)[0] for item in items]
    assert [item.returncode for item in items] == [0] * 4, "\n".join(printed)
    assert [len(trained(of_item)) for of_item in printed] == [3] * 4, "each trains, scores and analyses its own net"
    assert re.search(r"plain-8 · seed 0: continues from iteration [1-9]", printed[0]), "on another machine"
    assert not list(spot.scratch.glob("*/state.pt"))
    assert {machine.run("git status --porcelain") for machine in machines} == {""}, "the join alone writes dvc.lock"

    last = spot.machine("last")
    joined = last.run(JOIN, **spot.environment)
    assert trained(joined) == [] and joined.count("is cached") >= len(ITEMS), joined
    (table,) = (last.folder / "results/quick/cifar").glob("bn_group=32*/runs.csv")
    runs = pd.read_csv(table)
    assert sorted(runs["net"] + runs["seed"].map("-{}".format)) == [
        "plain-8-0",
        "plain-8-1",
        "resnet-8-0",
        "resnet-8-1",
    ]
    assert " M dvc.lock" in last.run("git status --porcelain")
    for command, sentence in ((JOIN, "join: this checkout is not HEAD"), (SUBMIT, "submit: jobs run a commit")):
        refused = last.attempt(command)
        assert refused.returncode == 1 and refused.stdout.startswith(sentence) and refused.stdout.count("\n") == 1


def test_every_command_of_the_page_is_run_by_a_test() -> None:
    from test_user_slurm import COMMIT as COMMIT_JOINED
    from test_user_slurm import OVER_NODES

    ours = [SUBMIT, COMMIT_JOINED, OVER_NODES, REMOTE, COMMIT, PREPARE, ITEM, JOIN]
    (server,) = [command for command in COMMANDS if command not in ours]
    assert "mlflow server" in server, "which training/test_tracking_server.py runs"
