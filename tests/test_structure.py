"""Rules that keep the house calm: what imports what, what stages depend on, what no file may say."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from checkout import PROJECT

from replication.arms import ARMS, found

SRC = PROJECT / "src"
ORDER = [
    "report",
    "claims",
    "study",
    "paper",
    "training",
    "evaluation",
    "feed",
    "sources",
    "images",
    "runs",
    "profiles",
    "arms",
    "nets",
    "recipe",
    "files",
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


def test_imports_go_downward_only() -> None:
    packages = {path.stem for path in (SRC / "replication").iterdir() if path.name[0] not in "_."}
    assert packages == set(ORDER)
    for rank, package in enumerate(ORDER):
        for file in [*(SRC / "replication" / package).rglob("*.py"), SRC / f"replication/{package}.py"]:
            for path in imports(file) if file.exists() else ():
                other = path.relative_to(SRC / "replication").parts[0].removesuffix(".py")
                assert other.startswith("__") or ORDER.index(other) >= rank, f"{file.name} of {package} imports {other}"


def test_only_the_arms_know_their_names() -> None:
    """An arm is a value: what differs between arms is asked of it, and nothing compares its name."""
    names = "|".join(ARMS)
    library = SRC / "replication"
    for file in [*library.rglob("*.py"), *library.rglob("*.html"), *PROJECT.glob("pipeline/*.py")]:
        if "arms" not in file.parts:
            after, before = rf"""(==|!=|\bin|\bis) \(?["']({names})["']""", rf"""["']({names})["'] (==|!=|in|is) """
            compared = re.search(f"{after}|{before}", file.read_text())
            assert not compared, f"{file}: {compared[0]}"


@pytest.mark.parametrize("arm", [*ARMS.values(), ARMS["localization"].second], ids=[*ARMS, "rcnn"])
def test_what_an_arm_names_is_there(arm: Any) -> None:
    for named in (arm.feed, arm.objective, arm.watch, *(protocol.score for protocol in arm.protocols)):
        assert callable(found(named))
    assert arm.headline in [protocol.name for protocol in arm.protocols]


def test_records_params_and_profiles_are_read_without_torch() -> None:
    modules = "pipeline.params, pipeline.plan, replication.runs.folder, replication.profiles, replication.study.labels"
    code = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=PROJECT).returncode == 0


def test_no_file_names_this_machine() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    for name in listed.split():
        path = PROJECT / name
        if path.suffix in {".py", ".yaml", ".toml", ".md", ".csv", ".json", ".html", ".txt"} and path.exists():
            assert str(PROJECT) not in path.read_text(), name
    assert Path(PROJECT / ".dvc/config").read_text(encoding="utf-8").count("analytics = false") == 1
