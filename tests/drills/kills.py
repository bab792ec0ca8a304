"""Kills: SIGKILL, SIGTERM or SIGINT, then the same command again, which must end bit for bit as if nothing had been.

At random moments, at random single lines of the loop, of saving, of writing an entry of the run store and of copying it
to runs/, and while a file is half written; of `train`, with loader workers, with MLflow and of a whole task too, and of
the other stages.
"""

import os
import random
import shutil
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import Any

from drills.project import (
    NETS,
    Ended,
    copy,
    entry_of,
    files_of,
    make_photographs,
    make_project,
    printed_by,
    run,
    same_run,
    start,
)
from drills.runner import FORK, Silent, Trial
from replication.errors import UserError
from replication.runs.folder import read_curve, read_run
from replication.training.state import STATE

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
CIFAR = ("cifar", "resnet-8", "0")
RUN, OUTCOME = "runs/cifar/resnet-8/seed-0", "outcomes/cifar/resnet-8/seed-0"

Part = tuple[tuple[str, ...], str]  # files, and the function from whose first call on their lines count
PARTS: dict[str, Part] = {
    "the loop": (("training/loop.py", "training/backward.py", "training/run.py"), "train"),
    "saving": (("training/state.py", "replication/files.py"), "save"),
    "writing the entry": (("runs/folder.py", "replication/files.py", "shutil.py"), "write_run"),
    "copying the entry": (("pipeline/run_store.py", "replication/files.py", "shutil.py"), "take"),
}
OF_OTHERS: Part = (
    (
        "files.py",
        "shutil.py",
        "check.py",
        "evaluate.py",
        "store.py",
        "score.py",
        "scores.py",
        "responses.py",
        "tabulate.py",
        "results.py",
    ),
    "main",
)
SCRIPTS = {"train": "runs", "evaluate": "outcomes"}  # what they make
# What shows that a training is at it.
SIGHTS = {
    "saving": f".work/*/{STATE}.unfinished",
    "writing the entry": ".work/runs/.*/*",
    "copying the entry": "runs/cifar/resnet-8/.seed-0-*/*",
    "making MLflow's database": "mlflow.db.unfinished",
}


@dataclass(frozen=True)
class Command:
    """A stage of a project. Trials work on copies of the project."""

    project: Path
    script: str
    arguments: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)

    def start(self, folder: Path, first: Callable[[], object] | None = None) -> BaseProcess:
        return start(folder, self.script, *self.arguments, first=first, **self.environment)

    def end(self, folder: Path) -> float:
        """Run it to its end. Returns the seconds that it took."""
        begin = time.monotonic()
        run(folder, self.script, *self.arguments, **self.environment).check()
        return time.monotonic() - begin

    def lines(self, part: Part, folder: Path) -> int:
        """How many lines of a part of it are run."""
        count = FORK.Value("i", 0, lock=False)

        def one_more() -> None:
            count.value += 1

        self.start(copy(self.project, folder), lambda: _at_each_line(part, one_more)).join()
        return count.value


@dataclass(frozen=True)
class Kill:
    """A signal to a command: in sight of a file, at one of so many lines of a part, or else at any moment."""

    number: signal.Signals
    seconds: float  # that the command takes
    sight: str = ""
    part: Part | None = None
    lines: int = 0

    def strike(self, command: Command, folder: Path, dice: random.Random) -> Ended:
        """Start the command, and kill it."""
        line, moment = dice.randrange(max(self.lines, 1)), dice.uniform(0, self.seconds)
        process = command.start(folder, self.part and (lambda: _kill_itself(self.part, line, self.number)))
        if not self.part:
            process.join(moment if not self.sight or "saving" in self.sight else 0)
            while self.sight and process.is_alive() and not _seen(folder, self.sight):
                pass
            if process.is_alive():
                os.kill(process.pid, self.number)
        process.join()
        return Ended(process.exitcode, printed_by(process, folder))


def trials(dice: random.Random, shared: Path) -> Iterator[Trial]:
    """88 of `train`, 4 of it with loader workers, 3 while MLflow's database is made, 6 of whole tasks, whose
    runs are trained or tested in workers, and 9 of the other stages.
    """
    training, done = Command(make_project(shared / "project"), "train", CIFAR), shared / "done"
    seconds = training.end(copy(training.project, done))
    ways = {"at a moment": {}}
    for part, where in PARTS.items():
        ways[f"at a line of {part}"] = {"part": where, "lines": training.lines(where, shared / part)}
    ways |= {f"while {part}": {"sight": SIGHTS[part]} for part in list(SIGHTS)[:3]}
    for number in range(88):
        words, sent = list(ways)[number % len(ways)], SIGNALS[number // len(ways) % len(SIGNALS)]
        kills = [Kill(sent, seconds, **ways[words])]
        kills += [
            Kill(dice.choice(SIGNALS), seconds, **dice.choice(list(ways.values()))) for _ in range(dice.randrange(3))
        ]
        act = partial(_killed, training, kills, done, _same_training, dice.random())
        yield Trial(f"{sent.name} {words}, {len(kills)} kills in all", act)
    for number in range(4):
        yield Trial(
            f"{SIGNALS[number % 3].name} with loader workers",
            partial(_with_workers, SIGNALS[number % 3], dice.random()),
        )
    tracked = Command(training.project, "train", CIFAR, {"REPLICATION_TRACKING": ""})
    for sent in SIGNALS:
        kill = Kill(sent, seconds, SIGHTS["making MLflow's database"])
        act = partial(_killed, tracked, [kill], done, _same_tracked_training, dice.random())
        yield Trial(f"{sent.name} while making MLflow's database", act, seconds=180)
    for script in ("train", "evaluate"):
        for sent in SIGNALS:
            act = partial(_whole_task, script, sent, training.project, dice.random())
            yield Trial(f"{sent.name} to {script} of a task", act, seconds=180)
    for script in ("check", "evaluate", "tabulate"):
        for sent in SIGNALS:
            yield Trial(
                f"{sent.name} at a line of {script}", partial(_another_stage, script, sent, done, dice.random())
            )


def _seen(folder: Path, pattern: str) -> bool:
    try:
        return any(folder.glob(pattern))
    except FileNotFoundError:  # it went while it was looked at
        return False


def _killed(
    command: Command, kills: list[Kill], wanted: Path, same: Callable[[Path, Path], None], seed: float, folder: Path
) -> None:
    dice, project = random.Random(seed), copy(command.project, folder / "project")
    for kill in kills:
        ended = kill.strike(command, project, dice)
        importing = ended.printed.rstrip().endswith("KeyboardInterrupt") and "stage.run(main)" not in ended.printed
        if ended.code not in (0, 130, -kill.number) and not importing:  # a Ctrl-C before its first line is Python's own
            ended.check()
    command.end(project)
    same(project, wanted)
    _nothing_left(project)


def _nothing_left(project: Path) -> None:
    """What a killed process was writing, and resume states of runs that the store has."""
    states = [path for path in project.glob(".work/*") if path.name not in ("runs", "outcomes")]
    copies = [*project.glob(".work/*/.*"), *project.glob("runs/**/.*"), *project.glob("outcomes/**/.*")]
    if left := [*states, *copies, *project.glob(".recipes-*"), *project.rglob("*.unfinished")]:
        raise Silent(f"left behind: {', '.join(map(str, left))}")


def _same_training(project: Path, wanted: Path) -> None:
    """Weights, curve and record of each run, in runs/ and in the store."""
    for run_folder in sorted(path.parent for path in wanted.glob("runs/*/*/seed-0/run.json")):
        made = project / run_folder.relative_to(wanted)
        same_run(made, run_folder)
        if files_of(made) != files_of(entry_of(made)):
            raise Silent(f"{made} is not its entry of the store")


def _same_tracked_training(project: Path, wanted: Path) -> None:
    """And every point of the curve is in MLflow's database."""
    _same_training(project, wanted)
    identity, curve = read_run(project / RUN).mlflow_run_id, read_curve(project / RUN)
    with closing(sqlite3.connect(project / "mlflow.db")) as database:
        found = set(database.execute("SELECT key, step, value FROM metrics WHERE run_uuid = ?", [identity]))
    points = {(f"{point.split}/{point.metric}", point.iteration, point.value) for point in curve}
    if missing := points - found:
        raise Silent(f"MLflow lacks {len(missing)} of {len(points)} points")


def _with_workers(sent: signal.Signals, seed: float, folder: Path) -> None:
    """Photographs that are decoded by workers, which are the children of the process that is killed."""
    command = Command(make_photographs(folder / "template"), "train", ("imagenet", "resnet-18-B", "0"))
    seconds = command.end(copy(command.project, folder / "done"))
    _killed(command, [Kill(sent, seconds)], folder / "done", _same_training, seed, folder)


def _another_stage(script: str, sent: signal.Signals, done: Path, seed: float, folder: Path) -> None:
    """A stage that makes files only: they are equal, byte for byte."""
    template = copy(done, folder / "template")
    arguments, makes = {
        "check": ((), ("recipes",)), "evaluate": (CIFAR, (OUTCOME, ".work/outcomes")),
        "tabulate": (CIFAR[:1], ("results",)),
    }[script]  # fmt: skip
    if script == "tabulate":
        for net in NETS:
            for stage in ("train", "evaluate"):
                run(template, stage, "cifar", net, "0").right()
    command = Command(template, script, arguments)
    for made in makes:
        shutil.rmtree(template / made, ignore_errors=True)
    seconds = command.end(copy(template, folder / "done"))
    kill = Kill(sent, seconds, part=OF_OTHERS, lines=command.lines(OF_OTHERS, folder / "counted"))

    def same(project: Path, wanted: Path) -> None:
        for made in makes:
            if files_of(project / made) != files_of(wanted / made):
                raise Silent(f"{made} is not what an undisturbed {script} makes")

    _killed(command, [kill], folder / "done", same, seed, folder)


def _whole_task(script: str, sent: signal.Signals, untrained: Path, seed: float, folder: Path) -> None:
    """All runs of a task in workers, which outlive a SIGKILL of their parent for a moment."""
    template, dice, makes = copy(untrained, folder / "template"), random.Random(seed), f"{SCRIPTS[script]}/cifar"
    if script == "evaluate":
        run(template, "train", "cifar").right()
    command = Command(template, script, CIFAR[:1])
    seconds, project = command.end(copy(template, folder / "done")), copy(template, folder / "project")
    Kill(sent, seconds).strike(command, project, dice)
    for left in (3, 2, 1, 0):
        try:
            command.end(project)
            break
        except UserError:  # a run is busy
            if not left:
                raise
            time.sleep(2)
    if script == "train":
        _same_training(project, folder / "done")
    elif files_of(project / makes) != files_of(folder / "done" / makes):
        raise Silent(f"{makes} is not what an undisturbed {script} makes")
    _nothing_left(project)


def _kill_itself(part: Part, line: int, number: signal.Signals) -> None:
    """Let this process send itself a signal just before a line of a part."""
    lines = iter(range(line + 1))

    def at_line() -> None:
        if next(lines, None) == line:
            sys.settrace(None)
            os.kill(os.getpid(), number)

    _at_each_line(part, at_line)


def _at_each_line(part: Part, act: Callable[[], object]) -> None:
    files, since = part
    begun = False

    def at_line(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            act()
        return at_line

    def at_call(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal begun
        begun = begun or frame.f_code.co_name == since
        return at_line if begun and frame.f_code.co_filename.endswith(files) else None

    sys.settrace(at_call)
