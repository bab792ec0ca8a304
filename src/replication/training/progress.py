"""The supervision of a training: lock, stop requests, progress bar, and the report of its failure."""

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout
from tqdm import tqdm

from replication.config.recipe import Recipe
from replication.errors import UserError
from replication.files import describe_cause
from replication.runs.curve import ERROR, RATE, TRAIN, Point
from replication.runs.record import run_name
from replication.tracking.live import LiveRun
from replication.training.processes import Processes
from replication.training.state import NonFiniteLoss, State


class Progress(Protocol):
    """The finished share of a training, from 0 to 1: a number in memory that another process reads."""

    value: float


class Stopped(Exception):
    """Training was asked to stop (Ctrl-C, SIGTERM); its checkpoint is saved."""


def make_bar(state: State, recipe: Recipe, is_visible: bool) -> tqdm:
    """A progress bar of iterations, on the standard error."""
    return tqdm(
        total=recipe.schedule.iterations, initial=state.iteration, desc=run_name(recipe), unit="it",
        mininterval=0.5 if sys.stderr.isatty() else 30, dynamic_ncols=True, disable=not is_visible,
    )  # fmt: skip


def update_bar(bar: tqdm, points: Sequence[Point], batch_size: int) -> None:
    """Count an iteration; show its points of the curve, if it has any."""
    if points:
        values = {point.metric: point.value for point in points if point.split == TRAIN}
        seconds = bar.format_dict["elapsed"]
        speed = f", {(bar.n - bar.initial) * batch_size / seconds:.0f} images/s" if seconds else ""
        bar.set_postfix_str(f"error {values[ERROR]:.1f} %, rate {values[RATE]:g}{speed}", refresh=False)
    bar.update()


@contextmanager
def report_failure(recipe: Recipe, work: Path, live: LiveRun) -> Iterator[None]:
    """Mark an unfinished training KILLED or FAILED in MLflow; explain a diverged loss to the user."""
    try:
        yield
    except BaseException as error:
        live.end("KILLED" if isinstance(error, Stopped | KeyboardInterrupt) else "FAILED")
        if isinstance(error, NonFiniteLoss):
            raise NonFiniteLoss(
                f"{run_name(recipe)}: {error}; the last good checkpoint is in {work}. "
                "Lower schedule.learning_rate (it is "
                f"{recipe.schedule.learning_rate:g}) or optimiser.weight_decay ({recipe.optimiser.weight_decay:g}), or "
                "set precision to fp32.",
                key="schedule.learning_rate",
                file=work,
            ) from error
        raise


@contextmanager
def catch_stop_requests() -> Iterator[list[int]]:
    """A list to which SIGINT and SIGTERM are appended; a second signal acts at once."""
    requests: list[int] = []

    def request(number: int, _: object) -> None:
        requests.append(number)
        signal.signal(number, previous[number])

    previous = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield requests
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def lock_run(work: Path, processes: Processes) -> Iterator[None]:
    """Lock a run: killing DVC leaves its child training, and a second start must not write the same checkpoint."""
    if processes.rank > 0:
        yield
        return
    work.mkdir(parents=True, exist_ok=True)
    lock = FileLock(work / "lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise UserError(
            f"another process is training this run (it holds {work / 'lock'}); wait for it, or stop it, and run again.",
            kind="busy",
            file=work / "lock",
        ) from error
    except OSError as error:  # some network file systems have no locks
        raise UserError(
            f"{work / 'lock'} cannot be locked: {describe_cause(error)}. Set the environment variable "
            "REPLICATION_SCRATCH to a folder on a local disk, and run again.",
            kind="unavailable",
            key="REPLICATION_SCRATCH",
            file=work / "lock",
        ) from error
    try:
        yield
    finally:
        lock.release()
