"""Trials, each in a child of this process, which has imported torch once; sorted by how they ended."""

import multiprocessing
import os
import resource
import shutil
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from replication.errors import UserError

FORK = multiprocessing.get_context("fork")
OUTCOMES = ("survived", "sentence", "silent", "hung", "traceback")
FAULTS = OUTCOMES[2:]
MEMORY = 4 * 2**30  # bytes that a trial may take on top of what torch has mapped


class Silent(Exception):
    """A wrong result, or nonsense that was accepted, without a word; or something of the user's that is lost."""


@dataclass(frozen=True)
class Trial:
    """`act(folder)`, in an empty folder, returns where the right result came of it.

    Where it raises a UserError, its sentence must have one of the words `names`: a file or a key. Whatever else it
    raises but `Silent` is what a user would see as a traceback.
    """

    name: str
    act: Callable[[Path], object]
    names: tuple[str, ...] = ("/",)
    seconds: float = 60


def attempt(trial: Trial, folder: Path, quiet: bool = True) -> tuple[str, str]:
    """How a trial ended, one of `OUTCOMES`, and in which words. Its folder, and what it started, is gone afterwards."""
    folder.mkdir(parents=True)
    receive, send = FORK.Pipe(duplex=False)
    process = FORK.Process(target=_child, args=(trial, folder, quiet, send))
    process.start()
    send.close()
    try:
        process.join(trial.seconds)
        if process.is_alive():
            return "hung", f"not at its end after {trial.seconds:g} seconds"
        if receive.poll():
            with suppress(EOFError):
                return receive.recv()
        return "traceback", f"its process ended with {process.exitcode}"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.join()
        shutil.rmtree(folder, ignore_errors=True)


def _child(trial: Trial, folder: Path, quiet: bool, send: Connection) -> None:
    os.setsid()
    mapped = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_AS, (mapped + MEMORY, mapped + MEMORY))
    if quiet:
        print_to(Path(os.devnull))
    try:
        trial.act(folder)
        ended = "survived", ""
    except Silent as wrong:
        ended = "silent", str(wrong)
    except UserError as told:
        ended = "sentence" if _is_sentence(str(told), trial.names) else "traceback", str(told)
    except BaseException:
        ended = "traceback", traceback.format_exc()
    send.send((ended[0], ended[1][-20_000:]))


def _is_sentence(text: str, names: tuple[str, ...]) -> bool:
    """One sentence, or a line for each of several errors; with the file or the key that it is about."""
    first, *others = text.strip().splitlines() or [""]
    return first.endswith(":" if others else (".", "?")) and any(name in text for name in names)


def print_to(file: Path) -> None:
    """Let this process and those that it starts print to a file."""
    sys.stdout.flush()
    sys.stderr.flush()
    opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for standard in (1, 2):
        os.dup2(opened, standard)
