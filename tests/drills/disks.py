"""Disks: each stage where no room, no inode or no right to write is left, on small file systems of this process's own.

It must end right, or in one sentence with nothing lost; and once there is room the same command must go on.
"""

import os
import random
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path

from checkout import make_checkout
from conftest import PROJECT, Project

from drills.project import NETS, SHORT, copy, files_of, make_project, run, same_run
from drills.runner import Silent, Trial
from drills.sound import SOUND
from drills.sources import images_in
from drills.states import ALL, OUTCOME, RUN
from replication.data.sources.prepare import prepare
from replication.errors import UserError
from replication.results.tables import read_tables
from replication.runs.folder import read_curve
from replication.tasks import TASKS

PAGE = 4096  # bytes that such a file system gives at once
FULL = ("no room", "no inodes", "read only")
ONE = ("cifar", "resnet-8", "0")
# A stage and its arguments; what it makes, and what of the store it lacks; how many pages it needs, or more.
STAGES: dict[str, tuple[tuple[str, ...], tuple[str, ...], int]] = {
    "check": (("check",), ("recipes",), 40),
    "train": (("train", *ONE), (RUN, ".work/runs"), 600),
    "copy of a run": (("train", *ONE), (RUN,), 80),
    "evaluate": (("evaluate", *ONE), (OUTCOME, ".work/outcomes"), 12),
    "tabulate": (("tabulate", "cifar"), ("results",), 4),
}


def trials(dice: random.Random, shared: Path) -> Iterator[Trial]:
    """45, or none where this process may mount nothing."""
    if "DRILLS_MOUNTS" not in os.environ:
        return
    done = shared / "done"
    make_project(done)
    for stage in ALL:
        run(done, *stage).right()
    for title, (_, _, pages) in STAGES.items():
        for number in range(6):
            how = FULL[max(0, number - 3)]
            left = pages * number // 4 + dice.randrange(pages // 4) if how == "no room" else dice.randrange(4)
            act = partial(_stage, done, title, how, left)
            yield Trial(f"{title}: {how}, {left} left", act, names=("/", "recipes"))
    for kind in ("CIFAR-10, parquet", "CIFAR-10, archive", "ImageNet, tree"):
        for how in FULL[:2] if kind == "CIFAR-10, archive" else FULL:
            left = dice.randrange(4)
            yield Trial(f"prepare, {kind}: {how}, {left} left", partial(_prepare, kind, how, left))
    for how in FULL:
        yield Trial(f"MLflow: {how}", partial(_track, done, how), seconds=240)
    for where in ("reports", "TMPDIR"):
        yield Trial(f"report: no room in {where}", partial(_report, where), seconds=300)
    for where in ("cache", "checkout"):
        act = partial(_dvc, where, 4 * dice.randrange(20))
        yield Trial(f"DVC: no room for its {where}", act, names=("failed",), seconds=400)


def _stage(done: Path, title: str, how: str, left: int, folder: Path) -> None:
    """A stage on a full disk; then there is room, and it runs again."""
    command, (makes, *lacks), _ = STAGES[title]
    with _disk(folder / "project") as project:
        shutil.copytree(done, project, symlinks=True, dirs_exist_ok=True)
        for lost in (makes, *lacks):
            shutil.rmtree(project / lost)
        if title == "tabulate":  # onto the tables of another run
            Project(project).configure({"cifar": {"nets": NETS[1:]}}, check=False, **SHORT)
            run(project, "check").right()
            run(project, "tabulate", "cifar").right()
            shutil.copy(done / "params.yaml", project / "params.yaml")
            run(project, "check").right()
        before = files_of(project)
        _fill(project, how, left)
        try:
            run(project, *command).check()
        except UserError as told:
            _nothing_lost(project, before)
            _make_room(project)
            try:
                run(project, *command).check()
            except UserError as again:
                raise RuntimeError(f"once there is room, “{told}” becomes “{again}”") from again
            _compare(project, done, makes)
            raise
        _compare(project, done, makes)


def _nothing_lost(project: Path, before: dict[str, bytes]) -> None:
    if (project / "results/tiny/cifar").exists():
        _, tables = read_tables(project / "results/tiny/cifar", TASKS["cifar"])
        if not {row["net"] for row in tables["runs.csv"]} >= set(NETS[1:]):
            raise Silent("rows of the tables are lost")
    now = files_of(project)
    if lost := [name for name, content in before.items() if now.get(name) != content and "results/" not in name]:
        raise Silent(f"lost or changed: {', '.join(lost)}")
    if left := [name for name in now.keys() - before.keys() if re.search(r"unfinished|/\.[\w-]+-\d+/", name)]:
        raise Silent(f"left behind: {', '.join(left)}")


def _compare(project: Path, done: Path, makes: str) -> None:
    if makes == RUN:
        same_run(project / makes, done / makes)
        return
    here, there = ({n: c for n, c in files_of(of / makes).items() if "runs.csv" not in n} for of in (project, done))
    if here != there:
        raise Silent(f"{makes} is not what it makes where there is room")


def _prepare(kind: str, how: str, left: int, folder: Path) -> None:
    """CIFAR-10's archive is unpacked beside itself; stores and indices are made elsewhere than their source lies."""
    packed = kind.endswith("archive")
    with _disk(folder / "disk") as place:
        source = SOUND[kind]((place if packed else folder) / "root")
        data = (folder if packed else place) / "data"
        data.mkdir()
        (data / "old").touch()
        make = partial(prepare, data, source.dataset, source.place, source.requirements)
        before = files_of(source.root) | files_of(data)
        _fill(place, how, left)
        try:
            make()
        except UserError:
            if lost := before.keys() - (files_of(source.root) | files_of(data)).keys():
                raise Silent(f"lost: {', '.join(lost)}") from None
            _make_room(place)
            make()
            raise
        finally:
            _make_room(place)
        if images_in(data, source) != source.truth:
            raise Silent("the images are not what they are")


def _track(done: Path, how: str, folder: Path) -> None:
    """A training goes on without MLflow's store; `make runs` adds it once there is room."""
    project = copy(done, folder / "project")
    for lost in (".work/runs", RUN, "results"):  # of the tiny data set MLflow wants to know nothing
        shutil.rmtree(project / lost)
    with _disk(folder / "disk") as place:
        store = {"REPLICATION_TRACKING": f"sqlite:///{place}/mlflow.db"}
        _fill(place, how, 2)
        ended = run(project, "train", "cifar", "resnet-8", "0", **store)
        ended.check()
        same_run(project / RUN, done / RUN)
        _make_room(place)
        if "MLflow tracking is off" in ended.printed:
            run(project, "track", **store).check()
        with closing(sqlite3.connect(place / "mlflow.db")) as database:
            found = {step for (step,) in database.execute("SELECT step FROM metrics WHERE key = 'train/error'")}
        if found != {point.iteration for point in read_curve(project / RUN)}:
            raise Silent(f"MLflow has the iterations {sorted(found)} alone")


def _report(where: str, folder: Path) -> None:
    """The page that is there stays; a new one is made once there is room."""
    project = folder / "project"
    (project / "outcomes").mkdir(parents=True)
    (project / "src").symlink_to(PROJECT / "src")
    for name in ("pipeline", "reports", "results", "benchmarks/results", "params.yaml"):
        copy_of = shutil.copytree if (PROJECT / name).is_dir() else shutil.copy
        copy_of(PROJECT / name, project / name)
    for task in TASKS:
        (project / f"outcomes/{task}.json").write_text('{"runs": []}')
    run(project, "check").right()
    page = (project / "reports/replication.html").read_bytes()
    with _disk(folder / "disk") as place:
        if where == "reports":
            shutil.copytree(project / "reports", place, dirs_exist_ok=True)
            shutil.rmtree(project / "reports")
            (project / "reports").symlink_to(place)
        environment = {"TMPDIR": str(place)} if where == "TMPDIR" else {}
        _fill(place, "no room", 1)
        try:
            run(project, "report", **environment).check()
        except UserError:
            if (project / "reports/replication.html").read_bytes() != page:
                raise Silent("the old page is gone") from None
            _make_room(place)
            run(project, "report", **environment).check()
            if not (project / "reports/replication.html").read_text().rstrip().endswith("</html>"):
                raise Silent("half a page") from None
            raise


def _dvc(where: str, left: int, folder: Path) -> None:
    """`dvc repro` says in its own words that there is no room, and the same command goes on afterwards."""
    command, run_folder = "dvc repro train@cifar", "runs/cifar/plain-8/seed-0"
    with _disk(folder / "disk", "256m", 5000) as place:
        checkout = make_checkout(place / "checkout" if where == "checkout" else folder / "checkout")
        if where == "cache":
            checkout.run(f"dvc cache dir --local {place}/cache")
        _fill(place, "no room", left)
        ended = checkout.attempt(command, REPLICATION_TRACKING="off")
        _make_room(place)
        checkout.run(command, REPLICATION_TRACKING="off")
        if "Data and pipelines are up to date" not in checkout.run(command, REPLICATION_TRACKING="off"):
            raise Silent("a stage that is done is done again")
        if not (checkout.folder / run_folder / "net.safetensors").exists():
            raise Silent("the run is lost")
        if "Traceback" in ended.stdout:
            raise RuntimeError(ended.stdout)
        if ended.returncode:
            raise UserError(f"{' '.join(ended.stdout.split()[-40:])}.")


@contextmanager
def _disk(folder: Path, size: str = "32m", inodes: int = 500) -> Iterator[Path]:
    """A file system that no other process sees."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},nr_inodes={inodes}", "none", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=False)


def _fill(place: Path, how: str, left: int) -> None:
    """Leave so many pages, or inodes, or no right to write."""
    filler = place / "filler"
    filler.mkdir()
    if how == "no room":
        file = os.open(filler / "file", os.O_CREAT | os.O_WRONLY)
        with suppress(OSError):
            while True:
                os.write(file, bytes(PAGE))
        os.ftruncate(file, max(0, os.fstat(file).st_size - left * PAGE))
        os.close(file)
    elif how == "no inodes":
        with suppress(OSError):
            for number in range(10_000):
                (filler / str(number)).touch()
        for path in list(filler.iterdir())[:left]:
            path.unlink()
    else:
        subprocess.run(["mount", "-o", "remount,ro", place], check=True)


def _make_room(place: Path) -> None:
    subprocess.run(["mount", "-o", "remount,rw", place], check=True)
    shutil.rmtree(place / "filler", ignore_errors=True)
