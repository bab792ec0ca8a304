"""MLflow tracking that never stops or slows a training: rows go in batches, and a failure only switches it off."""

import logging
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock

from replication.arms import arm_of
from replication.profiles import named
from replication.recipe import Recipe
from replication.runs.folder import Row
from replication.runs.record import RunRecord

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


@dataclass(frozen=True)
class Tracking:
    """Where runs are tracked; see `Tracker`. `tags` come on top of those that a training sets itself."""

    uri: str | None
    experiment: str
    lock: Path
    tags: dict[str, str] = field(default_factory=dict)


class Tracker:
    """One MLflow run of one training, or nothing at all where `uri` is None or mlflow is not installed."""

    def __init__(
        self,
        uri: str | None,
        experiment: str,
        run_name: str,
        params: dict[str, Any],
        tags: dict[str, str],
        lock: Path,
    ):
        """
        Args:
            uri: the tracking store, such as sqlite:////…/mlflow.db.
            lock: a file by which processes take turns to create the store.
        """
        self.experiment, self.run_name, self.params, self.tags = experiment, run_name, params, tags
        self.uri, self.lock = uri, lock
        self.client: Any = None
        self.run_id: str | None = None

    def start(self, run_id: str | None) -> str | None:
        """Begin the run, or continue run `run_id`; its id is returned for the resume state."""
        self._attempt(lambda: self._start(run_id))
        return self.run_id or run_id

    def log(self, rows: list[dict[str, float | None]]) -> None:
        """Log rows of a curve; every value but the iteration is a metric at that step."""
        if self.run_id and rows:
            now = int(time.time() * 1000)
            points = [
                (k, v, now, int(row["iteration"]))
                for row in rows
                for k, v in row.items()
                if k != "iteration" and v is not None
            ]
            self._attempt(lambda: self._log(points))

    def finish(self, status: str, final: dict[str, float] | None = None, tags: dict[str, str] | None = None) -> None:
        """End the run as FINISHED, KILLED or FAILED, with its final figures."""
        if not self.run_id:
            return
        now = int(time.time() * 1000)

        def end() -> None:
            self._log([(key, value, now, 0) for key, value in (final or {}).items()])
            for key, value in (tags or {}).items():
                self.client.set_tag(self.run_id, key, value)
            self.client.set_terminated(self.run_id, status)

        self._attempt(end)

    def _start(self, run_id: str | None) -> None:
        if self.uri is None:
            return
        for key, value in SETTINGS.items():
            os.environ.setdefault(key, value)
        logging.getLogger("alembic").setLevel(logging.WARNING)
        logging.getLogger("mlflow").setLevel(logging.WARNING)
        from mlflow.entities import Param
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        self.lock.parent.mkdir(parents=True, exist_ok=True)
        # Two processes creating a file at once would kill one; a server has its own turns, and may be slow to answer.
        with FileLock(self.lock, timeout=120) if self.uri.startswith("sqlite:") else nullcontext():
            _prepare_sqlite(self.uri)
            self.client = MlflowClient(self.uri)
            experiment = self.client.get_experiment_by_name(self.experiment)
            if not experiment:
                with suppress(MlflowException):  # another machine was first
                    self.client.create_experiment(self.experiment)
                experiment = self.client.get_experiment_by_name(self.experiment)
            if experiment.lifecycle_stage == "deleted":  # in the UI; MLflow refuses runs of it
                self.client.restore_experiment(experiment.experiment_id)
        if run_id:
            with suppress(MlflowException):  # the store may have been deleted meanwhile
                self.client.update_run(run_id, status="RUNNING")
                self.run_id = run_id
                return
        run = self.client.create_run(experiment.experiment_id, run_name=self.run_name, tags=self.tags)
        self.client.log_batch(run.info.run_id, params=[Param(k, str(v)[:500]) for k, v in self.params.items()])
        self.run_id = run.info.run_id

    def _log(self, points: list[tuple[str, float, int, int]]) -> None:
        from mlflow.entities import Metric

        for first in range(0, len(points), 500):
            self.client.log_batch(self.run_id, metrics=[Metric(*point) for point in points[first : first + 500]])

    def _attempt(self, call: Callable[[], Any]) -> None:
        try:
            call()
        except Exception as error:  # whatever tracking does, training goes on
            self.run_id = None
            print(
                f"MLflow tracking is off for {self.run_name}: {f'{type(error).__name__}: {error}'.splitlines()[0]} "
                f"(the store is {self.uri}; the training goes on, and `make runs` adds it afterwards)",
                file=sys.stderr,
            )


def tracker_of(recipe: Recipe, name: str, origin: dict[str, Any], tracking: Tracking) -> Tracker:
    """The MLflow run of a training: a param for each field of its recipe, and tags to filter by."""
    flat: dict[str, Any] = {}
    for key, value in recipe.model_dump().items():
        flat |= {f"{key}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {key: value}
    data = recipe.data
    tags = {
        "arm": recipe.arm,
        "variant": recipe.variant,
        "dataset": data.name if data.pixels == "official" else f"{data.name} ({data.pixels})",
        "recipe_hash": recipe.hash,
        "commit": origin["commit"],
        "dirty": str(origin["dirty"]).lower(),
        "dvc_experiment": origin["dvc_experiment"],
        "machine": origin["machine"]["cpu"],
    }
    tags |= {
        "mlflow.note.content": _note(recipe, name, tags["dataset"], tracking.tags),
        "mlflow.source.name": "pipeline.train",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": origin["commit"],
    }
    return Tracker(tracking.uri, tracking.experiment, name, flat, tracking.tags | tags, tracking.lock)


def _note(recipe: Recipe, name: str, dataset: str, tags: Mapping[str, str]) -> str:
    """What a run is, in Markdown, for the head of its page in the UI."""
    arm, run = arm_of(recipe.arm), named(recipe.net, recipe.variant)
    schedule = recipe.schedule
    return (
        f"**{name}**, section {arm.section} of *Deep Residual Learning*: {schedule.iterations:,} iterations of "
        f"{schedule.batch_size} images, {recipe.precision}, on {dataset}.\n\n"
        f"Fidelity: {tags.get('fidelity', 'not known')}. The headline is the last iteration's error; the test set "
        f"selects nothing. The weights are in `runs/{recipe.arm}/{run}/seed-{recipe.seed}/net.safetensors`, which DVC "
        "keeps.\n\n"
        f"Again, and continued if it was stopped: `python -m pipeline.train {recipe.arm} {run} {recipe.seed}`"
    )


def is_tracked(tracking: Tracking, recipe: Recipe) -> bool:
    """Whether MLflow has a finished run of this recipe. Raises what MLflow raises where its store cannot be used."""
    from mlflow.tracking import MlflowClient

    _prepare_sqlite(tracking.uri)
    client = MlflowClient(tracking.uri)
    experiment = client.get_experiment_by_name(tracking.experiment)
    if not experiment:
        return False
    of_recipe = f"tags.recipe_hash = '{recipe.hash}' and attributes.status = 'FINISHED'"
    return bool(client.search_runs([experiment.experiment_id], of_recipe, max_results=1))


def final_figures(record: RunRecord, curve: list[Row]) -> dict[str, float]:
    """What a run ends with: the errors of the last row of its curve, its speed and its time."""
    columns = ("train_error", arm_of(record.recipe.arm).watched, "heldout_error")
    final = {f"final_{key}": curve[-1][key] for key in columns if curve[-1][key] is not None}
    return final | {"images_per_second": record.images_per_second, "seconds": record.seconds}


def _prepare_sqlite(uri: str) -> None:
    """Make an sqlite store whole or not at all, and fail at once where MLflow would try for two minutes.

    Killed while it makes its tables, MLflow leaves a database that it never accepts again: so they are made beside.

    Raises:
        OSError, sqlite3.Error: it cannot be written, is no database, or is locked for a minute.
    """
    from mlflow.tracking import MlflowClient

    if not uri.startswith("sqlite:///"):
        return
    file = Path(uri.removeprefix("sqlite:///"))
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
    MlflowClient(f"sqlite:///{unfinished}").search_experiments()
    unfinished.replace(file)
