"""The code of each stage, by content: recipes/code/<stage>.json names its files with their sha256.

`check` writes these files, and each stage depends on its own: an edit reruns only the stages that it can change.
A stage compares its file with the code on disk when it starts and when it ends (`guard_code`), because `dvc repro -s`
skips `check`, and sources can be edited while a stage runs.

The files are the modules that the roots of a stage import, anywhere in them, directly or not.
"""

import ast
import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from replication.errors import UserError
from replication.files import make_read_error, require_regular, sha256
from replication.tasks import TASKS

CODE = Path("recipes/code")
AFTER_CHECK = "after `check`"
SOURCES = (Path("src"), Path())  # where the packages `replication` and `pipeline` lie, from the project's root

# No number of a training or an evaluation depends on these modules: they show, track, record, or find other modules.
CHANGES_NO_NUMBER = frozenset({
    "replication.__init__",  # `replication.load`
    "replication.tasks.__init__",  # finds a task; the task's own module is a root
    "replication.errors",
    "replication.files",
    "replication.config.profiles",  # what it makes is in the recipe file of each run
    "replication.runs.__init__",
    "replication.runs.curve",
    "replication.runs.folder",
    "replication.runs.provenance",
    "replication.runs.record",
    "replication.training.progress",
    "replication.training.speed",
    "replication.tracking.fields",
    "replication.tracking.importer",
    "replication.tracking.live",
    "replication.tracking.mlflow_store",
})  # fmt: skip

DEVICE = "replication.training.device"  # sets the arithmetic of convolutions; the stages import it, not the library
TRAINING = ("replication.training.run", DEVICE)


@dataclass(frozen=True)
class Code:
    """The roots of a stage's code."""

    roots: tuple[str, ...]  # modules; "package.*" means all modules of a package
    excluded: frozenset[str] = frozenset()
    data: tuple[str, ...] = ()  # patterns of other files that it reads


def list_stage_code() -> dict[str, Code]:
    """Each stage with its code, "train-cifar" say. A task's modules are roots, as nothing imports them by name."""
    stages = {}
    for name, task in TASKS.items():
        trains = [
            f"{task.package}.{part}" for part in ("recipe", "feed", "loss", *(["net"] if task.has_own_net else []))
        ]
        if not task.shares_images_of:
            stages[f"prepare-{name}"] = Code(("replication.data.sources.*",), CHANGES_NO_NUMBER)
        stages[f"train-{name}"] = Code((*TRAINING, *trains), CHANGES_NO_NUMBER)
        evaluates = ("replication.evaluate", DEVICE, f"{task.package}.evaluate", *trains)
        stages[f"evaluate-{name}"] = Code(evaluates, CHANGES_NO_NUMBER)
    packaged = ("src/replication/*/*.yaml", "src/replication/*/*.json")
    stages["tabulate"] = Code(("pipeline.tabulate",), data=("pipeline/profiles/*.yaml", *packaged))
    page_files = ("reports/notebooks/*.py", "pipeline/profiles/*.yaml", "src/replication/report/templates/*", *packaged)
    stages["report"] = Code(
        ("pipeline.report", "replication.verdicts.claims.*", "replication.report.*"), data=page_files
    )
    return stages


class Sources:
    """The modules of this project on disk; each is read once."""

    def __init__(self) -> None:
        self.files: dict[str, Path | None] = {}
        self.imports: dict[str, tuple[str, ...]] = {}
        self.digests: dict[Path, str] = {}

    def digests_of(self, code: Code) -> dict[str, str]:
        """The files of a stage's code with their sha256, by path from the project's root."""
        files: set[Path] = set()
        visited: set[str] = set()
        todo = [module for root in code.roots for module in self._expand(root)]
        while todo:
            name = todo.pop()
            if name in visited:
                continue
            visited.add(name)
            # Python runs the __init__ of each package above a module first.
            todo += [f"{package}.__init__" for package in accumulate(name.split(".")[:-1], "{}.{}".format)]
            path = self._file(name)
            if path and name not in code.excluded and f"{name}.__init__" not in code.excluded:
                files.add(path)
                todo += self._read_imports(name, path)
        files |= {path for pattern in code.data for path in Path().glob(pattern) if path.is_file()}
        return {path.as_posix(): self._digest(path) for path in sorted(files)}

    def _expand(self, root: str) -> list[str]:
        package = root.removesuffix(".*")
        if package == root:
            return [root]
        folder = self._file(package).parent
        return [package, *(f"{package}.{file.stem}" for file in folder.glob("*.py") if file.stem != "__init__")]

    def _file(self, module: str) -> Path | None:
        """The file of a module; None for a module of another project, and for a name inside a module."""
        if module not in self.files:
            parts = module.split(".")
            file = None
            if parts[0] in ("replication", "pipeline"):
                bases = [source.joinpath(*parts) for source in SOURCES]
                candidates = [path for base in bases for path in (base.with_suffix(".py"), base / "__init__.py")]
                file = next((path for path in candidates if path.is_file()), None)
            self.files[module] = file
        return self.files[module]

    def _read_imports(self, module: str, file: Path) -> tuple[str, ...]:
        if module not in self.imports:
            names: list[str] = []
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and node.module:
                    names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
                elif isinstance(node, ast.Import):
                    names += [alias.name for alias in node.names]
            self.imports[module] = tuple(names)
        return self.imports[module]

    def _digest(self, path: Path) -> str:
        if path not in self.digests:
            self.digests[path] = sha256(path)
        return self.digests[path]


def write_digests(folder: Path) -> None:
    """Write the digests of all stages into `folder`, one file per stage."""
    sources = Sources()
    folder.mkdir(parents=True)
    for stage, code in list_stage_code().items():
        text = json.dumps(sources.digests_of(code), indent=2) + "\n"
        (folder / f"{stage}.json").write_text(text, encoding="utf-8")


@contextmanager
def guard_code(stage: str) -> Iterator[str]:
    """Guard the work of a stage: its code must be that of `check`, before and after. Gives the digest of the code.

    Raises:
        UserError: a file of the code changed after `check`, or while the stage ran.
    """
    planned = _read_planned(stage)
    _compare(stage, planned, AFTER_CHECK)
    yield combine_digests(planned)
    _compare(stage, planned, "while the stage ran, so its result is discarded")


def require_unchanged(stage: str) -> None:
    """Refuse to start one of the runs of a stage with other code than that of `check`. Takes milliseconds.

    A stage imports the code of a run when the run starts, an hour after the first one say.

    Raises:
        UserError: a file of the code changed after `check`.
    """
    planned = _read_planned(stage)
    _refuse_changes(stage, planned, {file: sha256(Path(file)) for file in planned if Path(file).exists()}, AFTER_CHECK)


def combine_digests(digests: Mapping[str, str]) -> str:
    """One digest of all files of a stage's code, 16 hex digits."""
    return hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()[:16]


def _read_planned(stage: str) -> dict[str, str]:
    path = CODE / f"{stage}.json"
    try:
        planned = json.loads(require_regular(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"{path} is missing or damaged; run `dvc repro check`, with -f if DVC finds nothing to do."
        raise make_read_error(path, error, message) from error
    if not isinstance(planned, dict):
        raise UserError(f"{path} is damaged; run `dvc repro -f check`.", kind="damaged", file=path)
    return planned


def _compare(stage: str, planned: Mapping[str, str], when: str) -> None:
    _refuse_changes(stage, planned, Sources().digests_of(list_stage_code()[stage]), when)


def _refuse_changes(stage: str, planned: Mapping[str, str], now: Mapping[str, str], when: str) -> None:
    changed = sorted(file for file in planned.keys() | now.keys() if planned.get(file) != now.get(file))
    if changed:
        others = f" and {len(changed) - 1} more files" if len(changed) > 1 else ""
        raise UserError(
            f"{changed[0]}{others} changed {when}; run `dvc repro`, which runs {stage} again with the present code.",
            kind="conflict",
            file=Path(changed[0]),
        )
