"""MLflow's store: sqlite beside this checkout, or a server elsewhere. What is in it, and how it is made ready."""

import logging
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

if TYPE_CHECKING:
    from mlflow.entities import Run

SQLITE = "sqlite:///"
IMPORTED = "imported"  # tag of a run that was not tracked while it was trained

# A tracking server that is gone would block each call for minutes. So one that refuses costs nothing, and one that no
# longer answers 15 seconds, once.
SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "0",
    "MLFLOW_HTTP_REQUEST_BACKOFF_JITTER": "0",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def finished(uri: str) -> "dict[str, Run]":
    """The finished runs of a store, in whichever experiment, by the hashes of their recipes.

    Raises what MLflow raises where its store cannot be used.
    """
    runs = reversed(_runs(uri, "attributes.status = 'FINISHED'"))  # of two the last begun, which was trained here
    return {run.data.tags["recipe_hash"]: run for run in runs if "recipe_hash" in run.data.tags}


def tell_killed(uri: str, work: Path) -> None:
    """End as KILLED the runs that are RUNNING in a store though nobody trains them, and delete what an import has left.

    The first can be known of those whose resume state is here: who trains holds its lock. An import is deleted where it
    was interrupted, and where the run was trained here since. Raises as `finished`.

    Args:
        work: folder of the resume states of all runs, each named by its recipe's hash.
    """
    from mlflow.tracking import MlflowClient

    here = {hash_ for hash_, run in finished(uri).items() if IMPORTED not in run.data.tags}
    for run in _runs(uri, f"tags.{IMPORTED} = 'true'"):
        if run.info.status == "RUNNING" or run.data.tags["recipe_hash"] in here:
            MlflowClient(uri).delete_run(run.info.run_id)
    for run in _runs(uri, "attributes.status = 'RUNNING'"):
        state = work / run.data.tags.get("recipe_hash", "none")
        if state.is_dir() and _is_free(state / "lock"):
            MlflowClient(uri).set_terminated(run.info.run_id, "KILLED")


def _is_free(lock: Path) -> bool:
    try:
        with FileLock(lock, timeout=0):  # let go at once, as a training that starts just now does not wait for it
            return True
    except Timeout:
        return False


def _runs(uri: str, which: str) -> "list[Run]":
    set_up()
    from mlflow.tracking import MlflowClient

    prepare_sqlite(uri)
    client, runs, token = MlflowClient(uri), [], None
    experiments = [found.experiment_id for found in client.search_experiments()]
    while token != "":
        page = client.search_runs(experiments, which, max_results=1000, page_token=token)
        runs, token = [*runs, *page], page.token or ""
    return runs


def set_up() -> None:
    """Import mlflow as it is wanted here; it takes settings while it is imported, and then sets its own log level."""
    for key, value in SETTINGS.items():
        os.environ.setdefault(key, value)
    import mlflow  # noqa: F401

    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow").setLevel(logging.WARNING)


def prepare_sqlite(uri: str) -> None:
    """Make an sqlite store whole or not at all, and fail at once where MLflow would try for two minutes.

    Killed while it makes its tables, MLflow leaves a database that it never accepts again: so they are made beside.

    Raises:
        OSError, sqlite3.Error: it cannot be written, is no database, or is locked for a minute.
    """
    from mlflow.tracking import MlflowClient

    if not uri.startswith(SQLITE):
        return
    file = Path(uri.removeprefix(SQLITE))
    if file.exists():
        with closing(sqlite3.connect(file, timeout=60)) as database:
            database.execute("BEGIN IMMEDIATE")
            database.execute("SELECT name FROM sqlite_master").fetchall()
            database.rollback()
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f"{file.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    unfinished.touch()  # MLflow would try again and again where that fails
    MlflowClient(f"{SQLITE}{unfinished}").search_experiments()
    unfinished.replace(file)


def exists(uri: str) -> bool:
    """Whether a store need not be made first."""
    return not uri.startswith(SQLITE) or Path(uri.removeprefix(SQLITE)).exists()


def place_of_files(uri: str) -> str | None:
    """Where the files of an sqlite store are kept: beside it, wherever a run is started. A server knows its own."""
    file = Path(uri.removeprefix(SQLITE))
    return (file.resolve().parent / "mlartifacts").as_uri() if uri.startswith(SQLITE) else None
