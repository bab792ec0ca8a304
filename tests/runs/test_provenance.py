"""Which code made a run: a commit, or that git could not tell."""

import os
import subprocess
from pathlib import Path

import pytest
import torch

from replication.runs.provenance import provenance

CPU = torch.device("cpu")


def git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of one commit, in which the test stands."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src/code.py").write_text("1\n")
    monkeypatch.chdir(tmp_path)
    git("init", "-q")
    git("add", ".")
    git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "one")
    return tmp_path


def test_the_commit_and_whether_the_code_was_changed_since(checkout: Path) -> None:
    found = provenance(CPU)
    assert (found["commit"], found["dirty"]) == (git("rev-parse", "HEAD"), False)
    (checkout / "src/code.py").write_text("2\n")
    assert provenance(CPU)["dirty"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_checkout_that_belongs_to_another_user_has_its_commit_all_the_same(checkout: Path) -> None:
    head = git("rev-parse", "HEAD")
    for path in [checkout, *checkout.rglob("*")]:
        os.chown(path, 65534, 65534)
    with pytest.raises(subprocess.CalledProcessError):
        git("rev-parse", "HEAD")  # "detected dubious ownership"
    found = provenance(CPU)
    assert (found["commit"], found["dirty"]) == (head, False)


def test_where_git_can_say_nothing_the_code_is_not_called_clean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = provenance(CPU)
    assert (found["commit"], found["dirty"]) == ("unknown", True)


def test_the_libraries_that_the_last_bits_depend_on_are_recorded() -> None:
    found = provenance(CPU)
    assert found["machine"]["device"] == "cpu"
    assert found["machine"]["cpu_capability"] == torch.backends.cpu.get_cpu_capability()
    assert found["machine"]["thread_pools"] and not any("/" in pool for pool in found["machine"]["thread_pools"])
    assert found["versions"].keys() == {"python", "torch", "torchvision", "numpy", "pillow", "jpeg"}
    assert all(version not in ("", "None") for version in found["versions"].values())
