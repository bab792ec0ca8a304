"""A copy of this checkout at the scale of tests/small.yaml, in which tests do what a user does."""

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from small_study import merge

PROJECT = Path(__file__).parents[1]
COMMITTED = tempfile.TemporaryDirectory(prefix="committed-results-")  # deleted when Python ends


@cache
def committed_results() -> Path:
    """The results of the last commit, which README and docs are about: a user's own runs change those beside them."""
    archive = subprocess.run(["git", "archive", "HEAD", "results"], cwd=PROJECT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(COMMITTED.name, filter="data")
    return Path(COMMITTED.name) / "results"


@dataclass(frozen=True)
class Checkout:
    """A git repository of its own, with this environment's programs on its PATH."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        # A user's shell knows nothing of a make, a DVC or a Slurm job above it.
        foreign = ("DVC_", "MLFLOW_", "REPLICATION_", "MAKE", "MFLAGS", "SLURM_", "SBATCH_")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
        return kept | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "MAKEFLAGS": " -- INSTALLED=.venv/bin/python",
        }

    def run(self, command: str, timeout: float = 600, **environment: str) -> str:
        """Run a command line that must succeed; returns all that it printed."""
        done = self.attempt(command, timeout, **environment)
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        return done.stdout

    def attempt(self, command: str, timeout: float = 600, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command line that may fail."""
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
        )


def make_checkout(folder: Path, small: str = "small.yaml") -> Checkout:
    """Copy what git would have (uncommitted changes included), merge a file of tests/ on it, and commit."""
    folder.mkdir()
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (PROJECT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, folder / name)
    (folder / ".venv").symlink_to(Path(sys.prefix))
    merge(folder, PROJECT / "tests" / small)
    checkout = Checkout(folder)
    identity = "-c user.name=tests -c user.email=tests@localhost"
    checkout.run(f"git init -q -b main && git add -A && git {identity} commit -qm 'The checkout under test'")
    checkout.run("git config user.name tests && git config user.email tests@localhost")
    return checkout
