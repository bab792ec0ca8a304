"""MLflow as it is: one run for one training, and no training that fails because of it."""

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import mlflow.data
import pytest
from filelock import FileLock
from mlflow.entities import Run, ViewType
from mlflow.tracking import MlflowClient

from replication.config.recipe import Data
from replication.tasks.batches import Batches
from replication.tasks.cifar.recipe import CifarRecipe
from replication.tracking.store import tell_killed
from replication.tracking.tracker import Tracker
from replication.training.progress import Stopped
from replication.training.state import NonFiniteLoss, State

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # inside MLflow

Recipes = Callable[..., CifarRecipe]
Fit = Callable[..., State]
Interrupt = Callable[[CifarRecipe, int, Callable[[], object]], Batches]
SHORT = {
    "schedule": {"iterations": 12, "drops": []},
    "logging": {"log_every": 4, "evaluate_every": 4},
}


def warnings_of_mlflow(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines on standard error that are about MLflow."""
    return [line for line in capsys.readouterr().err.splitlines() if "MLflow" in line]


class Tracking:
    """A tracking store on sqlite, in which each test has an experiment of its own."""

    def __init__(self, folder: Path, uri: str):
        self.folder, self.uri = folder, uri
        self.experiment = f"test {time.monotonic_ns()}"

    def tracker(self, name: str = "resnet-8 · seed 0", **params: Any) -> Tracker:
        tags = {"profile": "tiny", "machine": "a ✓ processor"}
        return Tracker(self.uri, self.experiment, name, params, tags, self.folder / "mlflow.lock")

    def runs(self) -> list[Run]:
        """All runs of the experiment, asked of MLflow itself."""
        client = MlflowClient(self.uri)
        experiment = client.get_experiment_by_name(self.experiment)
        return client.search_runs([experiment.experiment_id], run_view_type=ViewType.ALL) if experiment else []

    def history(self, key: str) -> list[tuple[int, float]]:
        """(step, value) of a column of the curve of the only run, in the order of the steps."""
        (run,) = self.runs()
        points = MlflowClient(self.uri).get_metric_history(run.info.run_id, f"curve/{key}")
        return sorted((point.step, point.value) for point in points)


@pytest.fixture(scope="module")
def store_uri(tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path) -> str:
    return f"sqlite:///{shutil.copy(mlflow_database, tmp_path_factory.mktemp('mlflow'))}"


@pytest.fixture
def tracking(store_uri: str, tmp_path: Path) -> Tracking:
    return Tracking(tmp_path, store_uri)


def stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_training_is_one_named_run_with_its_params_and_tags(
    make_recipe: Recipes, fit: Fit, tracking: Tracking
) -> None:
    state = fit(
        make_recipe(**SHORT),
        tracker=tracking.tracker(seed=0, **{"schedule.drops": (3, 5), "long": "x" * 600}),
        save_seconds=0,
    )
    (run,) = tracking.runs()
    assert run.info.run_id == state.mlflow_run_id
    assert run.info.run_name == "resnet-8 · seed 0"
    assert run.data.params == {"seed": "0", "schedule.drops": "(3, 5)", "long": "x" * 500}
    assert run.data.tags["profile"] == "tiny"
    assert run.data.tags["machine"] == "a ✓ processor"


def test_every_value_of_the_curve_is_a_metric_at_its_iteration(
    make_recipe: Recipes, fit: Fit, tracking: Tracking
) -> None:
    recipe = make_recipe(train_images=90, schedule=SHORT["schedule"], logging={"log_every": 4, "evaluate_every": 8})
    state = fit(recipe, tracker=tracking.tracker(), save_seconds=0)
    for key in ("learning_rate", "train_loss", "train_error", "single_view_error", "heldout_error"):
        logged = [(row["iteration"], row[key]) for row in state.curve if row[key] is not None]
        assert tracking.history(key) == logged
    assert len(tracking.history("train_loss")) == 3
    assert len(tracking.history("single_view_error")) == 2
    assert "curve/iteration" not in tracking.runs()[0].data.metrics


def test_a_finished_run_has_its_final_figures_and_status(tracking: Tracking) -> None:
    tracker = tracking.tracker()
    tracker.start(None)
    scores = [{"protocol": "ten_crop", "metric": "top5_error", "value": 12.5, "images": 40}]
    tracker.finish("FINISHED", {"seconds": 3.0, "status": "trained", "starts": 2, "macs": 7}, scores)
    (run,) = tracking.runs()
    assert run.info.status == "FINISHED"
    assert run.data.metrics == {"seconds": 3.0, "ten_crop.top5_error": 12.5}
    assert (run.data.tags["status"], run.data.tags["starts"]) == ("trained", "2")


def test_a_stopped_run_is_killed_and_the_resumed_training_continues_it(
    make_recipe: Recipes, fit: Fit, interrupted: Interrupt, tracking: Tracking, tmp_path: Path
) -> None:
    recipe = make_recipe(**SHORT)
    with pytest.raises(Stopped):
        fit(recipe, tmp_path / "work", interrupted(recipe, 5, stop), tracking.tracker(), save_seconds=0)
    (run,) = tracking.runs()
    assert run.info.status == "KILLED"
    assert [step for step, _ in tracking.history("train_loss")] == [4]
    state = fit(recipe, tmp_path / "work", tracker=tracking.tracker(), save_seconds=0)
    (again,) = tracking.runs()
    assert again.info.run_id == run.info.run_id == state.mlflow_run_id
    assert again.info.status == "RUNNING"  # the stage ends it once its folder is written
    assert [step for step, _ in tracking.history("train_loss")] == [4, 8, 12]


def test_a_training_killed_before_it_saved_anything_still_continues_its_own_run(
    make_recipe: Recipes, fit: Fit, interrupted: Interrupt, tracking: Tracking, tmp_path: Path
) -> None:
    recipe = make_recipe(**SHORT)

    def kill() -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        fit(recipe, tmp_path / "work", interrupted(recipe, 3, kill), tracking.tracker(), save_seconds=0)
    fit(recipe, tmp_path / "work", tracker=tracking.tracker(), save_seconds=0)
    assert [run.info.status for run in tracking.runs()] == ["RUNNING"]
    assert [step for step, _ in tracking.history("train_loss")] == [4, 8, 12]


def test_a_run_that_goes_on_elsewhere_says_with_what(tracking: Tracking) -> None:
    run = tracking.tracker().start(None)
    for machine, threads in (("another", "1"), ("another", "2"), ("a ✓ processor", "2")):
        tracker = tracking.tracker()
        tracker.tags |= {"machine": machine, "threads": threads}
        assert tracker.start(run) == run
    tags = tracking.runs()[0].data.tags
    assert tags["machine"] == "a ✓ processor", "what it was begun with stays"
    assert tags["resumed_on.machine"] == "a ✓ processor → another → a ✓ processor"
    assert "resumed_on.threads" not in tags, "it was begun without saying"


def test_the_data_are_an_input_by_our_digest(tracking: Tracking) -> None:
    data = Data(name="cifar10", pixels="official", fingerprint="29b739c2cbb1d16a")
    Tracker(tracking.uri, tracking.experiment, "r", {}, {}, tracking.folder / "lock", data, 50_000).start(None)
    (found,) = tracking.runs()[0].inputs.dataset_inputs
    assert (found.dataset.name, found.dataset.digest) == ("cifar10", data.fingerprint)
    assert [(tag.key, tag.value) for tag in found.tags] == [("mlflow.data.context", "training")]
    assert json.loads(found.dataset.profile) == {"num_rows": 50_000}
    assert mlflow.data.get_source(found).to_dict()["tags"]["pixels"] == "official", "as MLflow reads it back"


def test_scores_come_on_the_run_that_was_trained(tracking: Tracking) -> None:
    """On no other: one that the store lacks, or that was trained without it, is left to `make runs`."""
    run, scores = tracking.tracker().start(None), [{"protocol": "ten_crop", "metric": "top1_error", "value": 9.5}]
    for identity in (run, "0" * 32, None):
        tracking.tracker().score(identity, scores)
    (found,) = tracking.runs()
    assert found.data.metrics == {"ten_crop.top1_error": 9.5}
    assert found.info.status == "RUNNING", "as it was"


def test_scores_make_no_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for uri in (None, f"sqlite:///{tmp_path}/mlflow.db"):
        Tracker(uri, "e", "r", {}, {}, tmp_path / "lock").score("0" * 32, [])
    assert list(tmp_path.iterdir()) == [] and capsys.readouterr().err == ""


def test_a_store_that_fails_a_score_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"no database" * 1000)
    Tracker(f"sqlite:///{tmp_path}/mlflow.db", "e", "r", {}, {}, tmp_path / "lock").score("0" * 32, [])
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_what_nobody_trains_any_more_is_killed_and_what_somebody_does_is_not(tracking: Tracking) -> None:
    """And where the resume state is not here, nobody can tell."""
    for name in ("gone", "alive", "elsewhere"):
        tracker = tracking.tracker(name)
        tracker.tags["recipe_hash"] = f"{tracking.experiment} {name}"
        tracker.start(None)
        if name != "elsewhere":
            (tracking.folder / tracker.tags["recipe_hash"]).mkdir()
    with FileLock(tracking.folder / f"{tracking.experiment} alive" / "lock"):
        tell_killed(tracking.uri, tracking.folder)
    statuses = {run.info.run_name: run.info.status for run in tracking.runs()}
    assert statuses == {"gone": "KILLED", "alive": "RUNNING", "elsewhere": "RUNNING"}


def test_an_import_that_was_interrupted_or_trained_since_is_deleted(tracking: Tracking) -> None:
    for name, hash_, imported, status in (
        ("interrupted", "a", True, None), ("imported", "b", True, "FINISHED"), ("twin", "c", True, "FINISHED"),
        ("trained", "c", False, "FINISHED"),
    ):  # fmt: skip
        tracker = tracking.tracker(name)
        tracker.tags["recipe_hash"] = f"{tracking.experiment} {hash_}"
        tracker.tags |= {"imported": "true"} if imported else {}
        tracker.start(None)
        if status:
            tracker.finish(status)
    tell_killed(tracking.uri, tracking.folder)
    there = [run.info.run_name for run in tracking.runs() if run.info.lifecycle_stage == "active"]
    assert sorted(there) == ["imported", "trained"]


def test_a_failed_run_is_failed(make_recipe: Recipes, fit: Fit, tracking: Tracking) -> None:
    recipe = make_recipe(schedule={"iterations": 60, "drops": []})
    exploding = recipe.model_copy(update={"schedule": recipe.schedule.model_copy(update={"learning_rate": 1e30})})
    with pytest.raises(NonFiniteLoss):
        fit(exploding, tracker=tracking.tracker(), save_seconds=0)
    assert [run.info.status for run in tracking.runs()] == ["FAILED"]


def test_two_trainings_are_two_runs_of_one_experiment(tracking: Tracking) -> None:
    first, second = tracking.tracker("plain-8 · seed 0"), tracking.tracker("resnet-8 · seed 0")
    assert first.start(None) != second.start(None)
    assert {run.info.run_name for run in tracking.runs()} == {"plain-8 · seed 0", "resnet-8 · seed 0"}


def test_a_run_that_was_deleted_meanwhile_is_begun_anew(tracking: Tracking) -> None:
    gone = "0123456789abcdef0123456789abcdef"
    tracker = tracking.tracker()
    assert tracker.start(gone) not in (None, gone)
    tracker.log([{"iteration": 4, "train_loss": 1.5, "single_view_error": None}])
    assert tracking.history("train_loss") == [(4, 1.5)]


def test_more_rows_than_one_request_may_hold_are_all_logged(tracking: Tracking) -> None:
    tracker = tracking.tracker()
    tracker.start(None)
    tracker.log([{"iteration": i, "train_loss": i / 8, "train_error": 50.0} for i in range(1, 1301)])
    assert tracking.history("train_loss") == [(i, i / 8) for i in range(1, 1301)]


def test_without_an_address_nothing_is_tracked(make_recipe: Recipes, fit: Fit, tmp_path: Path) -> None:
    tracker = Tracker(None, "none", "none", {}, {}, tmp_path / "mlflow.lock")
    state = fit(make_recipe(**SHORT), tracker=tracker, save_seconds=0)
    tracker.finish("FINISHED", {"seconds": 1.0, "status": "trained"})
    assert state.mlflow_run_id is None
    assert not (tmp_path / "mlflow.lock").exists()


# --- tracking that fails


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.slow
def test_an_unreachable_server_neither_stops_nor_delays_a_training(
    make_recipe: Recipes, fit: Fit, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address = f"http://127.0.0.1:{closed_port()}"
    tracker = Tracker(address, "tests", "resnet-8 · seed 0", {}, {}, tmp_path / "mlflow.lock")
    start = time.monotonic()
    state = fit(make_recipe(**SHORT), tracker=tracker, save_seconds=0)
    tracker.finish("FINISHED", {"seconds": 1.0, "status": "trained"})
    assert time.monotonic() - start < 60  # MLflow alone would try for minutes
    assert state.iteration == 12
    assert len(warnings_of_mlflow(capsys)) == 1


def test_a_resumed_training_remembers_its_run_over_a_time_without_server(
    make_recipe: Recipes, fit: Fit, interrupted: Interrupt, tracking: Tracking, tmp_path: Path
) -> None:
    recipe, work = make_recipe(**SHORT), tmp_path / "work"
    for moment in (1, 5):
        with pytest.raises(Stopped):
            fit(
                recipe,
                work,
                interrupted(recipe, moment, stop),
                tracking.tracker() if moment == 1 else None,
                save_seconds=0,
            )
    state = fit(recipe, work, tracker=tracking.tracker(), save_seconds=0)
    (run,) = tracking.runs()
    assert run.info.run_id == state.mlflow_run_id


def test_a_store_that_fails_in_mid_training_switches_tracking_off(
    make_recipe: Recipes,
    fit: Fit,
    interrupted: Interrupt,
    tracking: Tracking,
    capsys: pytest.CaptureFixture[str],
) -> None:
    recipe, tracker = make_recipe(**SHORT), tracking.tracker()

    def time_out(*_: object, **__: object) -> None:
        raise TimeoutError  # as sockets do: without a word

    def fail() -> None:
        tracker.client.log_batch = time_out

    state = fit(recipe, batches=interrupted(recipe, 6, fail), tracker=tracker, save_seconds=0)
    assert state.iteration == 12
    assert state.mlflow_run_id == tracking.runs()[0].info.run_id  # so that a resumed training can go on with it
    (warning,) = warnings_of_mlflow(capsys)
    assert "TimeoutError" in warning


def test_a_folder_that_is_no_store_does_not_stop_a_training(
    make_recipe: Recipes, fit: Fit, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"this is no database, and long enough to be read as one" * 100)
    tracker = Tracker(f"sqlite:///{tmp_path / 'mlflow.db'}", "tests", "r", {}, {}, tmp_path / "mlflow.lock")
    assert fit(make_recipe(**SHORT), tracker=tracker, save_seconds=0).iteration == 12
    assert len(warnings_of_mlflow(capsys)) == 1


@pytest.mark.parametrize("damage", ["a folder", "no database", "locked", "a folder above is a file"])
def test_a_store_that_cannot_be_used_costs_seconds_and_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    path = tmp_path / "mlflow.db"
    with ExitStack() as stack:
        if damage == "a folder":
            path.mkdir()
        elif damage == "no database":
            path.write_bytes(b"no database" * 1000)
        elif damage == "locked":
            other = stack.enter_context(closing(sqlite3.connect(path)))
            other.execute("BEGIN EXCLUSIVE")
            connect = sqlite3.connect
            monkeypatch.setattr(sqlite3, "connect", lambda file, timeout: connect(file, timeout=0.5))
        else:
            (tmp_path / "file").touch()
            path = tmp_path / "file/mlflow.db"
        tracker, start = Tracker(f"sqlite:///{path}", "tests", "r", {}, {}, tmp_path / "lock"), time.monotonic()
        assert tracker.start(None) is None
        assert time.monotonic() - start < 20
    (warning,) = warnings_of_mlflow(capsys)
    assert str(path) in warning


@pytest.mark.slow
def test_killed_while_the_store_is_made_the_next_run_makes_it(tmp_path: Path) -> None:
    """At three moments of about a second; what is there afterwards is a whole store or none."""
    code = f"""
import sys
from pathlib import Path
from replication.tracking.tracker import Tracker
from replication.tracking.store import tell_killed
print("ready", flush=True)
print(Tracker("sqlite:///{tmp_path}/mlflow.db", "e", "r", {{}}, {{}}, Path("{tmp_path}/lock")).start(None), flush=True)
"""
    unfinished = tmp_path / "mlflow.db.unfinished"
    for moment in (0.05, 0.4, 0.8):
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        while not unfinished.exists():
            time.sleep(0.01)
            assert process.poll() is None
        time.sleep(moment)
        process.kill()
        process.wait()
        if (tmp_path / "mlflow.db").exists():
            break
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert re.search(r"ready\n[0-9a-f]{32}", done.stdout), done.stderr
    assert not unfinished.exists()


def test_an_experiment_that_was_deleted_in_the_ui_comes_back(tracking: Tracking) -> None:
    first = tracking.tracker().start(None)
    client = MlflowClient(tracking.uri)
    client.delete_experiment(client.get_experiment_by_name(tracking.experiment).experiment_id)
    second = tracking.tracker().start(None)
    assert second and second != first
    assert second in {run.info.run_id for run in tracking.runs()}


@pytest.mark.parametrize("name", ["a%20b", "a?b", "a#b", "ä b"])
def test_the_name_of_the_folder_does_not_matter(
    tmp_path: Path, mlflow_database: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The store's address is relative to the project; see pipeline.params."""
    (tmp_path / name).mkdir()
    shutil.copy(mlflow_database, tmp_path / name)
    monkeypatch.chdir(tmp_path / name)
    assert Tracker("sqlite:///mlflow.db", "e", "r", {}, {}, tmp_path / "lock").start(None)
    assert sorted(path.name for path in (tmp_path / name).iterdir() if path.is_file()) == ["mlflow.db"]


def test_training_goes_on_where_mlflow_is_not_installed(
    make_recipe: Recipes, fit: Fit, tracking: Tracking, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "mlflow"]:
        monkeypatch.setitem(sys.modules, name, None)
    tracker = tracking.tracker()
    assert fit(make_recipe(**SHORT), tracker=tracker, save_seconds=0).iteration == 12
    tracker.finish("FINISHED", {"seconds": 1.0, "status": "trained"})
    assert len(warnings_of_mlflow(capsys)) == 1
