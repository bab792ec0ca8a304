"""Run jobs side by side, each in its own process: `run_jobs`.

A server process imports torch once, and all workers are forked from it. The server never touches a GPU, so its children
can. The output of workers is printed above one progress line. A failing job does not stop the others. Ctrl-C and
SIGTERM are forwarded to the workers: a training saves its checkpoint. It also does so when its parent is killed.
"""

import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from typing import Any

from pipeline import stage
from pipeline.mps import share_gpus

CONTEXT = get_context("forkserver")
PRELOAD = ["torch", "torch.optim", "safetensors.torch", "replication.training.run", "replication.evaluate"]


@dataclass(frozen=True)
class Job:
    """A call `function(*arguments, progress)`; the function sets `progress.value` to the finished share."""

    name: str  # for people: "resnet-56 · seed 1"
    function: Callable[..., None]  # at a module's top level, so that another process can import it
    arguments: tuple[Any, ...]
    cost: float = 1.0  # relative: the longest job starts first, and progress is weighted by it


@dataclass(frozen=True)
class Slots:
    """The number of jobs at a time, the threads of each (None: torch chooses), and their GPUs."""

    count: int
    threads: int | None = None
    gpus: tuple[str, ...] = ()


class Worker:
    """A process that runs a job."""

    def __init__(self, job: Job, slot: int, slots: Slots, status: "Status", variables: Mapping[str, str]):
        reader, writer = CONTEXT.Pipe(duplex=False)
        self.job, self.slot = job, slot
        self.progress = CONTEXT.RawValue("d", 0.0)
        # Set in the worker: it is forked from a server that started before.
        gpu = {"CUDA_VISIBLE_DEVICES": slots.gpus[slot % len(slots.gpus)]} if slots.gpus else {}
        arguments = (job, self.progress, writer, slots.threads, {**variables, **gpu})
        self.process = CONTEXT.Process(target=_work, args=arguments)
        self.process.start()
        writer.close()
        self.printer = threading.Thread(target=_print_lines, args=(reader, status), daemon=True)
        self.printer.start()

    def has_succeeded(self) -> bool:
        """Wait for the process and its output; whether it exited with 0."""
        self.process.join()
        self.printer.join(timeout=5)
        return self.process.exitcode == 0


def run_jobs(jobs: Sequence[Job], slots: Slots) -> list[str]:
    """Run all jobs; returns the names of those that failed.

    Raises:
        SystemExit: 130 after Ctrl-C or SIGTERM, once all workers have ended.
    """
    CONTEXT.set_forkserver_preload(PRELOAD)
    waiting = sorted(jobs, key=lambda job: -job.cost)
    running: list[Worker] = []
    succeeded: set[str] = set()
    failed: list[str] = []
    status = Status(jobs)
    with share_gpus(slots.count, slots.gpus) as variables, _forward_signals(running) as stops:
        while waiting or running:
            while waiting and len(running) < slots.count and not stops:
                job = waiting.pop(0)
                free = min(set(range(slots.count)) - {worker.slot for worker in running})
                running.append(Worker(job, free, slots, status, variables))
            if not running:  # asked to stop
                break
            status.show(succeeded, running)
            wait([worker.process.sentinel for worker in running], timeout=0.5)
            for worker in [worker for worker in running if not worker.process.is_alive()]:
                running.remove(worker)
                if worker.has_succeeded():
                    succeeded.add(worker.job.name)
                else:
                    failed.append(worker.job.name)
        status.show(succeeded, running)  # leaves an empty line on a terminal
    if stops:
        print("\nstopped; finished work is kept. Run the same command again\n", file=sys.stderr)
        sys.exit(130)
    return failed


@contextmanager
def _forward_signals(running: Sequence[Worker]) -> Iterator[list[int]]:
    """Forward SIGINT and SIGTERM to the workers as SIGTERM; gives the list of received signals."""
    stops: list[int] = []

    def stop(number: int, _: object) -> None:
        stops.append(number)
        for worker in running:
            with suppress(ProcessLookupError):
                os.kill(worker.process.pid, signal.SIGTERM)

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stops
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


class Status:
    """The progress line: jobs done, jobs running, time left. Without a terminal it is printed when a job ends, and each
    minute.
    """

    def __init__(self, jobs: Sequence[Job]):
        self.jobs, self.terminal, self.lock = jobs, sys.stderr.isatty(), threading.Lock()
        self.began = self.shown_at = time.monotonic()
        self.shown = ""

    def show(self, succeeded: set[str], running: Sequence[Worker]) -> None:
        now, total = time.monotonic(), sum(job.cost for job in self.jobs)
        done = sum(job.cost for job in self.jobs if job.name in succeeded)
        done += sum(worker.job.cost * worker.progress.value for worker in running)
        names = ", ".join(worker.job.name for worker in running)
        line = f"{len(succeeded)}/{len(self.jobs)} {names}"
        if self.terminal or line != self.shown or now - self.shown_at > 60:
            self.shown, self.shown_at = line, now
            left = (
                f" … {_format_seconds((now - self.began) * (total - done) / done)} left" if done > 0.01 * total else ""
            )
            self.print(line + left if names else "", last=True)

    def print(self, line: str, last: bool = False) -> None:
        """Print a line above the last one, or the last one itself."""
        with self.lock:
            if self.terminal:
                end = "" if last else "\n"
                width = shutil.get_terminal_size().columns - 1
                print(f"\r\x1b[2K{line[:width] if last else line}", end=end, file=sys.stderr, flush=True)
            elif line:
                print(line, file=sys.stderr, flush=True)


def _format_seconds(seconds: float) -> str:
    if seconds < 90:
        return f"{max(5, 5 * round(seconds / 5))} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _print_lines(reader: Connection, status: Status) -> None:
    """Print the output of a worker, line by line."""
    with os.fdopen(os.dup(reader.fileno()), encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.strip():
                status.print(line.rstrip("\n"))


def _work(job: Job, progress: Any, writer: Connection, threads: int | None, variables: Mapping[str, str]) -> None:
    """Run a job in a worker process."""
    os.setpgrp()  # Ctrl-C reaches the parent alone, which forwards it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for stream in (1, 2):
        os.dup2(writer.fileno(), stream)
    sys.stdout, sys.stderr = (os.fdopen(os.dup(number), "w", 1, "utf-8", "backslashreplace") for number in (1, 2))
    os.environ.update(variables)
    if threads:
        import torch

        os.environ["OMP_NUM_THREADS"] = str(threads)
        torch.set_num_threads(threads)
    stage.run(lambda: job.function(*job.arguments, progress))


def _end_with_parent() -> None:
    wait([parent_process().sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
