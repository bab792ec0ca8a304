"""Machines with a clone each: runs by hand, one machine lost on the way, and the run stores copied to one of them."""

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pandas as pd
import psutil
import pytest
from checkout import Checkout
from evening import CHECK, COPY, EVALUATE, JOIN_ITEMS, SUBMIT, TRAIN
from launching import ENVIRONMENT, small_checkout, underway
from slurm_cluster import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ITEMS = ("cifar plain-8 0", "cifar resnet-8 0")


class Spot:
    """Machines, each with a clone of its own."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.project = small_checkout(folder / "project")

    def machine(self, name: str) -> Checkout:
        self.project.run(f"git clone -q . ../{name}")
        made = Checkout(self.folder / name)
        made.run(CHECK)
        return made

    def start(self, machine: Checkout, item: str, **environment: str) -> subprocess.Popen[str]:
        """Train and test a run, as docs/machines.md says."""
        commands = [command.replace("cifar resnet-56 0", item) for command in (TRAIN, EVALUATE)]
        return subprocess.Popen(
            ["bash", "-c", " && ".join(commands)],
            cwd=machine.folder, env=machine.environment | ENVIRONMENT | environment,
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


def test_a_lost_machines_run_resumes_on_another_and_the_head_trains_nothing(spot: Spot) -> None:
    first, second, head = (spot.machine(name) for name in ("first", "second", "head"))
    kept = {"REPLICATION_SCRATCH": str(spot.folder / "disk")}  # it outlives the machine
    lost = spot.start(first, ITEMS[0], **kept)
    wait_until(lambda: underway(spot.folder / "disk"))
    kill_all_of(lost.pid)
    lost.communicate()
    items = [spot.start(second, ITEMS[0], **kept), spot.start(first, ITEMS[1])]
    printed = [item.communicate(timeout=500)[0] for item in items]
    assert [item.returncode for item in items] == [0, 0], "\n".join(printed)
    assert "plain-8 · seed 0: resumes at iteration" in printed[0]

    head.run("mkdir -p .work/runs .work/outcomes")
    for store in (spot.folder / "disk", first.folder / ".work"):
        for command in COPY:
            head.run(command.replace("rsync -a HOST:replication/.work", f"cp -rT {store}"))
    done = head.run("dvc repro", **ENVIRONMENT)
    assert "0 runs trained, 2 taken" in done and "0 nets tested, 2 taken" in done
    (table,) = (head.folder / "results/quick/cifar").glob("bn_group=32*/runs.csv")
    assert sorted(pd.read_csv(table)["net"]) == ["plain-8", "resnet-8"]


def test_a_checkout_with_edits_is_neither_submitted_nor_joined(spot: Spot) -> None:
    machine = spot.machine("edited")
    machine.run("echo '# edited' >> params.yaml")
    for command in (SUBMIT, JOIN_ITEMS):
        refused = machine.attempt(command)
        assert refused.returncode == 1 and "commit" in refused.stdout
