"""Machines and places that are not as usual: no file locks, a port in use, a profile that git does not know."""

import errno
import fcntl
import os
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from checkout import PROJECT
from errors import refused
from made_up import recipe_of

from pipeline import charts, machine, params
from replication.config.profiles import read_profile
from replication.tasks import TASKS
from replication.tracking import importer, mlflow_store
from replication.training.processes import Processes
from replication.training.progress import lock_run


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP], ids=errno.errorcode.get)
def test_a_disk_without_file_locks_is_named_with_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def flock(*_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", flock)
    with refused("unavailable", key="REPLICATION_SCRATCH", file=tmp_path / "lock"), lock_run(tmp_path, Processes()):
        raise AssertionError("it trains")


def test_what_fails_while_a_run_is_locked_is_not_taken_for_its_lock(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="late"), lock_run(tmp_path, Processes()):
        raise OSError(errno.EIO, "late")
    with lock_run(tmp_path, Processes()):
        pass


def test_a_port_in_use_is_found_before_addresses_are_printed() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = str(listener.getsockname()[1])
        with refused("busy", "make ui PORT=", key="PORT"):
            charts.require_free(port)
    charts.require_free(port)
    for wrong in ("five", "0", "70000"):
        with refused("invalid", key="PORT"):
            charts.require_free(wrong)


def test_a_profile_that_git_does_not_know_is_found_out_in_a_copy(
    configure: Callable[..., Any], project: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An experiment with --temp runs in a copy of what git has; DVC_ROOT is the checkout."""
    read = configure()
    mine = read.model_copy(update={"profile": "mine"})
    with refused("unknown", "tiny", key="profile"):
        params.profile_of(mine)
    (tmp_path / "checkout" / params.PROFILES).mkdir(parents=True)
    (tmp_path / "checkout" / params.PROFILES / "mine.yaml").write_text("base: quick")
    monkeypatch.setattr(params, "ROOT", tmp_path / "checkout")
    with refused("missing", "git add", key="profile", file=params.PROFILES / "mine.yaml"):
        params.profile_of(mine)


def test_cores_are_those_that_a_process_may_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    quota = tmp_path / "cpu.max"
    monkeypatch.setattr(machine, "CPU_QUOTA", quota)
    for content, cores in ((None, 8), ("max 100000", 8), ("250000 100000", 2), ("50000 100000", 1), ("", 8)):
        if content is not None:
            quota.write_text(content)
        assert machine.usable_cores() == cores


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (OSError(errno.EROFS, "Read-only file system", "mlflow.db.lock"), "remount"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "writable"),
        (sqlite3.DatabaseError("file is not a database"), "move it away"),
    ],
)
def test_a_store_that_cannot_be_used_is_told_with_what_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, remedy: str
) -> None:
    def connect(_: str) -> None:
        raise error

    monkeypatch.setattr(mlflow_store, "connect", connect)
    run = importer.FinishedRun(recipe_of(), {}, [], [])
    with refused("unavailable", remedy, "mlflow.db"):
        importer.import_runs([(run, mlflow_store.Destination("sqlite:///mlflow.db", "a study"))], tmp_path)


def test_a_deep_net_keeps_its_maps_where_twice_their_memory_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ResNet-1202 needs 8.4 GiB; each of the trainings that fit the cores has its share of what is free."""
    cpu, files = torch.device("cpu"), {name: tmp_path / name for name in ("INFO", "LIMIT", "USED")}
    for name, path in files.items():
        monkeypatch.setattr(machine, f"MEMORY_{name}", path)
    monkeypatch.setattr(machine, "usable_cores", lambda: 2 * torch.get_num_threads())
    profile = read_profile(PROJECT / "pipeline/profiles", "paper")
    deep, usual = (profile.recipe(TASKS["cifar"], net) for net in ("resnet-1202", "resnet-110"))
    assert not machine.can_keep_maps(deep, 10, cpu), "nothing is known of the memory"
    files["INFO"].write_text(f"MemTotal: {100 * 2**20} kB\nMemAvailable: {36 * 2**20} kB\n")
    assert machine.free_memory(cpu) == 18
    assert machine.can_keep_maps(deep, 10, cpu) and not machine.can_keep_maps(usual, 10, cpu)
    files["LIMIT"].write_text("max\n")
    files["USED"].write_text(f"{4 * 2**30}\n")
    assert machine.free_memory(cpu) == 18
    files["LIMIT"].write_text(f"{36 * 2**30}\n")
    assert machine.free_memory(cpu) == 16 and not machine.can_keep_maps(deep, 10, cpu)
