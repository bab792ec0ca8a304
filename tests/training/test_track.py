"""`python -m pipeline.track` gives MLflow the finished runs that it lacks, and those only."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities import Run
from mlflow.tracking import MlflowClient

from replication.runs.folder import read_curve

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # inside MLflow


def runs(uri: str) -> list[Run]:
    client = MlflowClient(uri)
    return client.search_runs([found.experiment_id for found in client.search_experiments()])


def test_a_run_that_was_trained_without_mlflow_is_added_once(project: Any, tmp_path: Path) -> None:
    of_reader = {"nets": ["plain-8", "resnet-8"], "override": {"train_images": 90}}  # a recipe of no profile
    project.configure({"cifar": of_reader}, schedule={"iterations": 16, "drops": []})
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    for net, tracking in (("plain-8", uri), ("resnet-8", "off")):
        done = project.run("train", "cifar", net, "0", REPLICATION_TRACKING=tracking)
        assert done.returncode == 0, done.stderr
    added = project.run("track", REPLICATION_TRACKING=uri)
    assert added.returncode == 0, added.stderr
    assert added.stdout.splitlines() == ["resnet-8 · seed 0: added to MLflow", "1 of 2 runs added; 1 were there"]
    live, late = sorted(runs(uri), key=lambda run: run.info.run_name)
    assert (live.info.run_name, late.info.run_name) == ("plain-8 · seed 0", "resnet-8 · seed 0")
    assert live.data.metrics.keys() == late.data.metrics.keys()
    assert live.data.params.keys() == late.data.params.keys()
    assert {key for key in live.data.tags if "mlflow" not in key} == {
        key for key in late.data.tags if "mlflow" not in key
    }
    curve = read_curve(project.folder / "runs/cifar/resnet-8/seed-0")
    points = MlflowClient(uri).get_metric_history(late.info.run_id, "train_error")
    assert [(point.step, point.value) for point in points] == [(row["iteration"], row["train_error"]) for row in curve]
    assert project.run("track", REPLICATION_TRACKING=uri).stdout == "0 of 2 runs added; 2 were there\n"


def test_a_store_that_cannot_be_used_is_told_in_one_sentence(project: Any, tmp_path: Path) -> None:
    project.configure(schedule={"iterations": 16, "drops": []})
    (tmp_path / "mlflow.db").mkdir()
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    trained = project.run("train", "cifar", "plain-8", "0", REPLICATION_TRACKING=uri)
    assert trained.returncode == 0 and "`make runs` adds it afterwards" in trained.stderr
    told = project.run("track", REPLICATION_TRACKING=uri)
    assert told.returncode == 1 and "cannot be used" in told.stderr and "Traceback" not in told.stderr


def test_the_name_of_the_folder_that_the_project_lies_in_does_not_matter(project: Any, tmp_path: Path) -> None:
    """MLflow takes an address apart: "%20" is a space to it, and what follows "?" an option."""
    project.configure(schedule={"iterations": 16, "drops": []})
    moved = replace(project, folder=project.folder.rename(tmp_path / "a%20b ?c#d ä"))
    done = moved.run("train", "cifar", "plain-8", "0", REPLICATION_TRACKING="")
    assert done.returncode == 0 and "tracking is off" not in done.stderr, done.stderr
    with closing(sqlite3.connect(moved.folder / "mlflow.db")) as database:
        assert database.execute("SELECT name, status FROM runs").fetchall() == [("plain-8 · seed 0", "FINISHED")]
