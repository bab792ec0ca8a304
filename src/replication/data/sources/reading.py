"""Read the user's files, or say why that fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from replication.files import describe_cause, make_read_error, require_regular


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
