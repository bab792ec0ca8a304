"""Several jobs on one GPU: the service that lets them share it is started and ended, by a program in its place."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import PROJECT

from pipeline.mps import CONTROL, PIPES, share_gpus

SCRIPT = """
import os, sys
from pathlib import Path
sys.path.insert(0, {project!r})
from pipeline import workers

def work(number, progress):
    places = os.environ["CUDA_VISIBLE_DEVICES"], os.environ["CUDA_MPS_PIPE_DIRECTORY"]
    Path(f"{{number}}.told").write_text(" ".join(places))

if __name__ == "__main__":
    workers.PRELOAD.clear()
    workers.CONTEXT.Process(target=print).start()  # the server starts before the service
    workers.run_jobs([workers.Job(str(n), work, (n,)) for n in range(2)], workers.Slots(2, None, ("0",)))
"""


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program of the service's name; returns the file in which it writes how it was called."""
    calls, program = tmp_path / "calls", tmp_path / "bin" / CONTROL
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\n[ "$1" ] && echo "$1" >> {calls} || cat >> {calls}\n[ ! -e {calls}.fails ]\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.delenv(PIPES, raising=False)
    return calls


def test_the_service_runs_while_jobs_share_a_gpu(service: Path) -> None:
    with pytest.raises(SystemExit), share_gpus(3, ("0", "1")) as variables:
        assert service.read_text(encoding="utf-8") == "-d\n"
        assert Path(variables[PIPES]).is_dir()
        raise SystemExit(130)
    assert service.read_text(encoding="utf-8") == "-d\nquit\n"
    assert not Path(variables[PIPES]).exists()


@pytest.mark.parametrize("gpus", [("0", "1"), ()], ids=["one job a GPU", "no GPU"])
def test_it_is_not_started_without_need(service: Path, gpus: tuple[str, ...]) -> None:
    with share_gpus(2, gpus) as variables:
        assert not variables and not service.exists()


def test_a_service_of_the_users_own_is_used(service: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PIPES, "/somewhere")
    with share_gpus(2, ("0",)) as variables:
        assert not variables
    assert not service.exists()


def test_jobs_run_without_it_where_it_does_not_start(service: Path) -> None:
    service.with_name("calls.fails").touch()
    with share_gpus(2, ("0",)) as variables:
        assert not variables
    assert service.read_text(encoding="utf-8") == "-d\n"


def test_jobs_that_share_a_gpu_are_told_where_the_service_is(service: Path, tmp_path: Path) -> None:
    script = tmp_path / "study.py"
    script.write_text(SCRIPT.format(project=str(PROJECT)), encoding="utf-8")
    subprocess.run([sys.executable, script], cwd=tmp_path, check=True, timeout=60)
    told = [(tmp_path / f"{number}.told").read_text(encoding="utf-8") for number in range(2)]
    assert told[0] == told[1] and told[0].startswith("0 ") and "mps-" in told[0]
