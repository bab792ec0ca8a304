"""MLflow as it is: one run for one training, and no training that fails because of it."""

import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import mlflow.data
import pytest
from filelock import FileLock
from mlflow.entities import Run, ViewType
from mlflow.tracking import MlflowClient

from replication.config.recipe import Data
from replication.errors import UserError
from replication.runs.curve import Point, select
from replication.tasks import get_task
from replication.tasks.batches import Batches
from replication.tasks.cifar.recipe import CifarRecipe
from replication.tracking.importer import REFERENCE, FinishedRun, import_runs, log_curve, log_reference
from replication.tracking.live import LiveRun
from replication.tracking.mlflow_store import Destination, connect, mark_killed
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


SEEDS = count(100)  # recipes of the tests differ, as a store has one finished run a recipe


class Tracking:
    """A tracking store on sqlite, in which each test has an experiment of its own."""

    def __init__(self, folder: Path, uri: str):
        self.folder, self.uri = folder, uri
        self.experiment = f"test {time.monotonic_ns()}"
        self.destination = Destination(uri, self.experiment, {"profile": "tiny"})

    def live(self, recipe: CifarRecipe, **environment: str) -> LiveRun:
        """A training, of which nothing is logged yet."""
        return LiveRun(self.destination, recipe, {"machine": "a ✓ processor"} | environment)

    def add(self, run: FinishedRun) -> tuple[str, bool]:
        """Import a run; gives the id of its MLflow run, and whether it lacked something."""
        ids, names = import_runs([(run, self.destination)], self.folder)
        return ids[run.recipe.hash], bool(names)

    def runs(self) -> list[Run]:
        """All runs of the experiment, asked of MLflow itself."""
        client = MlflowClient(self.uri)
        experiment = client.get_experiment_by_name(self.experiment)
        return client.search_runs([experiment.experiment_id], run_view_type=ViewType.ALL) if experiment else []

    def history(self, key: str) -> list[tuple[int, float]]:
        """(step, value) of a metric of the only run, "loss" say, in the order of the steps."""
        (run,) = self.runs()
        points = MlflowClient(self.uri).get_metric_history(run.info.run_id, key)
        return sorted((point.step, point.value) for point in points)


@pytest.fixture(scope="module")
def store_uri(tmp_path_factory: pytest.TempPathFactory, mlflow_database: Path) -> str:
    return f"sqlite:///{shutil.copy(mlflow_database, tmp_path_factory.mktemp('mlflow'))}"


@pytest.fixture
def tracking(store_uri: str, tmp_path: Path) -> Tracking:
    return Tracking(tmp_path, store_uri)


def stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def finished_run(recipe: CifarRecipe, folder: Path | None = None, **row: Any) -> FinishedRun:
    """A run as the importer gets it."""
    row = {"date": "2026-05-04", "seconds": 3.0, "images_per_second": 64.0, "status": "trained", "starts": 2} | row
    scores = [{"protocol": "ten_crop", "metric": "top5_error", "value": 12.5, "images": 40}]
    return FinishedRun(recipe, {"processes": 1, "mlflow_run_id": None} | row, curve_to(8), scores, folder)


def curve_to(iteration: int) -> list[Point]:
    """A curve with the training loss and error of each fourth iteration."""
    return [
        Point(at, "train", metric, value)
        for at in range(4, iteration + 1, 4)
        for metric, value in (("loss", at / 8), ("error", 50.0))
    ]


def test_a_training_is_one_named_run_with_its_params_and_tags(
    make_recipe: Recipes, fit: Fit, tracking: Tracking
) -> None:
    data = {"name": "tiny", "pixels": "x" * 600, "fingerprint": "29b739c2cbb1d16a"}
    recipe = make_recipe(data=data, schedule={"iterations": 12, "drops": [3, 5]}, logging=SHORT["logging"])
    state = fit(recipe, live=tracking.live(recipe), save_seconds=0)
    (run,) = tracking.runs()
    assert run.info.run_id == state.mlflow_run_id
    assert run.info.run_name == "resnet-8 · seed 0"
    params = {"seed": "0", "net": "resnet-8", "schedule.drops": "(3, 5)", "data.pixels": "x" * 500}
    assert run.data.params.items() >= params.items()
    assert run.data.tags.items() >= {"profile": "tiny", "machine": "a ✓ processor"}.items()


def test_every_value_of_the_curve_is_a_metric_at_its_iteration(
    make_recipe: Recipes, fit: Fit, tracking: Tracking
) -> None:
    recipe = make_recipe(train_images=90, schedule=SHORT["schedule"], logging={"log_every": 4, "evaluate_every": 8})
    state = fit(recipe, live=tracking.live(recipe), save_seconds=0)
    metrics = {
        "learning_rate": ("train", "learning_rate"),
        "loss": ("train", "loss"),
        "train/error": ("train", "error"),
        "test/error": ("test", "top1_error"),
        "heldout/error": ("heldout", "top1_error"),
    }
    for key, column in metrics.items():
        assert tracking.history(key) == list(select(state.curve, *column).items())
    assert len(tracking.history("loss")) == 3
    assert len(tracking.history("test/error")) == 2
    assert tracking.runs()[0].data.metrics.keys() == metrics.keys(), "and nothing else"


def test_a_finished_run_has_its_final_figures_and_status(make_recipe: Recipes, tracking: Tracking) -> None:
    tracking.add(finished_run(make_recipe(seed=next(SEEDS))))
    (run,) = tracking.runs()
    assert run.info.status == "FINISHED" and run.info.end_time - run.info.start_time == 3000
    curve = {"loss": 1.0, "train/error": 50.0}
    assert run.data.metrics == {"seconds": 3.0, "images_per_second": 64.0, "ten_crop/top5_error": 12.5} | curve
    assert (run.data.tags["status"], run.data.tags["starts"]) == ("trained", "2")


def test_a_stopped_run_is_killed_and_the_resumed_training_continues_it(
    make_recipe: Recipes, fit: Fit, interrupted: Interrupt, tracking: Tracking, tmp_path: Path
) -> None:
    recipe = make_recipe(**SHORT)
    with pytest.raises(Stopped):
        fit(recipe, tmp_path / "work", interrupted(recipe, 5, stop), tracking.live(recipe), save_seconds=0)
    (run,) = tracking.runs()
    assert run.info.status == "KILLED"
    assert [step for step, _ in tracking.history("loss")] == [4]
    state = fit(recipe, tmp_path / "work", live=tracking.live(recipe), save_seconds=0)
    (again,) = tracking.runs()
    assert again.info.run_id == run.info.run_id == state.mlflow_run_id
    assert again.info.status == "RUNNING"  # the stage ends it once its folder is written
    assert [step for step, _ in tracking.history("loss")] == [4, 8, 12]


def test_a_training_killed_before_it_saved_anything_still_continues_its_own_run(
    make_recipe: Recipes, fit: Fit, interrupted: Interrupt, tracking: Tracking, tmp_path: Path
) -> None:
    recipe = make_recipe(**SHORT)

    def kill() -> None:
        raise SystemExit

    with pytest.raises(SystemExit):
        fit(recipe, tmp_path / "work", interrupted(recipe, 3, kill), tracking.live(recipe), save_seconds=0)
    fit(recipe, tmp_path / "work", live=tracking.live(recipe), save_seconds=0)
    assert [run.info.status for run in tracking.runs()] == ["RUNNING"]
    assert [step for step, _ in tracking.history("loss")] == [4, 8, 12]


def test_a_run_that_resumes_elsewhere_says_with_what(make_recipe: Recipes, tracking: Tracking) -> None:
    recipe = make_recipe()
    run = tracking.live(recipe).log([], None)
    for machine, threads in (("another", "1"), ("another", "2"), ("a ✓ processor", "2")):
        assert tracking.live(recipe, machine=machine, threads=threads).log([], run) == run
    tags = tracking.runs()[0].data.tags
    assert tags["machine"] == "a ✓ processor", "that of its first start stays"
    assert tags["resumed_on.machine"] == "a ✓ processor → another → a ✓ processor"
    assert "resumed_on.threads" not in tags, "its first start did not say"


def test_the_data_are_an_input_by_our_digest(make_recipe: Recipes, tracking: Tracking) -> None:
    data = Data(name="cifar10", pixels="official", fingerprint="29b739c2cbb1d16a")
    tracking.live(make_recipe(data=data.model_dump(), train_images=50_000)).log([], None)
    (found,) = tracking.runs()[0].inputs.dataset_inputs
    assert (found.dataset.name, found.dataset.digest) == ("cifar10", data.fingerprint)
    assert [(tag.key, tag.value) for tag in found.tags] == [("mlflow.data.context", "training")]
    assert json.loads(found.dataset.profile) == {"num_rows": 50_000}
    assert mlflow.data.get_source(found).to_dict()["tags"]["pixels"] == "official", "as MLflow reads it back"


def test_a_run_is_imported_once(make_recipe: Recipes, tracking: Tracking) -> None:
    run = finished_run(make_recipe(seed=next(SEEDS)))
    first, again = tracking.add(run), tracking.add(run)
    assert first[0] == again[0] and (first[1], again[1]) == (True, False)
    assert tracking.history("loss") == [(4, 0.5), (8, 1.0)]


def test_scores_come_on_the_run_that_was_trained_and_on_no_other(
    make_recipe: Recipes, tracking: Tracking, tmp_path: Path
) -> None:
    recipe = make_recipe(seed=next(SEEDS))
    run_id, _ = tracking.add(finished_run(recipe))
    client = connect(tracking.uri)
    score = {"protocol": "single_view", "metric": "top1_error", "value": 9.5, "images": 40}
    for known, is_added in ((None, False), ("0" * 32, False), (run_id, True), (run_id, False)):
        run = finished_run(recipe, tmp_path, mlflow_run_id=known)
        assert tracking.add(replace(run, scores=[*run.scores, score])) == (run_id, is_added)
        assert ("error" in client.get_run(run_id).data.metrics) == (known == run_id)


def test_what_nobody_trains_any_more_is_killed_and_what_somebody_does_is_not(
    make_recipe: Recipes, tracking: Tracking
) -> None:
    """And where the resume state is not here, nobody can tell."""
    recipes = {name: make_recipe(seed=next(SEEDS)) for name in ("gone", "alive", "elsewhere")}
    ids = {tracking.live(recipe).log([], None): name for name, recipe in recipes.items()}
    for name in ("gone", "alive"):
        (tracking.folder / recipes[name].hash).mkdir()
    with FileLock(tracking.folder / recipes["alive"].hash / "lock"):
        mark_killed(connect(tracking.uri), tracking.folder)
    statuses = {ids[run.info.run_id]: run.info.status for run in tracking.runs()}
    assert statuses == {"gone": "KILLED", "alive": "RUNNING", "elsewhere": "RUNNING"}


def test_an_import_that_was_interrupted_or_trained_since_is_deleted(make_recipe: Recipes, tracking: Tracking) -> None:
    interrupted, imported, twin = (finished_run(make_recipe(seed=next(SEEDS))) for _ in range(3))
    ids = {name: tracking.add(run)[0] for name, run in (("imported", imported), ("twin", twin))}
    with pytest.raises(UserError):
        tracking.add(replace(interrupted, scores=[{"protocol": "no metric"}]))
    trained = tracking.live(twin.recipe).log([], None)
    connect(tracking.uri).set_terminated(trained)
    assert len(tracking.runs()) == 4
    tracking.add(imported)
    present = {run.info.run_id for run in tracking.runs() if run.info.lifecycle_stage == "active"}
    assert present == {ids["imported"], trained}


def test_a_failed_run_is_failed(make_recipe: Recipes, fit: Fit, tracking: Tracking) -> None:
    recipe = make_recipe(schedule={"iterations": 60, "drops": []})
    exploding = recipe.model_copy(update={"schedule": recipe.schedule.model_copy(update={"learning_rate": 1e30})})
    with pytest.raises(NonFiniteLoss):
        fit(exploding, live=tracking.live(exploding), save_seconds=0)
    assert [run.info.status for run in tracking.runs()] == ["FAILED"]


def test_two_trainings_are_two_runs_of_one_experiment(make_recipe: Recipes, tracking: Tracking) -> None:
    first, second = make_recipe(net="plain-8"), make_recipe()
    assert tracking.live(first).log([], None) != tracking.live(second).log([], None)
    assert {run.info.run_name for run in tracking.runs()} == {"plain-8 · seed 0", "resnet-8 · seed 0"}


def test_a_run_that_was_deleted_meanwhile_is_begun_anew(make_recipe: Recipes, tracking: Tracking) -> None:
    gone = "0123456789abcdef0123456789abcdef"
    assert tracking.live(make_recipe()).log(curve_to(4), gone) not in (None, gone)
    assert tracking.history("loss") == [(4, 0.5)]


def test_points_that_mlflow_lacks_are_logged_once(make_recipe: Recipes, tracking: Tracking) -> None:
    """More of them than one request may hold; a request that fails takes whole iterations with it."""
    live, run = tracking.live(make_recipe()), None
    for last in (1200, 1200, 3600):
        run = live.log(curve_to(last), run)
    assert tracking.history("loss") == [(at, at / 8) for at in range(4, 3601, 4)]
    assert sorted(tracking.runs()[0].data.metrics) == ["loss", "train/error"]


def test_a_request_never_has_a_part_of_an_iteration(make_recipe: Recipes, tracking: Tracking) -> None:
    """Else an import that is interrupted between two requests would lose the other part for good."""
    curve = [Point(at, "train", metric, 50.0) for at in range(1, 402) for metric in ("learning_rate", "loss", "error")]
    run_id, client = tracking.live(make_recipe()).log([], None), connect(tracking.uri)
    requests, send = [], client.log_batch
    client.log_batch = lambda run_id, metrics: (
        requests.append({metric.step for metric in metrics}),
        send(run_id, metrics),
    )
    assert log_curve(client, run_id, get_task("cifar"), curve, 0) == 401
    assert len(requests) == 2 and not requests[0] & requests[1]
    assert len(tracking.history("learning_rate")) == 401


def test_the_paper_s_numbers_are_a_run_that_no_import_takes_for_ours(make_recipe: Recipes, tracking: Tracking) -> None:
    recipe = make_recipe(seed=next(SEEDS))
    tracking.add(finished_run(recipe))
    experiment = connect(tracking.uri).get_experiment_by_name(tracking.experiment)
    scores = [{"protocol": "single_view", "metric": "top1_error", "value": 8.75}]
    curve = [Point(40, "test", "top1_error", 9.0)]
    log_reference(
        connect(tracking.uri), experiment.experiment_id, get_task("cifar"), "resnet-20", scores, curve, "#000000"
    )
    (reference,) = [run for run in tracking.runs() if run.data.tags.get(REFERENCE) == "resnet-20"]
    assert reference.data.metrics == {"error": 8.75, "test/error": 9.0}
    assert not tracking.add(finished_run(recipe))[1] and len(tracking.runs()) == 2


def test_without_a_destination_nothing_is_tracked(make_recipe: Recipes, fit: Fit, tmp_path: Path) -> None:
    recipe = make_recipe(**SHORT)
    live = LiveRun(None, recipe)
    state = fit(recipe, tmp_path / "work", live=live, save_seconds=0)
    live.finish(tmp_path)
    assert state.mlflow_run_id is None
    assert [path.name for path in tmp_path.iterdir()] == ["work"]


# --- tracking that fails


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.slow
def test_an_unreachable_server_neither_stops_nor_delays_a_training(
    make_recipe: Recipes, fit: Fit, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = make_recipe(**SHORT)
    live = LiveRun(Destination(f"http://127.0.0.1:{closed_port()}", "tests"), recipe)
    start = time.monotonic()
    state = fit(recipe, live=live, save_seconds=0)
    assert time.monotonic() - start < 60  # MLflow alone would try for minutes
    assert state.iteration == 12 and state.mlflow_run_id is None
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
                tracking.live(recipe) if moment == 1 else None,
                save_seconds=0,
            )
    state = fit(recipe, work, live=tracking.live(recipe), save_seconds=0)
    (run,) = tracking.runs()
    assert run.info.run_id == state.mlflow_run_id


def test_a_store_that_fails_in_mid_training_switches_tracking_off(
    make_recipe: Recipes,
    fit: Fit,
    interrupted: Interrupt,
    tracking: Tracking,
    capsys: pytest.CaptureFixture[str],
) -> None:
    recipe = make_recipe(**SHORT)
    live = tracking.live(recipe)

    def time_out(*_: object, **__: object) -> None:
        raise TimeoutError  # as sockets do: without a word

    def fail() -> None:
        live.client.log_batch = time_out

    state = fit(recipe, batches=interrupted(recipe, 6, fail), live=live, save_seconds=0)
    assert state.iteration == 12
    assert state.mlflow_run_id == tracking.runs()[0].info.run_id  # so that a resumed training can go on with it
    (warning,) = warnings_of_mlflow(capsys)
    assert "TimeoutError" in warning


def test_a_folder_that_is_no_store_does_not_stop_a_training(
    make_recipe: Recipes, fit: Fit, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mlflow.db").write_bytes(b"this is no database, and long enough to be read as one" * 100)
    recipe = make_recipe(**SHORT)
    live = LiveRun(Destination(f"sqlite:///{tmp_path / 'mlflow.db'}", "tests"), recipe)
    assert fit(recipe, live=live, save_seconds=0).iteration == 12
    assert len(warnings_of_mlflow(capsys)) == 1


@pytest.mark.parametrize("damage", ["a folder", "no database", "locked", "a folder above is a file"])
def test_a_store_that_cannot_be_used_costs_seconds_and_one_line(
    make_recipe: Recipes,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    damage: str,
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
        live, start = LiveRun(Destination(f"sqlite:///{path}", "tests"), make_recipe()), time.monotonic()
        assert live.log(curve_to(4), None) is None
        assert time.monotonic() - start < 20
    (warning,) = warnings_of_mlflow(capsys)
    assert str(path) in warning


@pytest.mark.slow
def test_killed_while_the_store_is_made_the_next_run_makes_it(tmp_path: Path) -> None:
    """At three moments of about a second; what is there afterwards is a whole store or none."""
    code = f"""
from replication.tracking.mlflow_store import connect
print(connect("sqlite:///{tmp_path}/mlflow.db").get_experiment_by_name("Default").experiment_id)
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
    assert done.returncode == 0, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]


@pytest.mark.slow
def test_processes_that_start_together_create_one_store(tmp_path: Path) -> None:
    code = f"from replication.tracking.mlflow_store import connect; connect('sqlite:///{tmp_path}/mlflow.db').get_run"
    processes = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) for _ in range(3)]
    assert [process.communicate()[1] for process in processes] == [b"", b"", b""]
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]


def test_an_experiment_that_was_deleted_in_the_ui_comes_back(make_recipe: Recipes, tracking: Tracking) -> None:
    first = tracking.live(make_recipe()).log([], None)
    client = MlflowClient(tracking.uri)
    client.delete_experiment(client.get_experiment_by_name(tracking.experiment).experiment_id)
    second = tracking.live(make_recipe()).log([], None)
    assert second and second != first
    assert second in {run.info.run_id for run in tracking.runs()}


@pytest.mark.parametrize("name", ["a%20b", "a?b", "a#b", "ä b"])
def test_the_name_of_the_folder_does_not_matter(
    make_recipe: Recipes, tmp_path: Path, mlflow_database: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The store's address is relative to the project; see pipeline.params."""
    (tmp_path / name).mkdir()
    shutil.copy(mlflow_database, tmp_path / name)
    monkeypatch.chdir(tmp_path / name)
    assert LiveRun(Destination("sqlite:///mlflow.db", "e"), make_recipe()).log([], None)
    assert sorted(path.name for path in (tmp_path / name).iterdir() if path.is_file()) == ["mlflow.db"]


def test_training_goes_on_where_mlflow_is_not_installed(
    make_recipe: Recipes, fit: Fit, tracking: Tracking, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "mlflow"]:
        monkeypatch.setitem(sys.modules, name, None)
    recipe = make_recipe(**SHORT)
    assert fit(recipe, live=tracking.live(recipe), save_seconds=0).iteration == 12
    assert len(warnings_of_mlflow(capsys)) == 1
