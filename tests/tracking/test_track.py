"""`python -m pipeline.track` gives MLflow the runs that it lacks, of this checkout and of the committed studies."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from checkout import PROJECT
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from replication.config.profiles import read_profile
from replication.files import sha256
from replication.results.studies import read_studies
from replication.runs.curve import select
from replication.runs.folder import read_curve
from replication.runs.outcome import read_scores
from replication.tasks import TASKS

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # inside MLflow


@pytest.fixture(autouse=True)
def empty_store(tmp_path: Path, mlflow_database: Path) -> None:
    shutil.copy(mlflow_database, tmp_path)


def runs(uri: str) -> list[Run]:
    client = MlflowClient(uri)
    return client.search_runs([found.experiment_id for found in client.search_experiments()])


def test_a_run_that_was_trained_without_mlflow_is_added_once(project: Any, tmp_path: Path) -> None:
    of_reader = {"nets": ["plain-8", "resnet-8"], "override": {"train_images": 90}}  # a recipe of no profile
    project.configure({"cifar": of_reader}, schedule={"iterations": 16, "drops": []})
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    for net, tracking in (("plain-8", uri), ("resnet-8", "off")):
        done = project.run("train", "cifar", net, "0", REPLICATION_TRACKING=tracking, REPLICATION_SAVE_SECONDS="0")
        assert done.returncode == 0, done.stderr
    added = project.run("track", REPLICATION_TRACKING=uri)
    assert added.returncode == 0, added.stderr
    study = "tiny · cifar · train_images 90"
    assert added.stdout.splitlines() == [f"{study}: resnet-8 · seed 0", "1 of 2 runs added"]
    live, late = sorted(runs(uri), key=lambda run: run.info.run_name)
    assert (live.info.run_name, late.info.run_name) == ("plain-8 · seed 0", "resnet-8 · seed 0")
    assert live.data.metrics.keys() == late.data.metrics.keys()
    assert live.data.params.keys() == late.data.params.keys()
    keys = [{key for key in run.data.tags if "mlflow" not in key} for run in (live, late)]
    assert keys[1] - keys[0] == {"imported"} and keys[0] <= keys[1]
    curve = read_curve(project.folder / "runs/cifar/resnet-8/seed-0")
    points = MlflowClient(uri).get_metric_history(late.info.run_id, "train/error")
    assert [(point.step, point.value) for point in points] == list(select(curve, "train", "error").items())
    assert project.run("track", REPLICATION_TRACKING=uri).stdout == "0 of 2 runs added\n"
    models = MlflowClient(uri).search_logged_models([live.info.experiment_id])
    assert sorted(model.source_run_id for model in models) == sorted([live.info.run_id, late.info.run_id])
    digests = {sha256(path) for path in (project.folder / "runs/cifar").rglob("net.safetensors")}
    assert {model.tags["weights_sha256"] for model in models} == digests
    assert "`python -m pipeline.train cifar resnet-8 0`" in late.data.tags["mlflow.note.content"]


@pytest.mark.slow
def test_a_reader_browses_all_committed_studies_without_training(project: Any, tmp_path: Path) -> None:
    """And a second time nothing is added, nor a run that this checkout has logged."""
    shutil.copytree(PROJECT / "results", project.folder / "results")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    client, paper = MlflowClient(uri), read_profile(PROJECT / "pipeline/profiles", "paper")
    studies = [s for task in TASKS.values() for s in read_studies(PROJECT / "results", task, paper)]
    count = sum(len(study.runs) for study in studies)
    printed = project.run("track", REPLICATION_TRACKING=uri)
    assert printed.stdout.splitlines()[-1] == f"{count} of {count} runs added", printed.stderr
    for study in studies:
        of_study = [run for run in runs(uri) if run.data.tags["study"] == f"results/{study.folder}"]
        assert len({run.info.experiment_id for run in of_study}) == 1
        assert len(of_study) == len(study.runs)
        for run in of_study:
            recipe, tags = study.recipes[run.data.tags["recipe_hash"]], run.data.tags
            name = {"net": recipe.net, "variant": recipe.variant, "seed": recipe.seed}
            (row,) = rows_of(study.runs, name)
            assert run.info.status == "FINISHED" and run.data.params["net"] == recipe.net
            assert run.info.end_time - run.info.start_time == int(1000 * row["seconds"])
            wanted = {key: row[key] for key in ("threads", "machine", "torch", "commit", "status", "fidelity")}
            wanted |= {"data_digest": recipe.data.fingerprint, "profile": study.profile}
            assert {key: tags[key] for key in wanted if wanted[key]} == {k: v for k, v in wanted.items() if v}
            scores = rows_of(study.scores, name)
            metrics = dict(run.data.metrics)
            assert {score["value"] for score in scores} <= set(metrics.values()) and scores
            headline = (study.task.headline, study.task.metric.name)
            headlines = [score["value"] for score in scores if (score["protocol"], score["metric"]) == headline]
            assert headlines == [metrics["error"]]
            test = rows_of(study.curves, name | {"split": "test", "metric": study.task.curve_metric.name})
            assert metrics["test/error"] == test[-1]["value"]
            points = client.get_metric_history(run.info.run_id, "train/error")
            curve = rows_of(study.curves, name | {"split": "train", "metric": "error"})
            drawn = [(point.step, point.value) for point in points]
            assert drawn == [(point["iteration"], point["value"]) for point in curve]
            assert f"`results/{study.folder}`" in tags["mlflow.note.content"]
    assert project.run("track", REPLICATION_TRACKING=uri).stdout == f"0 of {count} runs added\n"
    assert len(runs(uri)) == count


def rows_of(table: pd.DataFrame, name: dict[str, Any]) -> list[dict[str, Any]]:
    return table.loc[(table[list(name)] == pd.Series(name)).all(axis=1)].to_dict("records")


def test_a_store_that_cannot_be_used_is_named(project: Any, tmp_path: Path) -> None:
    project.configure(schedule={"iterations": 16, "drops": []})
    (tmp_path / "mlflow.db").unlink()
    (tmp_path / "mlflow.db").mkdir()
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    live = {"REPLICATION_TRACKING": uri, "REPLICATION_SAVE_SECONDS": "0"}
    trained = project.run("train", "cifar", "plain-8", "0", **live)
    assert trained.returncode == 0 and "make runs" in trained.stderr
    told = project.run("track", REPLICATION_TRACKING=uri)
    assert told.returncode == 1 and "mlflow.db" in told.stderr and "Traceback" not in told.stderr


@pytest.mark.slow
def test_the_name_of_the_folder_that_the_project_lies_in_does_not_matter(project: Any, tmp_path: Path) -> None:
    """MLflow takes an address apart: "%20" is a space to it, and what follows "?" an option."""
    project.configure(schedule={"iterations": 16, "drops": []})
    moved = replace(project, folder=project.folder.rename(tmp_path / "a%20b ?c#d ä"))
    done = moved.run("train", "cifar", "plain-8", "0", REPLICATION_TRACKING="", REPLICATION_SAVE_SECONDS="0")
    assert done.returncode == 0 and "tracking is off" not in done.stderr, done.stderr
    with closing(sqlite3.connect(moved.folder / "mlflow.db")) as database:
        assert database.execute("SELECT name, status FROM runs").fetchall() == [("plain-8 · seed 0", "FINISHED")]
    kept = sorted(path.name for path in (moved.folder / "mlartifacts").rglob("*") if path.is_file())
    assert kept == ["README.md", "curve.csv", "curve.svg", "run.json"]
    with closing(sqlite3.connect(moved.folder / "mlflow.db")) as database:
        (weights,) = database.execute("SELECT value FROM tags WHERE key = 'weights'").fetchone()
    assert (moved.folder / weights).is_file() and not Path(weights).is_absolute()


def test_scores_that_were_not_logged_live_are_added_by_tabulate(project: Any, tmp_path: Path) -> None:
    project.configure({"cifar": {"nets": ["resnet-8"]}}, schedule={"iterations": 16, "drops": []})
    uri, one = f"sqlite:///{tmp_path}/mlflow.db", ("cifar", "resnet-8", "0")
    live = {"REPLICATION_TRACKING": uri, "REPLICATION_SAVE_SECONDS": "0"}
    assert project.run("train", *one, **live).returncode == 0
    assert project.run("evaluate", *one).returncode == 0
    assert "error" not in runs(uri)[0].data.metrics
    assert project.run("tabulate", "cifar", REPLICATION_TRACKING=uri).returncode == 0
    (run,) = runs(uri)
    (score,) = read_scores(project.folder / "outcomes/cifar/resnet-8/seed-0")
    assert run.data.metrics["error"] == score["value"] and "imported" not in run.data.tags


def test_a_short_run_is_logged_by_tabulate_alone(project: Any, tmp_path: Path) -> None:
    project.configure({"cifar": {"nets": ["resnet-8"]}}, schedule={"iterations": 16, "drops": []})
    uri, one = f"sqlite:///{tmp_path}/mlflow.db", ("cifar", "resnet-8", "0")
    assert project.run("train", *one, REPLICATION_TRACKING=uri).returncode == 0
    assert runs(uri) == []
    assert project.run("evaluate", *one).returncode == 0
    assert project.run("tabulate", "cifar", REPLICATION_TRACKING=uri).returncode == 0
    (run,) = runs(uri)
    (table,) = project.folder.glob("results/tiny/cifar/runs.csv")
    assert run.info.status == "FINISHED" and run.info.run_id in table.read_text()


def test_a_run_whose_end_the_store_did_not_see_is_ended_in_its_place(project: Any, tmp_path: Path) -> None:
    project.configure(schedule={"iterations": 16, "drops": []})
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    live = {"REPLICATION_TRACKING": uri, "REPLICATION_SAVE_SECONDS": "0"}
    assert project.run("train", "cifar", "plain-8", "0", **live).returncode == 0
    (run,) = runs(uri)
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:  # as if the store had gone after iteration 8
        database.execute("DELETE FROM metrics WHERE step > 8 OR step = 0")
        database.execute("UPDATE runs SET status = 'RUNNING', end_time = NULL")
        database.commit()
    assert project.run("track", REPLICATION_TRACKING=uri).stdout.endswith("1 of 1 runs added\n")
    (again,) = runs(uri)
    assert len(MlflowClient(uri).search_logged_models([again.info.experiment_id])) == 1
    assert (again.info.run_id, again.info.status) == (run.info.run_id, "FINISHED")
    assert again.info.start_time < again.info.end_time
    points = MlflowClient(uri).get_metric_history(run.info.run_id, "train/error")
    curve = read_curve(project.folder / "runs/cifar/plain-8/seed-0")
    assert [(point.step, point.value) for point in points] == list(select(curve, "train", "error").items())
    assert not [key for key in again.data.tags if key.startswith("resumed_on")]
