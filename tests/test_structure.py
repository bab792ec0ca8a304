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
from ruamel.yaml import YAML

from replication.arms import ARMS, found

SRC = PROJECT / "src"
ORDER = [
    "report",
    "claims",
    "study",
    "paper",
    "training",
    "analyses",
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

# What no number of a run depends on: sentences, writing, tracking, the record, and what the recipe file of a run says.
SAID_BY_THE_RECIPE = {"arms", "nets/names.py", "profiles.py", "recipe.py"}
CHANGES_NO_NUMBER = {
    "__init__.py",  # finds `load`
    "errors.py",
    "files.py",
    "runs",
    "study/fidelity.py",
    "training/speed.py",
    "training/tracking.py",
    "training/tracking_store.py",
    "training/progress.py",
    *SAID_BY_THE_RECIPE,
}


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


def closure(*files: Path) -> set[str]:
    """All that these files import, directly or not, as paths below src/replication/."""
    seen: set[Path] = set()
    todo = set(files)
    while todo:
        file = todo.pop()
        todo |= imports(file) - seen
        seen |= imports(file)
    return {path.relative_to(SRC / "replication").as_posix() for path in seen}


def filled(text: str, values: dict[str, str]) -> str:
    return re.sub(r"\$\{([\w.]+)\}", lambda key: values.get(key[1], key[0]), text)


def stages() -> dict[str, dict[str, Any]]:
    """The stages of dvc.yaml, their variables filled in by one example each."""
    found = {}
    for name, stage in YAML(typ="safe").load((PROJECT / "dvc.yaml").read_text())["stages"].items():
        arm = stage.get("vars", [{"arm": "cifar"}])[0]["arm"]
        values = {"arm": arm, "item.arm": "cifar"} | stage.get("vars", [{}])[0]
        deps = [filled(dep, values) for dep in stage["deps"]]
        step = ARMS[arm].second if values.get("of") else ARMS[arm]
        found[name] = {**stage, "deps": deps, "arm": step, "script": re.search(r"pipeline\.(\w+)", stage["cmd"])[1]}
    return found


def covers(dep: str, module: str) -> bool:
    return module == dep or module.startswith(f"{dep}/")


@pytest.mark.parametrize("name", stages())
def test_a_stage_depends_on_the_code_that_its_script_runs_and_on_no_other(name: str) -> None:
    """DVC does not see what a script imports: code that is run and not listed would leave stale numbers."""
    stage, arm = stages()[name], stages()[name]["arm"]
    script = PROJECT / f"pipeline/{stage['script']}.py"
    starts = {script}
    if stage["script"] == "train":
        starts |= {
            Path(sys.modules[found(named).__module__].__file__) for named in (arm.feed, arm.objective, arm.watch)
        }
    elif stage["script"] == "score":
        starts |= {Path(sys.modules[found(p.score).__module__].__file__) for p in arm.protocols}
        starts |= {Path(sys.modules[found(name).__module__].__file__) for name in (arm.feed, arm.watch)}
    elif stage["script"] == "analyse":
        starts |= {Path(sys.modules[found(arm.feed).__module__].__file__)}
    elif stage["script"] == "check":
        starts |= {PROJECT / "pipeline/plan.py", PROJECT / "pipeline/params.py"}
    elif stage["script"] == "report":
        starts |= set((PROJECT / "reports/notebooks").glob("*.py"))
    needed = closure(*starts) | {p.relative_to(SRC / "replication").as_posix() for p in starts if SRC in p.parents}
    listed = [dep.removeprefix("src/replication/") for dep in stage["deps"] if dep.startswith("src/")]
    assert f"pipeline/{stage['script']}.py" in stage["deps"]
    missing = {m for m in needed if not any(covers(dep, m) for dep in [*listed, *CHANGES_NO_NUMBER])}
    assert not {m for m in missing if "import " in (SRC / "replication" / m).read_text()}, "imported, and not listed"
    assert not [dep for dep in listed if not any(covers(dep, module) for module in needed)], "listed, and not imported"


@pytest.mark.parametrize(
    ("file", "scripts"),
    [
        ("sources/statistics.py", {"prepare"}),
        ("sources/official.py", {"prepare"}),
        ("evaluation/views.py", {"score", "analyse"}),
        ("evaluation/protocols.py", {"score", "analyse"}),
        ("training/tracking.py", set()),
        ("runs/provenance.py", set()),
        ("errors.py", set()),
        ("study/rule.py", {"report"}),
        ("paper/replications.yaml", {"report"}),
        ("claims/section_4_2.py", {"report"}),
        ("report/figures.py", {"report"}),
        ("training/loop.py", {"train"}),
        ("feed/batches.py", {"train", "score", "analyse"}),
        ("nets/blocks.py", {"train", "score", "analyse", "report"}),
        ("analyses/responses.py", {"analyse"}),
    ],
)
def test_what_an_edit_of_a_file_runs_again(file: str, scripts: set[str]) -> None:
    assert (SRC / "replication" / file).exists()
    touched = {s["script"] for s in stages().values() if any(covers(d, f"src/replication/{file}") for d in s["deps"])}
    assert touched == scripts


def test_an_edit_of_one_arms_feed_leaves_the_other_arm_alone() -> None:
    touched = [n for n, s in stages().items() if "src/replication/feed/imagenet.py" in s["deps"]]
    assert touched == ["train-imagenet", "train-imagenet-variants"], "and localization, which has it, as a folder"


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
