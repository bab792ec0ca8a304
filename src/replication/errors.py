"""The user-facing error."""

from pathlib import Path
from typing import Literal

# What went wrong, for code and tests; the message is for people.
Kind = Literal[
    "invalid",  # a value that makes no sense, or that does not fit another one
    "unknown",  # a name that does not exist: a key, net, variant, data set, profile, protocol
    "missing",  # a file, a folder, a run or a required key is not there
    "damaged",  # a file was changed or cut since it was written, or cannot be decoded
    "unreadable",  # the operating system refuses to read a file now; nothing is known of its content
    "unwritable",  # a file cannot be written: no space, no permission
    "conflict",  # two things that belong together disagree: run and recipe, code and record, weights and net
    "busy",  # another process is working on it
    "unavailable",  # this machine lacks it: a device, a compiler, a server
    "diverged",  # a loss or a weight is not finite
    "failed",  # runs of a stage failed; the message names them
]


class UserError(Exception):
    """A user-facing error: what failed, why, and the key or command that mends it.

    Args:
        message: for people, in that order; one sentence or two.
        kind: for code and tests.
        key: the wrong key of a params file, profile or recipe, such as "cifar.seeds", or None.
        file: the wrong file or folder, or None.
    """

    def __init__(self, message: str, *, kind: Kind = "invalid", key: str | None = None, file: Path | None = None):
        super().__init__(message)
        self.kind, self.key, self.file = kind, key, file
