"""Every command in the README is run, as it stands, in a checkout of its own at the scale of tests/small.yaml."""

import io
import re
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from checkout import PROJECT, Checkout, make_checkout
from PIL import Image

README = (PROJECT / "README.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
COMMANDS = [line.split("  #")[0].strip() for block in BLOCKS for line in block.splitlines()]
SERVERS = {"make ui"}
THIS_VERY_RUN = {"make test"}

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return make_checkout(tmp_path_factory.mktemp("reader") / "replication")


@pytest.fixture(scope="module")
def cifar10(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60,000 images in CIFAR-10's layout, one colour a class."""
    folder = tmp_path_factory.mktemp("cifar10")
    encoded = []
    for label in range(10):
        buffer = io.BytesIO()
        Image.fromarray(np.full((32, 32, 3), 25 * label, np.uint8)).save(buffer, "PNG")
        encoded.append({"bytes": buffer.getvalue(), "path": None})
    for split, count in (("train", 50_000), ("test", 10_000)):
        labels = [i % 10 for i in range(count)]
        table = pyarrow.table({"img": [encoded[label] for label in labels], "label": labels})
        pyarrow.parquet.write_table(table, folder / f"{split}-00000-of-00001.parquet")
    return folder


def test_the_readme_has_the_commands_that_the_project_promises() -> None:
    assert COMMANDS[:2] == ["make repro", "make test"]
    for promised in ("dvc repro", "dvc exp run -S depth=110", "dvc exp run -S profile=cpu", "make ui"):
        assert promised in COMMANDS


@pytest.mark.parametrize("command", [c for c in COMMANDS if c not in THIS_VERY_RUN])
def test_command_of_the_readme(checkout: Checkout, cifar10: Path, command: str) -> None:
    where = {"REPLICATION_CIFAR10_SOURCE": "parquet", "REPLICATION_CIFAR10_ROOT": str(cifar10)}
    if command in SERVERS:
        process = subprocess.Popen(
            ["bash", "-c", f"exec {command}"], cwd=checkout.folder, env=checkout.environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        time.sleep(3)
        assert process.poll() is None, process.communicate()[0]
        process.send_signal(signal.SIGTERM)
        assert "http://127.0.0.1:5000" in process.communicate(timeout=60)[0]
    else:
        checkout.run(command, timeout=800, **where)


def test_what_the_readme_calls_a_stage_or_a_file_is_there(checkout: Checkout) -> None:
    stages = checkout.run("dvc stage list --name-only").split()
    assert {"check", "train-depth", "tabulate", "report"} <= set(stages)
    for path in re.findall(r"^    ([\w./<>-]+)  ", README, flags=re.MULTILINE):
        assert (PROJECT / path.replace("<profile>", "quick")).exists(), path
    for path in re.findall(r"^        ([\w.]+/?)  ", README, flags=re.MULTILINE):
        assert (PROJECT / "src/replication" / path).exists(), path
