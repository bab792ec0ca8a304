"""What a training shows and keeps while it runs: the bar, its MLflow run, and its state on disk."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from filelock import FileLock, Timeout
from tqdm import tqdm

from replication.errors import UserError
from replication.recipe import Recipe
from replication.training.processes import Processes
from replication.training.state import NonFiniteLoss, State
from replication.training.tracking import Tracker


class Stopped(Exception):
    """Training was asked to stop (Ctrl-C, SIGTERM); its state is saved."""


class Progress:
    """The first process shows and keeps; the others only train."""

    def __init__(self, state: State, recipe: Recipe, work: Path, tracker: Tracker, processes: Processes):
        self.state, self.recipe, self.work, self.tracker = state, recipe, work, tracker
        self.first, self.name = processes.rank == 0, f"{recipe.net} · seed {recipe.seed}"
        self.tracked = len(state.curve)
        self.clock = self.saved_at = time.monotonic()

    def __enter__(self) -> "Progress":
        state = self.state
        if self.first:
            state.mlflow_run_id = self.tracker.start(state.mlflow_run_id)
        self.bar = tqdm(
            total=self.recipe.schedule.iterations, initial=state.iteration, desc=self.name, unit="it",
            mininterval=0.5 if sys.stderr.isatty() else 30, dynamic_ncols=True, disable=not self.first,
        )  # fmt: skip
        if state.starts > 1 and self.first:
            self.bar.write(f"{self.name}: continues from iteration {state.iteration:,}", file=sys.stderr)
        elif state.starts == 1:
            self.save()  # so that even a run killed at once continues its own MLflow run
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.bar.close()
        if error is None:
            return
        if self.first:
            self.tracker.finish("KILLED" if isinstance(error, Stopped | KeyboardInterrupt) else "FAILED")
        if isinstance(error, NonFiniteLoss):
            raise NonFiniteLoss(
                f"{self.name}: {error}; the last good state is kept in {self.work}. "
                "Lower schedule.learning_rate or set precision to fp32."
            ) from error

    def step(self, row: dict[str, float | None] | None) -> None:
        """One iteration is done; `row` is its row of the curve, if there is one."""
        if row:
            seconds, batch = self.bar.format_dict["elapsed"], self.recipe.schedule.batch_size
            speed = f", {(self.bar.n - self.bar.initial) * batch / seconds:.0f} images/s" if seconds else ""
            self.bar.set_postfix_str(
                f"error {row['train_error']:.1f} %, rate {row['learning_rate']:g}{speed}", refresh=False
            )
        self.bar.update()

    def seconds_since_save(self) -> float:
        return time.monotonic() - self.saved_at

    def save(self) -> None:
        """Send new rows to MLflow and the state to disk."""
        now = time.monotonic()
        self.state.seconds, self.clock, self.saved_at = self.state.seconds + now - self.clock, now, now
        if self.first:
            self.tracker.log(self.state.curve[self.tracked :])
            self.tracked = len(self.state.curve)
            self.state.save(self.work)

    def stopped(self) -> Stopped:
        return Stopped(
            f"{self.name} stopped at iteration {self.state.iteration:,}; the same command continues from there."
        )


@contextmanager
def stop_requests() -> Iterator[list[int]]:
    """A list that is no longer empty once SIGINT or SIGTERM came; a second one of them acts at once."""
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
def only_process(work: Path, processes: Processes) -> Iterator[None]:
    """Killing DVC leaves its child training; a second start must not write into the same state."""
    if processes.rank > 0:
        yield
        return
    work.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(work / "lock", timeout=0):
            yield
    except Timeout as error:
        raise UserError(
            f"another process is training this run (it holds {work / 'lock'}); wait for it, or stop it, and run again."
        ) from error
