"""Rules that keep the house calm: what imports what, what stages depend on, what no file may say."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

from checkout import PROJECT

from replication.tasks import TASKS

SRC = PROJECT / "src"
ORDER = [  # packages and modules, the highest first
    "report",
    "verdicts",
    "cost",
    "training",
    "tracking",
    "results",
    "verdicts.rule",  # alone in a file, which its digest runs; studies of results make the samples that it weighs
    "paper",
    "loading",
    "evaluate",
    "runs",
    "config.profiles",
    "tasks",
    "data",
    "nets",
    "config",
    "files",
    "words",
    "errors",
]


@cache
def imports(file: Path) -> frozenset[Path]:
    """The files of the library that a file imports, anywhere in it."""
    named = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            named |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
    paths = [SRC / name.replace(".", "/") for name in named if name.startswith("replication")]
    return frozenset(p for path in paths for p in (path.with_suffix(".py"), path / "__init__.py") if p.exists())


def rank(file: Path) -> int:
    """The place in `ORDER` of a file of the library; its module counts before its package."""
    module = ".".join(file.relative_to(SRC / "replication").with_suffix("").parts)
    places = [place for place, name in enumerate(ORDER) if f"{module}.".startswith(f"{name}.")]
    return max(places, key=lambda place: len(ORDER[place]))


def test_imports_go_downward_only() -> None:
    top = SRC / "replication/__init__.py"
    files = [file for file in (SRC / "replication").rglob("*.py") if file != top]
    empty = {file for file in files if file.name == "__init__.py" and not imports(file)}  # of packages
    upward = [(file, path) for file in files for path in imports(file) - empty - {top} if rank(path) < rank(file)]
    assert not upward, "\n".join(f"{file} imports {path}" for file, path in upward)


def test_only_the_tasks_know_their_names() -> None:
    """A task is a value: what differs between tasks is asked of it, and nothing compares its name."""
    names = "|".join(TASKS)
    library = SRC / "replication"
    for file in [*library.rglob("*.py"), *library.rglob("*.html"), *PROJECT.glob("pipeline/*.py")]:
        if "tasks" not in file.parts:
            after, before = rf"""(==|!=|\bin|\bis) \(?["']({names})["']""", rf"""["']({names})["'] (==|!=|in|is) """
            compared = re.search(f"{after}|{before}", file.read_text())
            assert not compared, f"{file}: {compared[0]}"


def test_records_params_and_profiles_are_read_without_torch() -> None:
    library = "replication.runs.folder, replication.config.profiles, replication.results.labels"
    modules = f"pipeline.params, pipeline.plan, {library}"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT).returncode == 0


def test_no_file_names_this_machine() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    for name in listed.split():
        path = PROJECT / name
        if path.suffix in {".py", ".yaml", ".toml", ".md", ".csv", ".json", ".html", ".txt"} and path.exists():
            assert str(PROJECT) not in path.read_text(), name
    assert Path(PROJECT / ".dvc/config").read_text(encoding="utf-8").count("analytics = false") == 1
