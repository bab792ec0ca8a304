"""The run store: finished runs and outcomes, kept by what made them, in .work/ (REPLICATION_SCRATCH).

    .work/runs/<recipe>-<code>/          a run: its recipe's hash and the digest of the code that trained it
    .work/outcomes/<weights>-<code>/     what an evaluation measured: digest of the weights, and of the code

Stages that run again, experiments in copies, Slurm's items and runs that are made by hand all fill it and take from it:
what is there is not made again. DVC keeps runs/ and outcomes/, which are copies.
"""

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

from dvc_objects.fs.system import reflink

from pipeline.params import WORK
from replication.errors import UserError
from replication.files import SUMS, replacing
from replication.runs.folder import NET, RECORD, read_run


def run_entry(recipe: str, code: str) -> Path:
    """The folder of a run in the store, there or not."""
    return WORK / "runs" / f"{recipe}-{code}"


def outcome_entry(runs: Sequence[Path], code: str) -> Path:
    """The folder of an outcome in the store, there or not.

    Args:
        runs: folders of the runs whose nets were tested together; the last is the one that the outcome is of.
    """
    digests = "".join(_line_of(folder, NET) for folder in runs)
    return WORK / "outcomes" / f"{hashlib.sha256(digests.encode()).hexdigest()[:16]}-{code}"


def is_usable(entry: Path, threads: int | None) -> bool:
    """Whether the store has a run, trained on that many threads where their number is fixed."""
    if not (entry / RECORD).exists():
        return False
    trained_on = str(read_run(entry).provenance["machine"].get("threads"))
    return threads is None or trained_on == str(threads)


def take(entry: Path, folder: Path) -> None:
    """Copy an entry into the workspace, unless it is there already; by reference where the file system can.

    Raises:
        UserError: the copy is not what the store's checksums say, or cannot be written.
    """
    sums = (entry / SUMS).read_text(encoding="utf-8")
    if (folder / SUMS).exists() and (folder / SUMS).read_text(encoding="utf-8") == sums:
        return
    with replacing(folder) as unfinished:
        for file in entry.iterdir():
            if file.is_file() and file.name != SUMS:
                _copy(file, unfinished / file.name)
    if (folder / SUMS).read_text(encoding="utf-8") != sums:
        shutil.rmtree(folder)
        raise UserError(f"{entry} is damaged; delete it and run again.", kind="damaged", file=entry)


def _copy(source: Path, target: Path) -> None:
    try:
        reflink(str(source), str(target))
    except (OSError, NotImplementedError):  # a file system without
        target.unlink(missing_ok=True)
        shutil.copyfile(source, target)


def _line_of(folder: Path, name: str) -> str:
    """The line of a file in its folder's checksums."""
    for line in (folder / SUMS).read_text(encoding="utf-8").splitlines():
        if line.endswith(f"  {name}"):
            return line
    raise UserError(f"{folder / SUMS} lacks {name}; delete {folder} and run `dvc repro`.", kind="damaged", file=folder)


def keep_only(root: Path, runs: set[Path]) -> None:
    """Remove from a task's folder, runs/cifar say, what is none of these runs."""
    for folder in sorted(root.rglob("seed-*"), reverse=True):
        if folder not in runs:
            shutil.rmtree(folder)
    for folder in sorted((path for path in root.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
