"""A small project, and its stages as `python -m pipeline.<stage>` runs them, but in children that import no torch."""

import json
import os
import runpy
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from conftest import PROJECT, Project, write_tiny_store
from made_files import SMALL_IMAGENET, Photographs

from drills.runner import FORK, Silent, print_to
from replication.data.sources import DATASETS
from replication.errors import UserError
from replication.files import SUMS

NETS = ["plain-8", "resnet-8"]
# Half a second: a warm-up that ends, points of the curve between which most moments lie, a held-out part.
SHORT: dict[str, Any] = {
    "train_images": 90,
    "schedule": {"iterations": 30, "drops": [15, 22]},
    "logging": {"log_every": 7, "evaluate_every": 14},
    "warmup": {"from_depth": 8, "learning_rate": 0.02, "until_train_error_below": 60, "window": 4},
}
DATED = {"seconds", "images_per_second", "starts", "history", "mlflow_run_id"}  # what equal runs need not agree in


@dataclass(frozen=True)
class Ended:
    """How a stage ended: its exit code, or minus the signal that ended it; and what it printed."""

    code: int
    printed: str

    def check(self) -> None:
        """Raise what a stage that failed told its user.

        Raises:
            UserError: one sentence.
            RuntimeError: anything else.
        """
        if self.code == 1 and "Traceback" not in self.printed:
            raise UserError(self.printed.strip().split("\n\n")[-1])
        if self.code:
            raise RuntimeError(f"exit code {self.code}: {self.printed[-3000:]}")

    def right(self) -> None:
        """A stage that is no part of a trial, but what it needs, must end rightly."""
        assert self.code == 0, self.printed


def make_project(folder: Path, params: dict[str, Any] | None = None, **profile: Any) -> Path:
    """The stage scripts with a tiny data set, prepared, and a profile `tiny`, checked."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PROJECT / "pipeline", folder / "pipeline", ignore=ignored, dirs_exist_ok=True)
    (folder / "src").symlink_to(PROJECT / "src")  # `check` hashes the code
    write_tiny_store(folder / "data/cifar")
    Project(folder).configure({"cifar": {"nets": NETS}} | (params or {}), check=False, **(SHORT | profile))
    run(folder, "check").right()
    return folder


def copy(project: Path, folder: Path) -> Path:
    """A project of its own, but for the sources."""
    return shutil.copytree(project, folder, symlinks=True)


def entry_of(folder: Path) -> Path:
    """The entry of the store that a folder of runs/ or outcomes/ is a copy of."""
    project = folder.parents[3]
    entries = (project / ".work" / folder.relative_to(project).parts[0]).glob("[!.]*")
    (entry,) = (each for each in entries if (each / SUMS).read_bytes() == (folder / SUMS).read_bytes())
    return entry


def make_photographs(folder: Path) -> Path:
    """A project whose photographs lie in a tree of files, are indexed, and are decoded by loader workers."""
    Photographs.make().tree(folder / "downloads/imagenet")
    imagenet = {"nets": ["resnet-18-B"], "override": {"train_images": 12}}
    data = {"imagenet": {"source": "folder"}}
    make_project(folder, {"imagenet": imagenet, "data": data})
    profile = folder / "pipeline/profiles/tiny.yaml"
    profile.write_text(profile.read_text().replace("dataset: digits", "dataset: imagenet"))
    run(folder, "check").right()
    run(folder, "prepare", "imagenet", first=lambda: DATASETS.update(imagenet=SMALL_IMAGENET)).right()
    return folder


def start(
    folder: Path, script: str, *arguments: str, first: Callable[[], object] | None = None, **environment: str
) -> BaseProcess:
    """Start a stage in the background.

    Args:
        first: what its process does before anything else.
    """
    process = FORK.Process(target=_stage, args=(folder, script, arguments, first, environment))
    process.start()
    return process


def run(folder: Path, script: str, *arguments: str, **options: Any) -> Ended:
    """Run a stage to its end."""
    process = start(folder, script, *arguments, **options)
    process.join()
    return Ended(process.exitcode, printed_by(process, folder))


def printed_by(process: BaseProcess, folder: Path) -> str:
    """All that a stage printed. It lies beside the project, which may be on a full disk."""
    log = folder.with_name(f"{folder.name}-{process.pid}.txt")
    return log.read_text(errors="replace") if log.exists() else ""


def _stage(
    folder: Path,
    script: str,
    arguments: tuple[str, ...],
    first: Callable[[], object] | None,
    environment: dict[str, str],
) -> None:
    print_to(folder.with_name(f"{folder.name}-{os.getpid()}.txt"))
    for key in [key for key in os.environ if key.startswith(("DVC_", "REPLICATION_", "MLFLOW_"))]:
        del os.environ[key]
    os.environ |= {"REPLICATION_TRACKING": "off", "REPLICATION_SAVE_SECONDS": "0"} | environment
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True
    sys.argv = [script, *arguments]
    if first:
        first()
    runpy.run_module(f"pipeline.{script}", run_name="__main__", alter_sys=True)


def files_of(folder: Path) -> dict[str, bytes]:
    """All files below a folder by name."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def same_run(found: Path, wanted: Path) -> None:
    """Raise Silent unless two run folders hold the same weights and curve and, but for its dates, the same record.

    Bytes are compared: equal trainings give equal files.
    """
    here, there = files_of(found), files_of(wanted)
    if here.keys() != there.keys():
        raise Silent(f"{found} holds {', '.join(here)}")
    for name in here.keys() - {"run.json", SUMS}:
        if here[name] != there[name]:
            raise Silent(f"{found / name} is not that of an undisturbed run")
    records = [
        {key: value for key, value in json.loads(files["run.json"]).items() if key not in DATED}
        for files in (here, there)
    ]
    if differing := [
        key for key in records[0].keys() | records[1].keys() if records[0].get(key) != records[1].get(key)
    ]:
        raise Silent(f"{found}/run.json: {', '.join(differing)}: not those of an undisturbed run")
