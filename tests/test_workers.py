"""Jobs side by side: order, failures, progress, and what happens when somebody stops them."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from checkout import PROJECT

# What a stage does with workers, as a script of its own: the server process imports it by this name.
SCRIPT = """
import os, signal, sys, time
from pathlib import Path
sys.path.insert(0, {project!r})
from pipeline import workers

def work(name, seconds, fails, progress):
    gpu = os.environ.get("CUDA_VISIBLE_DEVICES")
    Path(f"{{name}}.began").write_text(f"{{time.monotonic()}} {{os.getpid()}} {{gpu}}")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        progress.value = 1 - (end - time.monotonic()) / seconds
        time.sleep(0.02)
    if fails == "raises":
        raise ValueError("a fault")
    if fails == "dies":
        os.kill(os.getpid(), signal.SIGKILL)
    print(f"{{name}} is done")
    Path(f"{{name}}.done").write_text(str(time.monotonic()))

if __name__ == "__main__":
    workers.PRELOAD.clear()
    jobs = [workers.Job(name, work, (name, *how), cost) for name, *how, cost in {jobs}]
    print("failed:", workers.run_jobs(jobs, workers.Slots({count}, None, {gpus})))
"""


class Study:
    def __init__(self, folder: Path):
        self.folder = folder

    def start(self, jobs: list[tuple], count: int = 2, gpus: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        text = textwrap.dedent(SCRIPT).format(project=str(PROJECT), jobs=repr(jobs), count=count, gpus=repr(gpus))
        (self.folder / "study.py").write_text(text, encoding="utf-8")
        return subprocess.Popen(
            [sys.executable, "study.py"], cwd=self.folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            start_new_session=True,
        )  # fmt: skip

    def run(self, *jobs: tuple, **options) -> tuple[str, str]:
        process = self.start(list(jobs), **options)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        return out, err

    def began(self, name: str) -> list[str]:
        return (self.folder / f"{name}.began").read_text().split()

    def wait_for(self, *names: str) -> None:
        deadline = time.monotonic() + 30
        while not all((self.folder / f"{name}.began").exists() for name in names):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        time.sleep(0.2)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path)


def job(name: str, seconds: float = 0.0, fails: str = "", cost: float = 1.0) -> tuple:
    return name, seconds, fails, cost


def test_the_longest_begins_first_and_the_printed_lines_arrive(study: Study) -> None:
    out, err = study.run(job("short", cost=1), job("long", cost=9), job("middle", cost=5), count=1)
    assert out == "failed: []\n"
    order = sorted(("short", "long", "middle"), key=lambda name: float(study.began(name)[0]))
    assert order == ["long", "middle", "short"]
    assert all(f"{name} is done" in err for name in order) and "3/3" not in err


@pytest.mark.parametrize("fails", ["raises", "dies"])
def test_one_that_fails_is_named_and_the_others_are_done(study: Study, fails: str) -> None:
    out, err = study.run(job("bad", 0, fails, 9), job("good"), job("last"))
    assert out == "failed: ['bad']\n"
    assert (study.folder / "good.done").exists() and (study.folder / "last.done").exists()
    assert ("a fault" in err) == (fails == "raises")


def test_each_worker_has_a_gpu_of_its_own(study: Study) -> None:
    study.run(job("one", 0.5), job("two", 0.5), gpus=("3", "5"))
    assert {study.began(name)[2] for name in ("one", "two")} == {"3", "5"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_reaches_the_workers_and_nothing_more_begins(study: Study, number: int) -> None:
    process = study.start([job("one", 60), job("two", 60), job("three", 60)])
    study.wait_for("one", "two")
    os.kill(process.pid, number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130 and "Traceback" not in err
    assert not (study.folder / "three.began").exists()
    for name in ("one", "two"):
        with pytest.raises(ProcessLookupError):
            os.kill(int(study.began(name)[1]), 0)


def test_workers_end_when_their_parent_is_killed(study: Study) -> None:
    process = study.start([job("one", 60)])
    study.wait_for("one")
    process.kill()
    process.communicate()
    worker = int(study.began("one")[1])
    for _ in range(100):
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    raise AssertionError("the worker lives on")
