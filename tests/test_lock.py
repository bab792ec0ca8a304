"""requirements.lock pins what constraints.txt pins, by hashes, and names no index."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import PROJECT
from ruamel.yaml import YAML

from pipeline.lock import list_pins

LOCK = PROJECT / "requirements.lock"
PIN = re.compile(r"([a-z0-9-]+)==(\S+) --hash=sha256:([0-9a-f]{64})")


def read_lines(file: Path) -> list[str]:
    return [line for line in file.read_text("utf-8").splitlines() if not line.startswith("#")]


def normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_lock_has_the_versions_of_the_constraints_and_a_hash_each() -> None:
    pins = [PIN.fullmatch(line) for line in read_lines(LOCK)]
    assert all(pins)
    constraints = dict(line.split("==") for line in read_lines(PROJECT / "constraints.txt"))
    locked = {pin[1]: pin[2] for pin in pins}
    installers = {name: locked.pop(name) for name in ("pip", "setuptools")}
    assert all(installers.values()) and locked == {normalise(name): version for name, version in constraints.items()}
    assert "://" not in LOCK.read_text("utf-8")


def test_a_pin_is_made_of_pips_report() -> None:
    hashed = {"archive_info": {"hashes": {"sha256": "0" * 64}}, "url": "https://somewhere/a.whl"}
    items = [("b.B", "2", hashed), ("a_a", "1.0+cpu", hashed), ("replication", "0.1.0", {"dir_info": {}})]
    report = {"install": [{"metadata": {"name": n, "version": v}, "download_info": i} for n, v, i in items]}
    assert list_pins(report) == [f"a-a==1.0+cpu --hash=sha256:{'0' * 64}", f"b-b==2 --hash=sha256:{'0' * 64}"]


@pytest.mark.slow
def test_pip_takes_the_lock_and_refuses_another_hash(tmp_path: Path) -> None:
    """On a package that is small; the weekly workflow installs all."""
    (line,) = [line for line in read_lines(LOCK) if line.startswith("arcp==")]
    download = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--require-hashes", "-d", tmp_path, "-r"]
    for name, text in (("right", line), ("wrong", line[:-1] + ("0" if line[-1] != "0" else "1"))):
        (tmp_path / name).write_text(text)
    right, wrong = (
        subprocess.run([*download, tmp_path / name], capture_output=True, text=True) for name in ("right", "wrong")
    )
    if "No matching distribution" in right.stderr:
        pytest.skip("no package index")
    assert (right.returncode, wrong.returncode) == (0, 1) and "hash" in wrong.stderr.lower()


def test_the_workflows_are_yaml_and_their_commands_are_targets_of_make() -> None:
    makefile = (PROJECT / "Makefile").read_text("utf-8")
    targets = set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[1].split())
    for file in sorted((PROJECT / ".github/workflows").glob("*.yml")):
        jobs = YAML(typ="safe").load(file)["jobs"]
        for job in jobs.values():
            versions = job.get("strategy", {}).get("matrix", {}).get("versions", [])
            for command in (step["run"] for step in job["steps"] if "run" in step):
                names = versions if "matrix.versions" in command else command.split()[1:]
                assert command == ".ci/run" or (command.startswith("make ") and set(names) <= targets), command
