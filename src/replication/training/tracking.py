"""MLflow tracking that never stops or slows a training: rows go in batches, and a failure only switches it off."""

import logging
import os
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from replication.arms import arm_of
from replication.recipe import Recipe
from replication.runs.folder import Row
from replication.runs.record import run_name

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
MADE = ("threads", "machine", "torch", "commit", "dvc_experiment")  # with what a run was made: its tags


@dataclass(frozen=True)
class Tracking:
    """Where runs are tracked; see `Tracker`.

    `tags` come on top of those that a training sets itself; `note` says where its weights are, and how to make it anew.
    """

    uri: str | None
    experiment: str
    lock: Path
    tags: dict[str, str] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Ended:
    """A run that has ended: its row as in runs.csv, the rows of its curve, and of its scores as in scores.csv."""

    recipe: Recipe
    row: Mapping[str, Any]
    curve: list[Row]
    scores: list[Mapping[str, Any]]
    commit: str  # in full, where it is known


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
        self.clock: Callable[[], int] = lambda: int(time.time() * 1000)  # milliseconds since 1970

    def start(self, run_id: str | None) -> str | None:
        """Begin the run, or continue run `run_id`; its id is returned for the resume state."""
        self._attempt(lambda: self._start(run_id))
        return self.run_id or run_id

    def log(self, rows: list[Row]) -> None:
        """Log rows of a curve; every value but the iteration is a metric at that step."""
        if self.run_id and rows:
            now = self.clock()
            points = [
                (k, v, now, int(row["iteration"]))
                for row in rows
                for k, v in row.items()
                if k != "iteration" and v is not None
            ]
            self._attempt(lambda: self._log(points))

    def finish(
        self, status: str, row: Mapping[str, Any] | None = None, scores: Iterable[Mapping[str, Any]] = ()
    ) -> None:
        """End the run as FINISHED, KILLED or FAILED.

        Args:
            row: what a finished run has in runs.csv: its status, its starts, its time and its speed.
            scores: rows as in scores.csv.
        """
        if not self.run_id:
            return
        now, row = self.clock(), row or {}
        final = {key: row[key] for key in ("images_per_second", "seconds") if key in row} | figures(scores)

        def end() -> None:
            self._log([(key, value, now, 0) for key, value in final.items()])
            for key in ("status", "starts", "processes"):
                if key in row:
                    self.client.set_tag(self.run_id, key, str(row[key]))
            self.client.set_terminated(self.run_id, status, end_time=now)

        self._attempt(end)

    def add(self, ended: Ended, later: int = 0) -> bool:
        """The whole of a run; says whether the store took it.

        Its day is known and not its hour, so it is given midnight.

        Args:
            later: milliseconds; the UI shows the last first.
        """
        began = 1000 * int(datetime.fromisoformat(str(ended.row["date"])).replace(tzinfo=UTC).timestamp()) + later
        self.clock = lambda: began
        self.start(None)
        self.clock = lambda: began + int(1000 * ended.row["seconds"])
        self.log(ended.curve)
        self.finish("FINISHED", ended.row, ended.scores)
        return self.run_id is not None

    def _start(self, run_id: str | None) -> None:
        if self.uri is None:
            return
        _set_up()
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
        run = self.client.create_run(experiment.experiment_id, self.clock(), self.tags, self.run_name)
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


def tracker_of(recipe: Recipe, made: Mapping[str, Any], commit: str, tracking: Tracking) -> Tracker:
    """The MLflow run of a training: a param for each field of its recipe, and tags to filter by.

    Args:
        made: with what, by the columns of runs.csv; other keys are not looked at.
        commit: of the code, in full where it is known.
    """
    flat: dict[str, Any] = {}
    for key, value in recipe.model_dump().items():
        flat |= {f"{key}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {key: value}
    data = recipe.data
    dataset = data.name if data.pixels == "official" else f"{data.name} ({data.pixels})"
    tags = {
        "arm": recipe.arm,
        "variant": recipe.variant,
        "dataset": dataset,
        "data_digest": data.fingerprint,
        "recipe_hash": recipe.hash,
        **{key: str(made[key]) for key in MADE if made.get(key) is not None},
        "mlflow.note.content": _note(recipe, dataset, tracking),
        "mlflow.source.name": "pipeline.train",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": commit,
    }
    return Tracker(tracking.uri, tracking.experiment, run_name(recipe), flat, tags | tracking.tags, tracking.lock)


def _note(recipe: Recipe, dataset: str, tracking: Tracking) -> str:
    """What a run is, in Markdown, for the head of its page in the UI."""
    schedule = recipe.schedule
    return (
        f"**{run_name(recipe)}**, section {arm_of(recipe.arm).section} of *Deep Residual Learning*: "
        f"{schedule.iterations:,} iterations of {schedule.batch_size} images, {recipe.precision}, on {dataset}.\n\n"
        f"Fidelity: {tracking.tags.get('fidelity', 'not known')}. The headline is the last iteration's error; the test "
        f"set selects nothing.\n\n{tracking.note}"
    ).strip()


def finished(uri: str) -> set[str]:
    """The recipes, by their hashes, of which a store has a finished run, in whichever experiment.

    Raises what MLflow raises where its store cannot be used.
    """
    _set_up()
    from mlflow.tracking import MlflowClient

    _prepare_sqlite(uri)
    client, hashes, token = MlflowClient(uri), set(), None
    experiments = [found.experiment_id for found in client.search_experiments()]
    while token != "":
        runs = client.search_runs(experiments, "attributes.status = 'FINISHED'", max_results=1000, page_token=token)
        hashes |= {run.data.tags.get("recipe_hash", "") for run in runs}
        token = runs.token or ""
    return hashes


def figures(scores: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Rows of scores as metrics: "ten_crop/top1_error". The UI makes a section of what stands before the slash."""
    return {f"{row['protocol']}/{row['metric']}": row["value"] for row in scores}


def _set_up() -> None:
    """Import mlflow as it is wanted here; it takes settings while it is imported, and then sets its own log level."""
    for key, value in SETTINGS.items():
        os.environ.setdefault(key, value)
    import mlflow  # noqa: F401

    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("mlflow").setLevel(logging.WARNING)


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
