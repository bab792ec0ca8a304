"""MLflow's store: an SQLite file beside this checkout, or a server. How it is created, and which runs it has."""

import logging
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from replication.errors import UserError
from replication.files import describe_cause

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

SQLITE = "sqlite:///"
ARTIFACTS = "mlartifacts"  # folder beside an SQLite store
IMPORTED = "imported"  # tag of a run that was not tracked while it was trained

KIND = {"mlflow.experimentKind": "custom_model_development"}  # else the UI opens pages for language models

# A call to a server that is gone would block for minutes. With these a refused call costs nothing, and a server that
# no longer answers costs 15 seconds, once.
SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0",
    "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "0",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


@dataclass(frozen=True)
class Destination:
    """Where MLflow keeps a run: the address of a store, and the name of an experiment in it.

    `tags` come on top of those that follow from the run's recipe; `note` is the end of its description.
    """

    uri: str
    experiment: str
    tags: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


def explain_failure(uri: str, error: Exception) -> UserError:
    """The error for a store that MLflow, SQLAlchemy or sqlite could not use."""
    reason = (str(error) or type(error).__name__).splitlines()[0]
    remedy = "repair it, or move it away: `make runs` then creates another, with all runs"
    if isinstance(error, OSError) and error.errno:
        reason, remedy = "a file of it cannot be read or written", describe_cause(error)
    elif "readonly" in reason:  # as sqlite says it
        remedy = "make the file and its folder writable, and run again"
    return UserError(f"MLflow's store {uri} cannot be used ({reason}); {remedy}.", kind="unavailable")


def connect(uri: str) -> "MlflowClient":
    """Open a store. An SQLite file that does not exist is created.

    Raises:
        Exception: MLflow is not installed, or the store cannot be used; of MLflow, sqlite or the system.
    """
    for key, value in SETTINGS.items():
        os.environ.setdefault(key, value)  # MLflow reads them while it is imported
    from mlflow.tracking import MlflowClient

    for name in ("alembic", "mlflow"):  # MLflow sets its own level while it is imported
        logging.getLogger(name).setLevel(logging.WARNING)
    if uri.startswith(SQLITE):
        _prepare_sqlite(Path(uri.removeprefix(SQLITE)))
    return MlflowClient(uri)


def _prepare_sqlite(file: Path) -> None:
    """Create an SQLite store if there is none, and fail at once where MLflow would try for two minutes.

    Raises:
        OSError, sqlite3.Error: it cannot be written, is no database, or is locked for a minute.
    """
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = file.with_name(f"{file.name}.lock")
        with FileLock(lock, timeout=120):  # of two processes that create one file, one would fail
            if not file.exists():
                _create_sqlite(file)
            lock.unlink(missing_ok=True)  # a process that waits for it finds the store
    with closing(sqlite3.connect(file, timeout=60)) as database:
        database.execute("BEGIN IMMEDIATE")
        database.execute("SELECT name FROM sqlite_master").fetchall()
        database.rollback()
        _follow_move(database, file)


def _follow_move(database: sqlite3.Connection, file: Path) -> None:
    """Mend the paths of artifacts after the checkout was moved, renamed or copied: MLflow stores whole paths."""
    root = artifact_root(f"{SQLITE}{file}")
    if not (file.parent / ARTIFACTS).is_dir():
        return
    columns = {"experiments": "artifact_location", "runs": "artifact_uri", "logged_models": "artifact_location"}
    for table, column in columns.items():
        for (path,) in database.execute(f"SELECT DISTINCT {column} FROM {table}").fetchall():
            before, name, inside = (path or "").rpartition(f"/{ARTIFACTS}")
            if name and before + name != root and inside[:1] in ("", "/"):
                database.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (root + inside, path))
    database.commit()


def _create_sqlite(file: Path) -> None:
    """Create a whole store or none: MLflow never accepts a database whose creation was interrupted."""
    from mlflow.tracking import MlflowClient

    unfinished = file.with_name(f"{file.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    unfinished.touch()  # MLflow would try again and again where this fails
    MlflowClient(f"{SQLITE}{unfinished}").delete_experiment("0")  # "Default", which would stay empty
    unfinished.replace(file)


def artifact_root(uri: str) -> str | None:
    """The folder of an SQLite store's artifacts: beside it, wherever a run is started. None: a server has its own."""
    file = Path(uri.removeprefix(SQLITE))
    return (file.resolve().parent / ARTIFACTS).as_uri() if uri.startswith(SQLITE) else None


def open_experiment(client: "MlflowClient", destination: Destination) -> str:
    """The id of a destination's experiment, which is created if there is none and restored if it was deleted."""
    from mlflow.exceptions import MlflowException

    name = destination.experiment
    if not client.get_experiment_by_name(name):
        tags = KIND | {"mlflow.note.content": destination.tags.get("fidelity", "")}
        with suppress(MlflowException):  # another process was first
            client.create_experiment(name, artifact_root(destination.uri), tags)
    experiment = client.get_experiment_by_name(name)
    if experiment.lifecycle_stage == "deleted":  # in the UI; MLflow refuses runs of it
        client.restore_experiment(experiment.experiment_id)
    return experiment.experiment_id


def search_runs(client: "MlflowClient", which: str) -> "list[Run]":
    """The runs that a filter of MLflow's selects, in all experiments; the one that started last comes first."""
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    return list(client.search_runs(experiments, which, max_results=50_000))  # as many as MLflow allows


def finished_runs(client: "MlflowClient") -> "dict[str, Run]":
    """The finished runs by the hashes of their recipes; of two of one recipe the one that started last."""
    runs = reversed(search_runs(client, "attributes.status = 'FINISHED'"))
    return {run.data.tags["recipe_hash"]: run for run in runs if "recipe_hash" in run.data.tags}


def delete_imports(client: "MlflowClient") -> None:
    """Delete the runs whose import was interrupted, and those that were trained here after they were imported."""
    finished = search_runs(client, "attributes.status = 'FINISHED'")
    trained = {run.data.tags.get("recipe_hash") for run in finished if IMPORTED not in run.data.tags}
    for run in search_runs(client, f"tags.{IMPORTED} = 'true'"):
        if run.info.status != "FINISHED" or run.data.tags["recipe_hash"] in trained:
            for model in find_models(client, run):
                client.delete_logged_model(model)
            client.delete_run(run.info.run_id)


def find_models(client: "MlflowClient", run: "Run") -> list[str]:
    """The ids of the models of a run."""
    models = client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run.info.run_id}'")
    return [model.model_id for model in models]


def mark_killed(client: "MlflowClient", work: Path) -> None:
    """Mark as KILLED the runs that are RUNNING in a store though no process trains them.

    This is known of runs whose resume state is here: the process that trains one holds its lock.

    Args:
        work: folder of the resume states of all runs, each named by its recipe's hash.
    """
    for run in search_runs(client, "attributes.status = 'RUNNING'"):
        state = work / run.data.tags.get("recipe_hash", "none")
        with suppress(Timeout, OSError):  # a process trains it, or the disk has no locks
            if state.is_dir():
                with FileLock(state / "lock", timeout=0):
                    pass  # released at once: a training that starts just now does not wait for it
                client.set_terminated(run.info.run_id, "KILLED")
