"""Read the user's files, or say why that fails."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from replication.files import describe_cause, is_in_git, make_read_error, require_regular


@contextmanager
def explain_errors(path: Path, remedy: str = "", key: str | None = None) -> Iterator[None]:
    """Turn an error of the operating system, or of UTF-8, that reading `path` raises into a UserError.

    Args:
        remedy: what the user can do, "extract the archive again".
        key: of params.yaml, where that is to be changed.
    """
    try:
        yield
    except (OSError, UnicodeDecodeError) as error:
        message = f"{path} cannot be read: {describe_cause(error)}{remedy and f'; {remedy}'}."
        raise make_read_error(path, error, message, key) from error


def read_bytes(file: Path, remedy: str = "", key: str | None = None) -> bytes:
    """The content of a file; arguments and errors as of `explain_errors`."""
    with explain_errors(file, remedy, key):
        return require_regular(file).read_bytes()


def read_lines(file: Path, remedy: str = "", key: str | None = None) -> list[str]:
    """The lines of a text file; arguments and errors as of `explain_errors`."""
    with explain_errors(file, remedy, key):
        return require_regular(file).read_text(encoding="utf-8").splitlines()


def find_nearby(root: Path, name: str) -> str:
    """Where something lies that `root` lacks, to end a remedy: "; it is in <folder>", "; <other name> is there"; or "".

    Looks one or two levels up, one down, at other suffixes, and into git.

    Args:
        name: of a file or folder below `root`, or a pattern, "train*.parquet".
    """
    with suppress(OSError):
        below = sorted(entry for entry in root.iterdir() if entry.is_dir()) if root.is_dir() else []
        for place in (root.parent, root.parent.parent, *below):
            if next(place.glob(name), None):
                return f"; {name} is in {place}"
        stem = name.partition(".")[0].rstrip("*")
        for other in sorted(root.glob(f"{stem}*")) if "/" not in name and "." in name else ():
            return f"; {other.name} is there: unpack it, or give it its own name"
    if is_in_git(root / name):
        return f"; it was deleted, and git has it: `git checkout HEAD -- {root / name}`"
    return ""
