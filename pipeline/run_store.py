"""The run store: finished runs and outcomes, by recipe and code, in .work/ (REPLICATION_SCRATCH).

    .work/runs/<recipe>-<code>/          a run: its recipe's hash and the digest of the code that trained it
    .work/outcomes/<weights>-<code>/     what an evaluation measured: digest of the weights, and of the code

Repeated stages, experiments in copies, Slurm items and runs by hand all fill it and take from it: nothing is made
twice. runs/ and outcomes/, which DVC keeps, are copies.
"""

import hashlib
import shutil
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from dvc_objects.fs.system import reflink
from filelock import FileLock, Timeout

from pipeline import code
from pipeline.params import WORK
from pipeline.plan import PlannedRun, read_planned_starts, recipe_of
from replication.config.recipe import Recipe
from replication.errors import UserError
from replication.files import (
    SUMS,
    classify_error,
    describe_cause,
    make_read_error,
    remove_leftovers,
    replace_folder,
    require_regular,
    seal,
    sha256,
)
from replication.runs.folder import NET, RECORD, read_run

EMPTY = "skipped.txt"


def run_entry(recipe: str, code: str) -> Path:
    """The folder of a run in the store; it need not exist."""
    return WORK / "runs" / f"{recipe}-{code}"


def outcome_entry(runs: Sequence[Path], code: str) -> Path:
    """The folder of an outcome in the store; it need not exist.

    Args:
        runs: folders of the tested run, last, and of the runs that it starts from.
    """
    digests = "".join(_line_of(folder, NET) for folder in runs)
    return WORK / "outcomes" / f"{hashlib.sha256(digests.encode()).hexdigest()[:16]}-{code}"


def is_usable(entry: Path, threads: int | None) -> bool:
    """Whether the store has a run, trained on `threads` threads if their number is fixed.

    Raises:
        UserError: the entry is damaged, or holds another run.
    """
    if not (entry / RECORD).exists():
        return False
    record = read_run(entry)
    if record.recipe.hash != entry.name.partition("-")[0]:
        message = f"{entry} is damaged (it holds the run {record.recipe.hash}); delete {entry} and run again."
        raise UserError(message, kind="damaged", file=entry)
    trained_on = str(record.provenance["machine"].get("threads"))
    return threads is None or trained_on == str(threads)


def take(entry: Path, folder: Path) -> None:
    """Copy an entry into the workspace, unless it is there already; by reflink where the file system can.

    Raises:
        UserError: the copy does not match the store's checksums, or cannot be written. `folder` stays as it was.
    """
    sums = _sums_of(entry)
    if _is_copy(folder, sums):
        return
    with replace_folder(folder) as unfinished:
        for file in entry.iterdir():
            if file.is_file() and file.name != SUMS:
                _copy(file, unfinished / file.name)
        seal(unfinished)
        if _sums_of(unfinished) != sums:
            message = f"{entry} is damaged (its files do not match {SUMS}); delete {entry} and run again."
            raise UserError(message, kind="damaged", file=entry)


def _is_copy(folder: Path, sums: str) -> bool:
    """Whether all files match the checksums of an entry. The files are read: DVC would keep a damaged one."""
    try:
        if require_regular(folder / SUMS).read_text(encoding="utf-8") != sums:
            return False
        lines = (line.partition("  ") for line in sums.splitlines())
        return all(sha256(require_regular(folder / name)) == digest for digest, _, name in lines)
    except (OSError, ValueError):
        return False


def _copy(source: Path, target: Path) -> None:
    try:
        reflink(str(source), str(target))
    except (OSError, NotImplementedError):  # a file system without reflinks
        target.unlink(missing_ok=True)
        shutil.copyfile(source, target)


def _line_of(folder: Path, name: str) -> str:
    """The line of a file in its folder's checksums."""
    for line in _sums_of(folder).splitlines():
        if line.endswith(f"  {name}"):
            return line
    raise UserError(f"{folder / SUMS} lacks {name}; delete {folder} and run `dvc repro`.", kind="damaged", file=folder)


def _sums_of(folder: Path) -> str:
    """The checksums of an entry, or of a folder of runs/.

    Raises:
        UserError: they are missing or damaged.
    """
    path = folder / SUMS
    try:
        return require_regular(path).read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        if not folder.exists():
            message = f"{folder} is missing; run `dvc repro`, or train this net."
            raise UserError(message, kind="missing", file=folder) from error
        message = f"{folder} is damaged ({SUMS}: {describe_cause(error)}); delete {folder} and run `dvc repro`."
        if classify_error(error) == "unreadable":
            raise make_read_error(path, error, message) from error
        raise UserError(message, kind="damaged", file=folder) from error


def fill(root: Path, entries: Mapping[Path, Path]) -> None:
    """Make a task's folder, runs/cifar say, hold exactly these entries of the store, by their target folders."""
    root.mkdir(parents=True, exist_ok=True)
    remove_unfinished(root.rglob(".seed-*"))
    for folder in sorted(root.rglob("seed-*"), reverse=True):
        if folder not in entries:
            shutil.rmtree(folder)
    for folder in sorted((path for path in root.rglob("[!.]*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()
    for folder, entry in entries.items():
        take(entry, folder)
    (root / EMPTY).unlink(missing_ok=True)
    if not entries:  # DVC warns of an empty folder at each command
        (root / EMPTY).write_text("no nets\n", encoding="utf-8")


def remove_unfinished(folders: Iterable[Path]) -> None:
    """Remove unfinished folders, named as `replace_folder` names them, of killed processes."""
    for unfinished in list(folders):
        remove_leftovers(unfinished.with_name(unfinished.name[1:].rpartition("-")[0]))


def delete_resume_state(recipe: Recipe) -> None:
    """Delete the resume state of a finished run, unless another process is training it."""
    state = WORK / recipe.hash
    with suppress(Timeout, OSError):
        if state.exists():
            with FileLock(state / "lock", timeout=0):
                shutil.rmtree(state)


def stored_start_folders(run: PlannedRun, recipe: Recipe) -> dict[str, Path]:
    """Folders of the runs that a run starts from, by role; in the store if they are not in runs/.

    Raises:
        UserError: one was not trained, or has another recipe.
    """
    folders = {}
    for role, start in read_planned_starts(run).items():
        folder = start.folder
        if not folder.exists():
            with code.guard_code(f"train-{start.task.name}") as digest:
                folder = run_entry(recipe_of(start).hash, digest)
        present, expected = read_run(folder).recipe.hash, recipe.started_from[role]
        if present != expected:
            raise UserError(
                f"{folder} is not the run that {run.name} starts from ({present} instead of {expected}); run "
                f"`dvc repro train@{start.task.name}`.",
                kind="conflict",
                file=folder,
            )
        folders[role] = folder
    return folders
