"""What tests run as a stage, in a child of a server, is what `python -m` runs."""

import os
import shutil
import signal

import pytest
from conftest import Project
from drills.project import same_run

TRAIN = ("train", "cifar", "plain-8", "0")


def test_a_child_of_the_server_makes_the_run_that_python_m_makes(project: Project) -> None:
    run, expected = project.folder / "runs/cifar/plain-8/seed-0", project.folder / "expected"
    printed = []
    for fresh in (True, False):
        done = project.run(*TRAIN, fresh=fresh)
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout)
        if fresh:
            shutil.move(run, expected)
            shutil.rmtree(project.folder / ".work")
    assert printed[0] == printed[1]
    same_run(run, expected)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("train",), marks=pytest.mark.slow),
        pytest.param(("train", "cifar", "plain-8", "x"), marks=pytest.mark.slow),
        ("no_stage",),
    ],
    ids=" ".join,
)
def test_it_fails_as_python_m_does(project: Project, arguments: tuple[str, ...]) -> None:
    fresh, child = (project.run(*arguments, fresh=fresh) for fresh in (True, False))
    assert child.returncode == fresh.returncode != 0
    assert child.stderr.splitlines()[-1].endswith(fresh.stderr.splitlines()[-1].partition(": ")[2])


def test_it_has_no_environment_but_its_own_and_the_pipeline_of_its_project(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project.folder / "pipeline/shown.py").write_text(
        "import os, pipeline\nprint(os.environ.get('GIVEN'), os.environ.get('DVC_ROOT'), pipeline.__path__[0])\n"
        "print(os.environ.get('CHANGED'), os.getcwd())\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("DVC_ROOT", "elsewhere")
    for value in ("first", "second"):
        monkeypatch.setenv("CHANGED", value)
        shown = project.run("shown", GIVEN="given")
        folder = project.folder
        assert shown.stdout.split() == ["given", "None", f"{folder}/pipeline", value, str(folder)], shown.stderr


def test_a_signal_ends_it(project: Project) -> None:
    (project.folder / "pipeline/asleep.py").write_text("import time\ntime.sleep(60)\n", encoding="utf-8")
    for number, code in ((signal.SIGKILL, -signal.SIGKILL), (signal.SIGTERM, -signal.SIGTERM)):
        asleep = project.start("asleep")
        assert asleep.poll() is None
        os.kill(asleep.pid, number)
        asleep.communicate(timeout=10)
        assert asleep.poll() == asleep.returncode == code
