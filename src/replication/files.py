"""The one place that writes files and folders: whole or not at all."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from replication.errors import UserError


@contextmanager
def replacing(folder: Path, remedy: str) -> Iterator[Path]:
    """A new folder to write in. At the end it takes the place of `folder`; after an error nothing is left of it.

    Args:
        remedy: what the user can do if it cannot be written, "free some disk space and run again".

    Raises:
        UserError: it could not be written.
    """
    unfinished = folder.with_name(f".{folder.name}-{os.getpid()}")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        unfinished.mkdir(parents=True)
        yield unfinished
        if folder.exists():
            shutil.rmtree(folder)
        unfinished.rename(folder)
    except Exception as error:
        # safetensors has an exception of its own for a disk that is full.
        if isinstance(error, OSError) or type(error).__name__ == "SafetensorError":
            raise UserError(f"{folder} could not be written ({error}); {remedy}.") from error
        raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def write_durably(path: Path, content: bytes) -> None:
    """Replace a file so that a crash or a power cut leaves the old one or the new one, whole.

    Raises:
        UserError: it cannot be written (the disk is full, say); the old file is untouched.
    """
    unfinished = path.with_name(path.name + ".unfinished")
    try:
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        why = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else str(error)
        raise UserError(
            f"{path} ({len(content) / 2**20:.0f} MiB) could not be written: {why}; make room for it and run again."
        ) from error
