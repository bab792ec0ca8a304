"""Run jobs side by side, each in a process of its own: `side_by_side`.

torch is imported once, by a server process from which all workers are forked. The server never touches a GPU, so its
children may. What a worker prints stands above one line of progress. A job that fails does not stop the others.
Ctrl-C and SIGTERM are passed on to the workers: a training saves its state. So does one whose parent was killed.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from typing import Any

from tqdm import tqdm

from pipeline import stage

CONTEXT = get_context("forkserver")
PRELOAD = ["torch", "torch.optim", "safetensors.torch", "replication.training.run", "replication.evaluation.score"]
BAR = "{desc}{bar:20} {percentage:3.0f} %, {remaining} left"


@dataclass(frozen=True)
class Job:
    """A call `function(*arguments, progress)`; the function sets `progress.value` to the share that it has done."""

    name: str  # for people: "resnet-56 · seed 1"
    function: Callable[..., None]  # of a module's top level, as another process must find it
    arguments: tuple[Any, ...]
    cost: float = 1.0  # relative to other jobs: the longest starts first, and progress is weighted by it
    after: tuple[str, ...] = ()  # names of jobs that must succeed before


@dataclass(frozen=True)
class Slots:
    """How many jobs run at a time, with how many threads each (None: as torch chooses), and on which GPUs."""

    count: int
    threads: int | None = None
    gpus: tuple[str, ...] = ()


class Worker:
    """A process that runs a job."""

    def __init__(self, job: Job, slot: int, slots: Slots):
        reader, writer = CONTEXT.Pipe(duplex=False)
        self.job, self.slot = job, slot
        self.progress = CONTEXT.RawValue("d", 0.0)
        gpu = slots.gpus[slot % len(slots.gpus)] if slots.gpus else None
        self.process = CONTEXT.Process(target=_work, args=(job, self.progress, writer, slots.threads, gpu))
        self.process.start()
        writer.close()
        self.printer = threading.Thread(target=_print_lines, args=(reader,), daemon=True)
        self.printer.start()

    def has_succeeded(self) -> bool:
        """Wait for the end of the process and of what it prints."""
        self.process.join()
        self.printer.join(timeout=5)
        return self.process.exitcode == 0


def side_by_side(jobs: Sequence[Job], slots: Slots) -> list[str]:
    """Run all jobs; returns the names of those that failed, and of those that needed one of these.

    Raises:
        SystemExit: 130 after Ctrl-C or SIGTERM, once all workers have ended.
    """
    CONTEXT.set_forkserver_preload(PRELOAD)
    waiting = sorted(jobs, key=lambda job: -job.cost)
    running: list[Worker] = []
    succeeded: set[str] = set()
    failed: list[str] = []
    with _passed_on(running) as stops, _bar(jobs) as bar:
        while waiting or running:
            while (job := _next(waiting, jobs, succeeded)) and len(running) < slots.count and not stops:
                waiting.remove(job)
                free = min(set(range(slots.count)) - {worker.slot for worker in running})
                running.append(Worker(job, free, slots))
            if not running:  # all that wait need a job that failed, or stopping was asked for
                break
            wait([worker.process.sentinel for worker in running], timeout=0.5)
            for worker in [worker for worker in running if not worker.process.is_alive()]:
                running.remove(worker)
                if worker.has_succeeded():
                    succeeded.add(worker.job.name)
                else:
                    failed.append(worker.job.name)
            _show(bar, jobs, succeeded, running)
    if stops:
        print("\nstopped; all that was done is kept: run the same command again\n", file=sys.stderr)
        sys.exit(130)
    return failed + [job.name for job in waiting]


def _next(waiting: Sequence[Job], jobs: Sequence[Job], succeeded: set[str]) -> Job | None:
    """The longest job that can begin."""
    names = {job.name for job in jobs}
    return next((job for job in waiting if names.intersection(job.after) <= succeeded), None)


@contextmanager
def _passed_on(running: Sequence[Worker]) -> Iterator[list[int]]:
    """Pass SIGINT and SIGTERM on to the workers as SIGTERM; gives the list of those that came."""
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


def _bar(jobs: Sequence[Job]) -> tqdm:
    """One line of progress, on the standard error; where that is no terminal, a line now and then."""
    return tqdm(
        total=sum(job.cost for job in jobs), bar_format=BAR, mininterval=0.2 if sys.stderr.isatty() else 20,
        smoothing=0.02, dynamic_ncols=True, leave=False,
    )  # fmt: skip


def _show(bar: tqdm, jobs: Sequence[Job], succeeded: set[str], running: Sequence[Worker]) -> None:
    done = sum(job.cost for job in jobs if job.name in succeeded)
    done += sum(worker.job.cost * worker.progress.value for worker in running)
    names = ", ".join(worker.job.name for worker in running)
    bar.set_description_str(f"{len(succeeded)}/{len(jobs)}  {names}  ", refresh=False)
    bar.update(done - bar.n)


def _print_lines(reader: Connection) -> None:
    """Print what a worker says, line by line, above the bar."""
    with os.fdopen(os.dup(reader.fileno()), encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.strip():
                tqdm.write(line.rstrip("\n"))


def _work(job: Job, progress: Any, writer: Connection, threads: int | None, gpu: str | None) -> None:
    """The life of a worker."""
    os.setpgrp()  # Ctrl-C reaches the parent alone, which passes it on
    threading.Thread(target=_end_with_parent, daemon=True).start()
    for stream in (1, 2):
        os.dup2(writer.fileno(), stream)
    for file in (sys.stdout, sys.stderr):
        file.reconfigure(line_buffering=True)
    if gpu is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu
    if threads:
        import torch

        os.environ["OMP_NUM_THREADS"] = str(threads)
        torch.set_num_threads(threads)
    stage.run(lambda: job.function(*job.arguments, progress))


def _end_with_parent() -> None:
    wait([parent_process().sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
