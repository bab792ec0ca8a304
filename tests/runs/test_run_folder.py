"""A run folder is whole or not there, and comes back as it was written."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from errors import refused
from safetensors import safe_open

from replication.errors import Kind
from replication.files import seal
from replication.nets.by_name import build
from replication.nets.complexity import complexity
from replication.runs.curve import Point
from replication.runs.folder import read_curve, read_run, read_weights, write_run
from replication.runs.record import RunRecord, train_error_at_end
from replication.tasks.cifar.recipe import CifarRecipe

Write = Callable[..., RunRecord]
Limit = Callable[[int], AbstractContextManager[None]]


def training_points(iteration: int, rate: float = 0.1) -> list[Point]:
    values = {"learning_rate": rate, "loss": 1.234567, "error": 61.2054}
    return [Point(iteration, "train", metric, value) for metric, value in values.items()]


MEAN_IMAGE = torch.arange(192, dtype=torch.float32).reshape(1, 3, 8, 8)
CLASSES = ["red", "green", "blue", "grey ✓"]
CURVE = [
    *training_points(10),
    *training_points(20),
    Point(20, "test", "top1_error", 37.5),
    *training_points(30, rate=1e-10),
    Point(30, "heldout", "top1_error", 0.0),
]


@pytest.fixture
def write(make_recipe: Callable[..., CifarRecipe]) -> Write:
    def written(folder: Path, curve: Sequence[Point] = CURVE, **changes: Any) -> RunRecord:
        recipe = make_recipe()
        size = complexity("resnet-8", 8, 4)
        values: dict[str, Any] = {
            "recipe": recipe,
            "status": "trained",
            "parameters": size.parameters,
            "macs": size.macs,
            "warmup_ended_at": None,
            "dropped_at": [32, 48],
            "seconds": 1.5,
            "images_per_second": 680.0,
            "starts": 2,
            "processes": 1,
            "mlflow_run_id": None,
            "provenance": {"machine": {"cpu": "a ✓ processor"}},
        }
        record = RunRecord(**values | changes)
        net = build("resnet-8", 4, seed=record.starts)
        write_run(folder, record, curve, net.state_dict(), MEAN_IMAGE, CLASSES)
        return record

    return written


def test_record_curve_and_weights_come_back_as_written(tmp_path: Path, write: Write) -> None:
    folder = tmp_path / "runs/cifar/resnet-8/seed-0"
    record = write(folder)
    assert read_run(folder) == record
    assert read_run(folder).recipe.hash == record.recipe.hash
    assert read_curve(folder) == CURVE
    weights = read_weights(folder)
    net = build("resnet-8", 4, seed=2)
    assert weights.keys() == net.state_dict().keys()
    assert all(torch.equal(weights[key], value) for key, value in net.state_dict().items())
    assert [path.name for path in folder.parent.iterdir()] == ["seed-0"]


def test_the_file_of_weights_is_enough_to_use_the_net(tmp_path: Path, write: Write) -> None:
    record = write(tmp_path / "seed-0")
    with safe_open(tmp_path / "seed-0/net.safetensors", "pt") as file:
        about = file.metadata()
        assert torch.equal(file.get_tensor("mean_image"), MEAN_IMAGE)
    about = json.loads(about["about"])
    assert about.pop("options") == record.recipe.net_options
    names = {"task": "cifar", "net": "resnet-8", "classes": CLASSES, "input_size": 8, "recipe": record.recipe.hash}
    assert about == names


@pytest.mark.parametrize("content", [None, b"", b"no tensors"])
def test_weights_that_cannot_be_read_are_named_with_the_remedy(
    tmp_path: Path, write: Write, content: bytes | None
) -> None:
    write(tmp_path / "seed-0")
    path = tmp_path / "seed-0/net.safetensors"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with refused("missing" if content is None else "damaged", "dvc repro", file=path):
        read_weights(tmp_path / "seed-0")


READ = {"run.json": read_run, "curve.csv": read_curve, "net.safetensors": read_weights}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", READ)
def test_a_flipped_bit_in_any_file_is_seen(tmp_path: Path, write: Write, name: str, seed: int) -> None:
    write(tmp_path / "seed-0")
    path, dice = tmp_path / "seed-0" / name, random.Random(seed)
    content = bytearray(path.read_bytes())
    content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
    path.write_bytes(content)
    with refused("damaged", "delete", "dvc repro", file=path):
        READ[name](tmp_path / "seed-0")


@pytest.mark.parametrize(
    ("name", "content"),
    [("curve.csv", "epoch,error\n1,50\n"), ("curve.csv", "iteration,split,metric,value\n7,train\n"), ("run.json", "{")],
    ids=["other columns", "a row that ends early", "no JSON"],
)
def test_whole_files_of_another_kind_are_named(tmp_path: Path, write: Write, name: str, content: str) -> None:
    """A folder that another program wrote and sealed, as `sha256sum` does."""
    write(tmp_path / "seed-0")
    (tmp_path / "seed-0" / name).write_text(content, encoding="utf-8")
    seal(tmp_path / "seed-0")
    with refused("damaged", "delete", "dvc repro", file=tmp_path / "seed-0" / name):
        READ[name](tmp_path / "seed-0")


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.symlink_to("/dev/zero")])
@pytest.mark.parametrize("name", [*READ, "SHA256SUMS"])
def test_what_is_no_file_is_named_and_not_waited_for(tmp_path: Path, write: Write, name: str, make: Any) -> None:
    write(tmp_path / "seed-0")
    (tmp_path / "seed-0" / name).unlink()
    make(tmp_path / "seed-0" / name)
    with refused("damaged", "delete", "dvc repro"):
        READ.get(name, read_weights)(tmp_path / "seed-0")


def test_equal_runs_give_equal_files(tmp_path: Path, write: Write) -> None:
    for name in ("first", "second"):
        write(tmp_path / name)
    for path in (tmp_path / "first").iterdir():
        assert path.read_bytes() == (tmp_path / "second" / path.name).read_bytes()


def test_what_killed_writers_left_goes_and_living_ones_keep_theirs(tmp_path: Path, write: Write) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    for process in (gone.pid, os.getppid()):
        (tmp_path / f".seed-0-{process}/x").mkdir(parents=True)
    write(tmp_path / "seed-0")
    assert sorted(path.name for path in tmp_path.iterdir()) == [f".seed-0-{os.getppid()}", "seed-0"]


def test_weights_in_channels_last_memory_are_kept(tmp_path: Path, write: Write) -> None:
    record = write(tmp_path / "first")
    net = build("resnet-8", 4, seed=9).to(memory_format=torch.channels_last)
    write_run(tmp_path / "second", record, CURVE, net.state_dict(), MEAN_IMAGE, CLASSES)
    weights = read_weights(tmp_path / "second")
    assert all(torch.equal(weights[key], value) for key, value in net.state_dict().items())


def test_the_curve_is_a_csv_with_these_columns(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "seed-0")
    lines = (tmp_path / "seed-0/curve.csv").read_text().splitlines()
    assert lines[0] == "iteration,split,metric,value"
    assert lines[2] == "10,train,loss,1.234567"
    assert len(lines) == 1 + len(CURVE)


@pytest.mark.parametrize("test", ["single_view_error", "centre_crop_error", "oracle_centre_error"])
def test_the_curve_of_an_older_run_with_a_row_an_iteration_is_read_as_points(
    tmp_path: Path, write: Write, test: str
) -> None:
    write(tmp_path / "seed-0")
    (tmp_path / "seed-0/curve.csv").write_text(
        f"iteration,learning_rate,train_loss,train_error,{test},heldout_error\n"
        "10,0.1,1.234567,61.2054,,\n"
        "20,0.1,1.234567,61.2054,37.5,\n"
        "30,1e-10,1.234567,61.2054,,0.0\n"
    )
    seal(tmp_path / "seed-0")
    assert read_curve(tmp_path / "seed-0") == CURVE


def test_a_run_replaces_an_older_one(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "seed-0")
    (tmp_path / "seed-0/stray").touch()
    record = write(tmp_path / "seed-0", CURVE[:1], starts=5)
    assert read_run(tmp_path / "seed-0") == record
    assert read_curve(tmp_path / "seed-0") == CURVE[:1]
    assert not (tmp_path / "seed-0/stray").exists()


def test_a_full_disk_is_told_and_leaves_the_old_run(tmp_path: Path, write: Write, files_of_at_most: Limit) -> None:
    old = write(tmp_path / "seed-0")
    with files_of_at_most(20_000), refused("unwritable", "ulimit", "kept", file=tmp_path / "seed-0"):
        write(tmp_path / "seed-0", starts=5)
    assert read_run(tmp_path / "seed-0") == old
    assert [path.name for path in tmp_path.iterdir()] == ["seed-0"]


def test_an_interruption_leaves_the_old_run(tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    old = write(tmp_path / "seed-0")

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(safetensors.torch, "save_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "seed-0", starts=5)
    assert read_run(tmp_path / "seed-0") == old
    assert [path.name for path in tmp_path.iterdir()] == ["seed-0"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, write: Write) -> None:
    (tmp_path / "runs").write_text("a file where the folder should be")
    with refused("unwritable", file=tmp_path / "runs/seed-0"):
        write(tmp_path / "runs/seed-0")


def test_a_missing_run_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with refused("missing", "dvc repro", file=tmp_path / "seed-0/run.json"):
        read_run(tmp_path / "seed-0")


@pytest.mark.parametrize(
    ("key", "value", "kind"), [("status", "fine", "invalid"), ("recipe", {}, "invalid"), ("errors", 1, "unknown")]
)
def test_a_record_of_another_form_is_refused_with_its_key(
    tmp_path: Path, write: Write, key: str, value: Any, kind: Kind
) -> None:
    write(tmp_path / "seed-0")
    path = tmp_path / "seed-0/run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    seal(tmp_path / "seed-0")
    with refused(kind, key=key, file=path):
        read_run(tmp_path / "seed-0")


def test_runs_are_read_without_torch() -> None:
    code = """
import sys
import replication.runs.record, replication.runs.folder, replication.runs.provenance, replication.runs.outcome
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_run_of_before_tasks_were_called_so_is_read(tmp_path: Path, write: Write) -> None:
    record = write(tmp_path / "seed-0")
    path = tmp_path / "seed-0/run.json"
    values = json.loads(path.read_text())
    values["recipe"]["arm"] = values["recipe"].pop("task")
    path.write_text(json.dumps(values))
    seal(tmp_path / "seed-0")
    assert read_run(tmp_path / "seed-0") == record


def test_the_end_of_training_starts_after_fifteen_sixteenths_of_it() -> None:
    """Of 32 iterations the last two count: the point at 30 is of those before."""
    errors = {10: 90.0, 30: 60.0, 31: 20.0, 32: 10.0}
    curve = [Point(iteration, "train", "error", error) for iteration, error in errors.items()]
    assert train_error_at_end(curve, 32) == 15.0
