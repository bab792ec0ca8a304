"""What is written is whole or not there, and what cannot be written or read is said with its cause and a remedy."""

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from checkout import PROJECT

from pipeline import check, stage
from replication import files
from replication.files import describe_cause, finish_writing, replace_folder, write_together

NOBODY = 65534


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.ENOSPC, "room"),
        (errno.EDQUOT, "quota"),
        (errno.EACCES, "chmod"),
        (errno.EROFS, "remount"),
        (errno.EIO, os.strerror(errno.EIO)),
    ],
)
def test_each_cause_has_its_own_remedy(number: int, remedy: str) -> None:
    assert remedy in describe_cause(OSError(number, os.strerror(number)))


def test_the_cause_of_a_full_disk_is_known_from_what_safetensors_raises(tmp_path: Path) -> None:
    class SafetensorError(Exception):
        pass

    raised = SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")
    assert describe_cause(raised) == describe_cause(OSError(errno.ENOSPC, ""))


@pytest.fixture
def of_another(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working folder: a project that its user may read, but owns nothing of."""
    folder = Path(tempfile.mkdtemp())
    shutil.copytree(PROJECT / "pipeline", folder / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(PROJECT / "params.yaml", folder)
    monkeypatch.chdir(folder)
    yield folder
    shutil.rmtree(folder)


def check_as_nobody(told: Path) -> str:
    """What the stage `check` says on its standard error to a user whom permissions stop, as they do not stop root."""
    process = os.fork()
    if not process:
        try:
            os.dup2(os.open(told, os.O_CREAT | os.O_WRONLY), 2)
            sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
            if os.geteuid() == 0:
                os.setgid(NOBODY)
                os.setuid(NOBODY)
            stage.run(check.main)
        except SystemExit as done:
            sys.stderr.flush()
            os._exit(int(str(done.code)))
        finally:
            os._exit(99)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 1
    return told.read_text(encoding="utf-8").strip()


def test_a_folder_that_one_may_not_write_in_is_told_in_one_sentence(of_another: Path, tmp_path: Path) -> None:
    of_another.chmod(0o555)
    told = check_as_nobody(tmp_path / "told")
    assert "recipes" in told and "chmod" in told and "\n" not in told


@pytest.mark.parametrize("unreadable", ["params.yaml", "pipeline/profiles/quick.yaml", "pipeline/profiles"])
def test_a_file_that_one_may_not_read_is_told_in_one_sentence(
    of_another: Path, tmp_path: Path, unreadable: str
) -> None:
    of_another.chmod(0o777)
    (of_another / unreadable).chmod(0)
    told = check_as_nobody(tmp_path / "told")
    (of_another / unreadable).chmod(0o755)
    assert unreadable in told and "chmod" in told and "\n" not in told


def test_what_a_killed_writer_left_goes_with_the_next_one(tmp_path: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    left, living = tmp_path / f".made-{dead.pid}", tmp_path / f".made-{os.getppid()}"
    for folder in (left, living):
        folder.mkdir()
    with replace_folder(tmp_path / "made") as unfinished:
        (unfinished / "file").write_text("whole", encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == [living.name, "made"]


@pytest.mark.parametrize("killed_at", range(6))
def test_files_that_are_written_together_are_all_old_or_all_new_after_a_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    """Three are written, then three renamed; the kill comes before one of these steps."""
    old, new = ({name: content + name.encode() for name in "abc"} for content in (b"old ", b"new "))
    write_together(tmp_path, old)
    steps = iter(range(6))

    def killed(step: Callable[..., Any]) -> Callable[..., Any]:
        def instead(*arguments: Any) -> Any:
            if next(steps) == killed_at:
                raise KeyboardInterrupt
            return step(*arguments)

        return instead

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(files, "_write", killed(files._write))
        patched.setattr(Path, "replace", killed(Path.replace))
        write_together(tmp_path, new)
    (tmp_path / "other.unfinished").write_bytes(b"half")
    finish_writing(tmp_path, "abc")
    assert (tmp_path / "other.unfinished").read_bytes() == b"half", "what another began is not whole"
    (tmp_path / "other.unfinished").unlink()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == (new if killed_at > 3 else old)
