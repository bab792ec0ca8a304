"""Two branches with runs are merged as docs/faq.md says; and make gives a uid without a name what DVC asks for."""

import os
import re
import subprocess
import sys
from pathlib import Path

from checkout import PROJECT
from made_up import recipe_of, result

from replication.results.add import add_results
from replication.results.tables import CURVES, RECIPES, RUNS, SCORES


def git(folder: Path, *arguments: str) -> int:
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    return subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True).returncode


def test_after_the_documented_recipe_the_tables_hold_the_runs_of_both_branches(tmp_path: Path) -> None:
    """`dvc repro` then adds the runs of both from the run store: here `add_results` does."""
    recipe = re.search(r"`git checkout (--ours [^`]*)`, `git (add -A)`", (PROJECT / "docs/faq.md").read_text("utf-8"))
    project = tmp_path / "project"
    tables = project / "results/cpu/cifar"
    project.mkdir()
    git(project, "init", "-b", "main")
    for name in ("dvc.lock", "reports/replication.html", "ro-crate-metadata.json"):
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text("main")
    seeds = [result(recipe_of("cpu", seed=seed), error=20.0 + seed) for seed in range(3)]
    other = result(recipe_of("cpu", net="plain-20", seed=0), error=30.0)
    add_results(tables, seeds[:1])
    git(project, "add", "-A")
    git(project, "commit", "-m", "one seed")
    git(project, "checkout", "-b", "theirs")
    add_results(tables, [seeds[1], other])
    git(project, "commit", "-am", "theirs")
    git(project, "checkout", "main")
    add_results(tables, [seeds[2]])
    git(project, "commit", "-am", "ours")
    assert git(project, "merge", "theirs") != 0, "the tables conflict"
    assert "<<<<<<<" in (tables / RUNS).read_text("utf-8")
    assert git(project, "checkout", *recipe[1].split()) == 0 and git(project, *recipe[2].split()) == 0
    add_results(tables, [seeds[1], other, seeds[2]])
    assert git(project, "commit", "-am", "merged") == 0
    add_results(tmp_path / "together", [*seeds, other])
    for name in (RECIPES, RUNS, SCORES, CURVES):
        assert (tables / name).read_bytes() == (tmp_path / "together" / name).read_bytes()


def test_under_make_a_uid_without_a_name_has_a_name_and_a_home(tmp_path: Path) -> None:
    """DVC calls getpass.getuser; a uid without a name has no entry in pwd."""
    nameless = "import pwd\ndef none(*_): raise KeyError('uid not found')\npwd.getpwuid = pwd.getpwnam = none\n"
    (tmp_path / "sitecustomize.py").write_text(nameless)
    ask = f"{sys.executable} -c 'import getpass, pathlib; print(getpass.getuser(), pathlib.Path.home())'"
    bare = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)}
    assert subprocess.run(ask, shell=True, env=bare, capture_output=True).returncode != 0
    command = ["make", "--no-print-directory", "--eval", f"ask:\n\t@{ask}", "ask"]
    asked = subprocess.run(command, cwd=PROJECT, env=bare, capture_output=True, text=True)
    assert asked.returncode == 0 and len(asked.stdout.split()) == 2, asked.stderr
