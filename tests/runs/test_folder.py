"""A run folder is whole or not there, and comes back as it was written."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from replication.errors import UserError
from replication.nets.by_name import build
from replication.nets.complexity import complexity
from replication.recipe import CifarRecipe
from replication.training import RunRecord, read_curve, read_run, run_folder, write_run

Curve = list[dict[str, float | None]]
Write = Callable[..., RunRecord]
Limit = Callable[[int], AbstractContextManager[None]]


def row(iteration: int, **values: float) -> dict[str, float | None]:
    errors = {"train_loss": 1.234567, "train_error": 61.2054, "test_error": None, "heldout_error": None}
    return {"iteration": iteration, "learning_rate": 0.1} | errors | values


CURVE: Curve = [row(10), row(20, test_error=37.5), row(30, learning_rate=1e-10, heldout_error=0.0)]


@pytest.fixture
def write(make_recipe: Callable[..., CifarRecipe]) -> Write:
    def written(folder: Path, curve: Curve = CURVE, **changes: Any) -> RunRecord:
        recipe = make_recipe()
        size = complexity("resnet-8", 8, 4)
        values: dict[str, Any] = {
            "recipe": recipe,
            "recipe_hash": recipe.hash,
            "profile": "tiny",
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
        write_run(folder, record, curve, build("resnet-8", 4, seed=record.starts))
        return record

    return written


def test_record_curve_and_weights_come_back_as_written(tmp_path: Path, write: Write) -> None:
    folder = tmp_path / "runs/cifar/resnet-8/seed-0"
    record = write(folder)
    assert read_run(folder) == record
    assert read_run(folder).recipe.hash == record.recipe_hash
    assert read_curve(folder) == CURVE
    weights = load_file(folder / "net.safetensors")
    net = build("resnet-8", 4, seed=2)
    assert weights.keys() == net.state_dict().keys()
    assert all(torch.equal(weights[key], value) for key, value in net.state_dict().items())
    assert [path.name for path in folder.parent.iterdir()] == ["seed-0"]


def test_weights_name_their_net_and_recipe(tmp_path: Path, write: Write) -> None:
    record = write(tmp_path / "seed-0")
    with safe_open(tmp_path / "seed-0/net.safetensors", "pt") as file:
        assert file.metadata() == {"net": "resnet-8", "recipe_hash": record.recipe_hash}


def test_weights_in_channels_last_memory_are_kept(tmp_path: Path, write: Write) -> None:
    record = write(tmp_path / "first")
    net = build("resnet-8", 4, seed=9).to(memory_format=torch.channels_last)
    write_run(tmp_path / "second", record, CURVE, net)
    weights = load_file(tmp_path / "second/net.safetensors")
    assert all(torch.equal(weights[key], value) for key, value in net.state_dict().items())


def test_the_curve_is_a_csv_with_these_columns(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "seed-0")
    lines = (tmp_path / "seed-0/curve.csv").read_text().splitlines()
    assert lines[0] == "iteration,learning_rate,train_loss,train_error,test_error,heldout_error"
    assert lines[1] == "10,0.1,1.234567,61.2054,,"
    assert len(lines) == 4


def test_a_run_replaces_an_older_one(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "seed-0")
    (tmp_path / "seed-0/stray").touch()
    record = write(tmp_path / "seed-0", CURVE[:1], starts=5)
    assert read_run(tmp_path / "seed-0") == record
    assert read_curve(tmp_path / "seed-0") == CURVE[:1]
    assert not (tmp_path / "seed-0/stray").exists()


def test_a_full_disk_is_told_in_one_sentence_and_leaves_the_old_run(
    tmp_path: Path, write: Write, files_of_at_most: Limit
) -> None:
    old = write(tmp_path / "seed-0")
    with files_of_at_most(20_000), pytest.raises(UserError, match="the training is kept, free some space") as told:
        write(tmp_path / "seed-0", starts=5)
    assert str(tmp_path / "seed-0") in str(told.value)
    assert read_run(tmp_path / "seed-0") == old
    assert [path.name for path in tmp_path.iterdir()] == ["seed-0"]


def test_an_interruption_leaves_the_old_run(tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    old = write(tmp_path / "seed-0")

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run_folder, "save_file", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "seed-0", starts=5)
    assert read_run(tmp_path / "seed-0") == old
    assert [path.name for path in tmp_path.iterdir()] == ["seed-0"]


def test_a_place_that_cannot_be_written_is_told_in_one_sentence(tmp_path: Path, write: Write) -> None:
    (tmp_path / "runs").write_text("a file where the folder should be")
    with pytest.raises(UserError, match="could not be written"):
        write(tmp_path / "runs/seed-0")


def test_a_missing_run_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"run\.json is missing; train the net with `dvc repro train`"):
        read_run(tmp_path / "seed-0")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe\x00"])
def test_a_record_that_is_not_json_is_named(tmp_path: Path, write: Write, content: bytes) -> None:
    write(tmp_path / "seed-0")
    (tmp_path / "seed-0/run.json").write_bytes(content)
    with pytest.raises(UserError, match=r"run\.json is not JSON"):
        read_run(tmp_path / "seed-0")


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [("status", "fine", "status: "), ("recipe", {}, "recipe: .*arm"), ("errors", 1, "errors: no such key")],
)
def test_a_record_of_another_form_is_refused_with_its_key(
    tmp_path: Path, write: Write, key: str, value: Any, told: str
) -> None:
    write(tmp_path / "seed-0")
    path = tmp_path / "seed-0/run.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    with pytest.raises(UserError, match=rf"run\.json: {told}"):
        read_run(tmp_path / "seed-0")
