"""Write files and folders, whole or not at all, with digests by which every read is checked."""

import errno
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

from replication.errors import Kind, UserError

SUMS = "SHA256SUMS"  # of a folder, as `sha256sum --check` reads it

# What the user can do about errors of the operating system.
_ROOM = "no space (or no inode) is left there; make room and run again"
_RIGHTS = "it is not permitted; change owner or permissions (chown, chmod) and run again"
REMEDIES = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: "the quota is used up; make room and run again",
    errno.ENOENT: "it is missing",
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EFBIG: "files may not be so large here (ulimit -f); raise the limit and run again",
    errno.EROFS: "the file system is read-only; remount it for writing and run again",
    errno.EMFILE: "too many files are open; raise the limit (ulimit -n) and run again",
    errno.ENFILE: "too many files are open on this machine; close some and run again",
}


class NotRegularError(OSError):
    """A pipe or a device where a file should be."""


def describe_cause(error: Exception) -> str:
    """The cause of an error of the operating system, with its remedy where there is one."""
    return REMEDIES.get(error_number(error)) or " ".join((getattr(error, "strerror", None) or str(error)).split())


def error_number(error: Exception) -> int | None:
    """The errno of an error; None: it is none of the operating system. Decoders raise OSError without an errno."""
    if match := re.search(r"os error (\d+)", str(error)):  # safetensors has an exception of its own
        return int(match[1])
    return getattr(error, "errno", None)


def classify_error(error: Exception) -> Kind:
    """The kind of an error that reading a file raised.

    Only content can be damaged. If the system refuses to read a file, nothing is known of its content, whatever the
    reason: a network file system, say, can fail once.
    """
    number = error_number(error)
    if number in (errno.ENOENT, errno.ENOTDIR) or isinstance(error, FileNotFoundError):  # safetensors' has no errno
        return "missing"
    if number is None or isinstance(error, NotRegularError) or number in (errno.EISDIR, errno.ELOOP):
        return "damaged"
    return "unreadable"


def make_read_error(
    path: Path,
    error: Exception,
    message: str,
    key: str | None = None,
    error_class: type[UserError] = UserError,
) -> UserError:
    """The error for a failed read. It advises to delete or fetch a file only if its content is known to be bad.

    Args:
        message, key: for a file that is missing or damaged.
    """
    kind = classify_error(error)
    if kind == "unreadable":
        again = "" if error_number(error) in REMEDIES else "; run again"
        message = f"{path} could not be read: {describe_cause(error)}{again}. Nothing was deleted."
        key = None  # no other value would mend it
    return error_class(message, kind=kind, key=key, file=path)


@contextmanager
def replace_folder(folder: Path, note: str = "") -> Iterator[Path]:
    """A new folder to write in. It replaces `folder` at the end; after an error it is removed.

    Its files are sealed by their digests in `SUMS`, which `check_whole` compares. Leftovers of killed processes are
    removed.

    Args:
        note: added to the message of a failure, "the resume state is kept" say.

    Raises:
        UserError: it could not be written; says why.
    """
    unfinished = folder.with_name(f".{folder.name}-{os.getpid()}")
    try:
        remove_leftovers(folder)
        unfinished.mkdir(parents=True)
        yield unfinished
        seal(unfinished)
        if folder.exists():
            shutil.rmtree(folder)
        unfinished.rename(folder)
    except Exception as error:
        if isinstance(error, OSError) or type(error).__name__ == "SafetensorError":
            message = f"{folder} could not be written: {describe_cause(error)}{note and f'; {note}'}."
            raise UserError(message, kind="unwritable", file=folder) from error
        raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def remove_leftovers(folder: Path) -> None:
    """Remove what processes left beside `folder` that were killed while writing it."""
    for unfinished in folder.parent.glob(f".{folder.name}-*"):
        process = unfinished.name.removeprefix(f".{folder.name}-")
        if process.isdecimal() and (int(process) == os.getpid() or not _runs(int(process))):
            shutil.rmtree(unfinished, ignore_errors=True)


def seal(folder: Path) -> None:
    """Write the digests of all files below a folder into it."""
    paths = (path for path in sorted(folder.rglob("*")) if path.is_file() and path != folder / SUMS)
    lines = (f"{sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in paths)
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def is_in_git(path: Path) -> bool:
    """Whether the last commit of the repository around `path`, a path or a pattern, has it, be it on disk or not."""
    folder = next((parent for parent in path.absolute().parents if parent.is_dir()), Path())
    command = ["git", "-C", str(folder), "ls-files", "--with-tree=HEAD", "--", str(path.absolute())]
    with suppress(OSError):
        return bool(subprocess.run(command, capture_output=True, text=True).stdout.strip())
    return False


def require_regular(path: Path) -> Path:
    """The path of a regular file, or of a missing one.

    Raises:
        OSError: it is a pipe, which would block, or a device, which has no end.
    """
    if path.exists() and not path.is_file():
        raise NotRegularError(errno.EINVAL, "no regular file", str(path))
    return path


def check_whole(folder: Path, name: str, remake: str) -> Path:
    """The file `name` of a folder, if it is as `replace_folder` wrote it. Every read is checksummed here.

    Args:
        remake: the command that makes the folder again, "run `dvc repro`".

    Raises:
        UserError: it is missing, was changed since, or cannot be read.
    """
    path, sums = folder / name, folder / SUMS
    try:
        digest = sha256(require_regular(path))
        lines = _lines(require_regular(sums), sums.stat().st_mtime_ns) if sums.exists() else frozenset()
    except FileNotFoundError as error:
        raise UserError(f"{path} is missing; {remake}.", kind="missing", file=path) from error
    except (OSError, ValueError) as error:
        raise make_read_error(path, error, f"{path} cannot be read ({error}); delete {folder} and {remake}.") from error
    if f"{digest}  {name}" not in lines:
        cause = f"its sha256 is not that in {SUMS}" if lines else f"{sums} is missing"
        raise UserError(f"{path} is damaged ({cause}); delete {folder} and {remake}.", kind="damaged", file=path)
    return path


@lru_cache(maxsize=8)
def _lines(path: Path, _: int) -> frozenset[str]:
    """The lines of a file; read again when its time has changed."""
    return frozenset(path.read_text(encoding="utf-8").splitlines())


def sha256(path: Path) -> str:
    """The digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's
        return True
    return True


UNFINISHED = ".unfinished"  # ends the name of a file that is being written


def write_together(folder: Path, contents: Mapping[str, bytes]) -> None:
    """Replace several files of a folder, all or none: all are written first, then renamed in this order.

    If it is killed in between, `finish_writing` completes the folder.

    Raises:
        UserError: one cannot be written; the old files are untouched.
    """
    try:
        for name, content in contents.items():
            _write(folder / (name + UNFINISHED), content)
    except OSError as error:
        for name in contents:
            with suppress(OSError):
                (folder / (name + UNFINISHED)).unlink(missing_ok=True)
        message = f"{folder / name} could not be written: {describe_cause(error)}."
        raise UserError(message, kind="unwritable", file=folder / name) from error
    for name in contents:
        (folder / (name + UNFINISHED)).replace(folder / name)
    _sync(folder)


def finish_writing(folder: Path, names: Sequence[str]) -> None:
    """Finish or undo a `write_together` that was killed.

    While the first file is unfinished, nothing was renamed: all unfinished files are deleted. Else they are renamed.
    """
    is_incomplete = (folder / (names[0] + UNFINISHED)).exists()
    for name in names:
        unfinished = folder / (name + UNFINISHED)
        if unfinished.exists():
            unfinished.unlink() if is_incomplete else unfinished.replace(folder / name)


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Make renames in a folder survive a power cut."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def write_durably(path: Path, content: bytes, before: Path | None = None) -> None:
    """Replace a file so that a crash or a power cut leaves either the old one or the new one.

    Args:
        before: where the old file is kept.

    Raises:
        UserError: it cannot be written (the disk is full, say); the old file is untouched.
    """
    unfinished = path.with_name(path.name + UNFINISHED)
    try:
        _write(unfinished, content)
        if before and path.exists():
            before.unlink(missing_ok=True)
            try:
                before.hardlink_to(path)
            except OSError:  # a file system without links
                shutil.copyfile(path, before)
        unfinished.replace(path)
        _sync(path.parent)
    except OSError as error:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
        message = f"{path} ({len(content) / 2**20:.0f} MiB) could not be written: {describe_cause(error)}."
        raise UserError(message, kind="unwritable", file=path) from error
