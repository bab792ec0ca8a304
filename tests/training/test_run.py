"""A run as a whole: trained, recorded, tracked, written, and nothing left over."""

import hashlib
import json
import math
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from errors import refused
from mlflow.tracking import MlflowClient
from safetensors import safe_open
from safetensors.torch import load_file

from replication.data.store import Store
from replication.loading import load
from replication.nets.complexity import complexity
from replication.runs.curve import last_value, select
from replication.runs.folder import NET, read_curve, read_run, read_weights
from replication.runs.provenance import to_columns
from replication.runs.record import training_score
from replication.tasks.cifar.feed import CifarBatches
from replication.tasks.cifar.recipe import CifarRecipe
from replication.tasks.imagenet.recipe import ImagenetRecipe
from replication.tracking.mlflow_store import Destination
from replication.training.run import Stopped, train_run
from replication.training.state import State

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # inside MLflow

Recipes = Callable[..., CifarRecipe]
Fit = Callable[..., State]
CPU = torch.device("cpu")
SHORT = {"schedule": {"iterations": 12, "drops": [6]}, "logging": {"log_every": 4, "evaluate_every": 4}}


def test_a_run_leaves_its_folder_and_nothing_else(
    store: Store, make_recipe: Recipes, fit: Fit, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = make_recipe(train_images=90, **SHORT)
    record = train_run(tmp_path / "runs/seed-0", recipe, store, CPU, tmp_path / "work")
    assert record == read_run(tmp_path / "runs/seed-0")
    assert (record.recipe, record.starts, record.processes, record.mlflow_run_id) == (recipe, 1, 1, None)
    size = complexity("resnet-8", 8, 4)
    assert (record.parameters, record.macs) == (size.parameters, size.macs)
    assert (record.warmup_ended_at, record.dropped_at) == (None, [6])
    assert record.images_per_second == pytest.approx(12 * 16 / record.seconds, rel=0.5)  # seconds are rounded
    assert {"date", "commit", "dirty", "machine", "versions"} <= record.provenance.keys()
    assert [path.name for path in (tmp_path / "work").iterdir()] == [recipe.hash], "kept until the run is safe"

    same = fit(recipe)
    assert read_curve(tmp_path / "runs/seed-0") == same.curve
    weights = read_weights(tmp_path / "runs/seed-0")
    assert all(torch.equal(weights[key], value) for key, value in same.net.state_dict().items())
    series = (("train", "error"), ("test", "top1_error"))
    errors = [f"{last_value(same.curve, *each):.2f} %" for each in series]
    shown = capsys.readouterr().out
    assert all(part in shown for part in ("resnet-8 · seed 0", *errors))


def test_the_mean_image_is_kept_with_the_weights(store: Store, make_recipe: Recipes, tmp_path: Path) -> None:
    recipe = make_recipe(train_images=90, **SHORT)
    train_run(tmp_path / "seed-0", recipe, store, CPU, tmp_path / "work")
    with safe_open(tmp_path / "seed-0" / NET, "pt") as file:
        assert torch.equal(file.get_tensor("mean_image"), CifarBatches(store, recipe, CPU).mean)
        assert json.loads(file.metadata()["about"])["classes"] == ["red", "green", "blue", "grey"]


def test_weights_on_the_way_are_kept_where_it_was_asked_in_time(
    store: Store, make_recipe: Recipes, fit: Fit, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe, folder = make_recipe(train_images=90, **SHORT), tmp_path / "seed-0"
    train_run(folder, recipe, store, CPU, tmp_path / "work", checkpoints=[0, 6, 12])
    saved = {iteration: load_file(folder / f"net-{iteration}.safetensors") for iteration in (0, 6, 12)}
    half = make_recipe(train_images=90, schedule={"iterations": 6, "drops": []}, logging=SHORT["logging"])
    expected = {0: State.start(recipe, 4, CPU), 6: fit(half), 12: fit(recipe)}
    for iteration, weights in saved.items():
        state_dict = expected[iteration].net.state_dict()
        assert weights.keys() == state_dict.keys() | {"mean_image"}
        assert all(torch.equal(weights[key], value) for key, value in state_dict.items())
    assert load(folder / "net-6.safetensors").classes == ["red", "green", "blue", "grey"]
    assert read_run(folder).recipe.hash == recipe.hash, "what is kept is no part of the recipe"
    capsys.readouterr()

    train_run(folder, recipe, store, CPU, tmp_path / "work", checkpoints=[3, 6])  # its state of the end is still there
    (warning,) = [line for line in capsys.readouterr().err.splitlines() if "checkpoint 3" in line]
    assert "resnet-8 · seed 0" in warning
    assert sorted(path.name for path in folder.glob("net*")) == ["net-6.safetensors", "net.safetensors"]


def test_each_task_is_trained_by_its_own_feed(
    photographs: Store, make_imagenet_recipe: Callable[..., ImagenetRecipe], tmp_path: Path
) -> None:
    recipe = make_imagenet_recipe(schedule={"iterations": 1, "drops": []})
    record = train_run(tmp_path / "seed-0", recipe, photographs, CPU, tmp_path / "work")
    assert record.recipe == recipe
    assert list(select(read_curve(tmp_path / "seed-0"), "test", "top1_error")) == [1]


def test_a_run_that_drops_on_plateaus_records_where_it_did(store: Store, make_recipe: Recipes, tmp_path: Path) -> None:
    plateau = {"window": 4, "points": 100, "most": 2}  # always a plateau
    recipe = make_recipe(schedule={"iterations": 20, "drops": [], "plateau": plateau})
    assert train_run(tmp_path / "seed-0", recipe, store, CPU, tmp_path / "work").dropped_at == [8, 16]


def test_a_run_is_tracked_under_its_name_with_tags_of_ours_and_of_the_caller(
    store: Store, make_recipe: Recipes, tmp_path: Path, mlflow_database: Path
) -> None:
    shutil.copy(mlflow_database, tmp_path)
    uri, recipe = f"sqlite:///{tmp_path / 'mlflow.db'}", make_recipe(variant="no-warmup", seed=3, **SHORT)
    destination = Destination(uri, "the study", {"profile": "tiny", "fidelity": "proxy"}, "Again.")
    record = train_run(tmp_path / "seed-3", recipe, store, CPU, tmp_path / "work", destination, save_seconds=0)
    client = MlflowClient(uri)
    run = client.get_run(record.mlflow_run_id)
    assert client.get_experiment(run.info.experiment_id).name == "the study"
    assert (run.info.run_name, run.info.status) == ("resnet-8 · no-warmup · seed 3", "FINISHED")
    expected = {
        "profile": "tiny", "fidelity": "proxy", "task": "cifar", "variant": "no-warmup", "dataset": "tiny (noise)",
        "net_and_variant": "resnet-8/no-warmup",
        "recipe_hash": recipe.hash, "status": record.status, "starts": "1", "data_digest": recipe.data.fingerprint,
        **{key: value for key, value in to_columns(record.provenance).items() if key != "date"},
    }  # fmt: skip
    assert {key: run.data.tags[key] for key in expected} == expected
    note = run.data.tags["mlflow.note.content"]
    assert all(part in note for part in ("4.2", "proxy", "Again."))
    assert run.data.tags["mlflow.source.git.commit"] == record.provenance["commit"]
    assert run.data.params["schedule.iterations"] == "12"
    assert run.data.params["data.pixels"] == "noise"
    curve = read_curve(tmp_path / "seed-3")
    assert run.data.metrics["test/error"] == last_value(curve, "test", "top1_error")
    assert run.data.metrics["training_error"] == training_score(recipe, curve)["value"]
    assert math.isclose(run.data.metrics["seconds"], record.seconds)

    # Its record and its curve are kept with it; a model tells path and digest of its weights.
    artifacts = {Path(artifact.path).name for artifact in client.list_artifacts(record.mlflow_run_id)}
    assert artifacts >= {"run.json", "curve.csv"}
    copy = client.download_artifacts(record.mlflow_run_id, "curve.csv", str(tmp_path))
    assert Path(copy).read_bytes() == (tmp_path / "seed-3/curve.csv").read_bytes()
    assert (tmp_path / "mlartifacts").is_dir(), "beside the store"
    (model,) = client.search_logged_models([run.info.experiment_id])
    weights = Path(model.tags["weights"])
    assert weights == tmp_path / "seed-3" / NET and model.source_run_id == run.info.run_id
    assert model.tags["weights_sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()


def test_a_store_that_was_moved_takes_no_files_where_it_was(
    store: Store, make_recipe: Recipes, tmp_path: Path, mlflow_database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "before").mkdir()
    shutil.copy(mlflow_database, tmp_path / "before")
    for seed, place in enumerate(("before", "after")):
        if seed:
            (tmp_path / "before").rename(tmp_path / "after")
        uri = f"sqlite:///{tmp_path / place / 'mlflow.db'}"
        recipe = make_recipe(seed=seed, **SHORT)
        destination = Destination(uri, "the study")
        train_run(tmp_path / f"seed-{seed}", recipe, store, CPU, tmp_path / "work", destination, save_seconds=0)
    assert not (tmp_path / "before").exists() and "tracking is off" not in capsys.readouterr().err
    client = MlflowClient(uri)
    runs = client.search_runs([client.get_experiment_by_name("the study").experiment_id])
    assert [run.info.status for run in runs] == ["FINISHED"] * 2
    for run in runs:  # MLflow stores whole paths; they follow the store
        assert {item.path for item in client.list_artifacts(run.info.run_id)} >= {"run.json", "curve.csv"}


class StopsItself(CifarBatches):
    """Asks its own process to stop, just before the batch of iteration 5 is taken."""

    def training(self, iteration: int) -> tuple[torch.Tensor, torch.Tensor]:
        if iteration == 5:
            os.kill(os.getpid(), signal.SIGTERM)
        return super().training(iteration)


def test_a_run_that_is_stopped_writes_no_folder_and_is_continued(
    store: Store, make_recipe: Recipes, fit: Fit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = make_recipe(**SHORT)
    with monkeypatch.context() as patched:
        patched.setattr("replication.tasks.cifar.feed.make_batches", StopsItself)
        with pytest.raises(Stopped, match=r"resnet-8 · seed 0 .*6"):
            train_run(tmp_path / "seed-0", recipe, store, CPU, tmp_path / "work")
    assert not (tmp_path / "seed-0").exists()
    assert (tmp_path / "work" / recipe.hash / "state.pt").exists()
    record = train_run(tmp_path / "seed-0", recipe, store, CPU, tmp_path / "work")
    assert record.starts == 2
    assert read_curve(tmp_path / "seed-0") == fit(recipe).curve


def test_a_run_that_cannot_be_written_keeps_its_training(store: Store, make_recipe: Recipes, tmp_path: Path) -> None:
    recipe = make_recipe(**SHORT)
    (tmp_path / "runs").write_text("a file where the folder should be")
    with refused("unwritable", "kept", file=tmp_path / "runs/seed-0"):
        train_run(tmp_path / "runs/seed-0", recipe, store, CPU, tmp_path / "work")
    assert torch.load(tmp_path / "work" / recipe.hash / "state.pt", weights_only=True)["iteration"] == 12


def test_a_deep_net_that_keeps_its_maps_has_the_same_weights(
    store: Store, make_recipe: Recipes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit for bit, also if a training that recomputed them is resumed by one that keeps them."""
    monkeypatch.setattr("replication.nets.cifar.DEEP", 2)
    monkeypatch.setattr("replication.nets.cifar.STAGE", 2)
    recipe = make_recipe(net="resnet-14", train_images=90, **SHORT)
    for keeps in (False, True):
        train_run(tmp_path / f"{keeps}", recipe, store, CPU, tmp_path / f"work-{keeps}", keeps_maps=keeps)
    for file in (NET, "curve.csv"):
        assert (tmp_path / "True" / file).read_bytes() == (tmp_path / "False" / file).read_bytes()
