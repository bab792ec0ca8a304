"""Code digests: an edit runs again what it can change, and a stage notices code that changed under it."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from checkout import PROJECT

from pipeline import code, evaluate, train
from pipeline.plan import PlannedRun
from replication.errors import UserError
from replication.tasks import TASKS


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the code, as `check` saw it."""
    for folder in ("src/replication", "pipeline", "reports/notebooks"):
        shutil.copytree(PROJECT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(tmp_path)
    code.write_digests(code.CODE)
    yield tmp_path
    assert code.CODE.is_dir()


def stages_after(edited: str) -> set[str]:
    """The stages that run again after an edit of a file."""
    file = Path(edited)
    file.write_text(file.read_text(encoding="utf-8") + "\n# a comment\n", encoding="utf-8")
    before = {path.stem: json.loads(path.read_text()) for path in code.CODE.glob("*.json")}
    now = code.Sources()
    return {stage for stage, of in code.list_stage_code().items() if now.digests_of(of) != before[stage]}


ALL = {f"{stage}-{task}" for stage in ("train", "evaluate") for task in TASKS}
PREPARE = {f"prepare-{task.name}" for task in TASKS.values() if task.images_folder == task.name}


@pytest.mark.parametrize(
    ("file", "stages"),
    [
        ("src/replication/data/sources/decode.py", PREPARE),
        ("src/replication/training/loop.py", ALL - {f"evaluate-{task}" for task in TASKS}),
        ("src/replication/training/device.py", ALL),
        ("src/replication/nets/blocks.py", ALL | {"report"}),
        ("src/replication/nets/names.py", ALL | {"tabulate", "report"}),
        ("src/replication/tasks/cifar/feed.py", {"train-cifar", "evaluate-cifar"}),
        (
            "src/replication/tasks/imagenet/evaluate.py",
            {f"evaluate-{task}" for task in ("imagenet", "localization", "rcnn")},
        ),
        ("src/replication/tracking/importer.py", {"tabulate"}),
        ("src/replication/training/progress.py", set()),
        ("src/replication/verdicts/rule.py", {"report"}),
        ("src/replication/paper/paper.yaml", {"tabulate", "report"}),
        ("src/replication/report/templates/page.css", {"report"}),
        ("reports/notebooks/cifar.py", {"report"}),
        ("pipeline/launch/items.py", set()),
    ],
)
def test_an_edit_runs_again_what_it_can_change(sources: Path, file: str, stages: set[str]) -> None:
    found = stages_after(file)
    assert stages <= found, "stages that would keep stale numbers"
    assert not {stage for stage in found - stages if stage.startswith(("train", "prepare"))}, "trained for nothing"


def test_the_folder_of_a_task_is_its_code(sources: Path) -> None:
    for stage, module in [
        ("train-cifar", "tasks/cifar/feed.py"),
        ("train-rcnn", "tasks/rcnn/loss.py"),
        ("evaluate-localization", "tasks/localization/floors.py"),
        ("evaluate-imagenet", "tasks/imagenet/evaluate.py"),
    ]:
        assert f"src/replication/{module}" in json.loads((code.CODE / f"{stage}.json").read_text()), stage


def test_a_stage_refuses_code_that_check_did_not_see(sources: Path) -> None:
    loop = sources / "src/replication/training/loop.py"
    with code.guard_code("train-cifar") as digest:
        assert len(digest) == 16
    loop.write_text(loop.read_text() + "\n# another\n")
    with pytest.raises(UserError) as error, code.guard_code("train-cifar"):
        raise AssertionError("the stage ran")
    assert (error.value.kind, error.value.file) == ("conflict", Path("src/replication/training/loop.py"))
    with code.guard_code("report"):
        pass


def test_a_stage_fails_when_its_code_changes_while_it_runs(sources: Path) -> None:
    loop = sources / "src/replication/training/loop.py"
    with pytest.raises(UserError) as error, code.guard_code("train-cifar"):
        loop.write_text(loop.read_text() + "\n# meanwhile\n")
    assert error.value.kind == "conflict"


def test_a_run_does_not_start_with_code_that_was_edited_while_its_stage_ran(sources: Path) -> None:
    """Its worker would import the edited files, and the run store keep it as a run of the code before."""
    run = PlannedRun(TASKS["cifar"], "resnet-8", 0)
    for stage, start in (("train-cifar", train.train_one), ("evaluate-cifar", evaluate.evaluate_one)):
        code.require_unchanged(stage)
        feed = sources / "src/replication/tasks/cifar/feed.py"
        sound = feed.read_text(encoding="utf-8")
        feed.write_text(sound + "\n# meanwhile\n", encoding="utf-8")
        with pytest.raises(UserError) as error:
            start(run, "digest")
        assert (error.value.kind, error.value.file) == ("conflict", Path("src/replication/tasks/cifar/feed.py"))
        feed.write_text(sound, encoding="utf-8")


def test_a_stage_without_check_says_what_to_run(sources: Path) -> None:
    (code.CODE / "train-cifar.json").unlink()
    with pytest.raises(UserError) as error, code.guard_code("train-cifar"):
        raise AssertionError("the stage ran")
    assert error.value.kind == "missing" and "dvc repro check" in str(error.value)


def test_a_copy_of_the_project_runs_its_own_library(sources: Path) -> None:
    """DVC runs `--temp` and queued experiments in copies; the installed library is another one."""
    program = "import pipeline.code, replication.config.recipe; print(replication.config.recipe.__file__)"
    printed = subprocess.run(
        [sys.executable, "-c", program], cwd=sources, capture_output=True, text=True, check=True,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
    )  # fmt: skip
    assert Path(printed.stdout.strip()).is_relative_to(sources)
