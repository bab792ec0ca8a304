"""Rules that keep the house calm: what stages list, what imports what, what no file may say."""

import ast
import re
import subprocess
from pathlib import Path

from checkout import PROJECT
from ruamel.yaml import YAML


def test_stages_list_the_params_that_their_scripts_read() -> None:
    """DVC does not see what a script reads: a param that is read and not listed would give stale numbers."""
    stages = YAML(typ="safe").load((PROJECT / "dvc.yaml").read_text())["stages"]
    reads = {"read_profile": {"profile"}, "recipe_of": {"profile"}, "runs_of": {"depth"}}
    reads |= {"runs_of_depth": {"cifar", "depth"}, "paper_recipe": {"profile"}}
    for name, stage in stages.items():
        script = re.search(r"pipeline\.(\w+)", stage["cmd"])[1]
        tree = ast.parse((PROJECT / f"pipeline/{script}.py").read_text())
        used: set[str] = set()
        for node in ast.walk(tree):
            if (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "params") or (
                isinstance(node, ast.Attribute) and ast.unparse(node.value) == "read_params()"
            ):
                used.add(node.attr)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                used |= reads.get(node.func.id, set())
        used -= {"device", "processes", "model_copy"}  # none changes what a stage means
        if script not in ("check", "prepare"):
            used -= {"data"}  # where photographs lie; which ones they are, the index says
        params = [p for p in stage.get("params", []) if isinstance(p, str)]
        listed = {arm for p in params for arm in p.replace("${item.arm}", "cifar|imagenet").split(".")[0].split("|")}
        assert used <= listed, f"{name} reads {sorted(used - listed)} and does not list it"
        profiles = [key for p in stage.get("params", []) if isinstance(p, dict) for key in p]
        if {"read_profile", "recipe_of"} & {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}:
            listed_whole = "pipeline/profiles" in stage["deps"]
            assert listed_whole or "pipeline/profiles/${profile}.yaml" in profiles, (
                f"{name} reads the profile and does not list it"
            )


def test_imports_go_downward_only() -> None:
    order = ["report", "study", "training", "evaluation", "data", "nets"]
    for rank, package in enumerate(order):
        for file in (PROJECT / "src/replication" / package).rglob("*.py"):
            for above in order[:rank]:
                assert f"replication.{above}" not in file.read_text(), f"{file.name} of {package} imports {above}"


def test_no_file_names_this_machine() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    for name in listed.split():
        path = PROJECT / name
        if path.suffix in {".py", ".yaml", ".toml", ".md", ".csv", ".json", ".html", ".txt"} and path.exists():
            assert str(PROJECT) not in path.read_text(), name
    assert Path(PROJECT / ".dvc/config").read_text().count("analytics = false") == 1
