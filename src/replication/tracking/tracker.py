"""MLflow tracking that never stops or slows a training: rows go in batches, and a failure only switches it off."""

import json
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from replication.config.profiles import named
from replication.config.recipe import Data, Recipe
from replication.errors import UserError
from replication.files import sha256
from replication.runs.folder import CURVE, NET, RECORD, Row
from replication.runs.record import run_name
from replication.tasks import get_task
from replication.tracking.store import (
    IMPORTED,
    SQLITE,
    exists,
    finished,
    place_of_files,
    prepare_sqlite,
    set_up,
    tell_killed,
)

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput, Run

CURVES = "curve/"  # the UI makes a section of charts of what stands before a slash, and shows it before all others
THEN = " → "  # between what a run was begun with and what it was resumed with
KEPT = (RECORD, CURVE)  # of a run's folder, as artifacts
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
    folder: Path | None = None  # where it is, if it is here


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
        data: Data | None = None,
        images: int = 0,
    ):
        """
        Args:
            uri: the tracking store, such as sqlite:////…/mlflow.db.
            lock: a file by which processes take turns to create the store.
            data: what is trained on, so many images of it.
        """
        self.experiment, self.run_name, self.params, self.tags = experiment, run_name, params, tags
        self.uri, self.lock, self.data, self.images = uri, lock, data, images
        self.client: Any = None
        self.run_id: str | None = None
        self.began = 0  # milliseconds since 1970
        self.clock: Callable[[], int] = lambda: int(time.time() * 1000)

    def start(self, run_id: str | None) -> str | None:
        """Begin the run, or continue run `run_id`; its id is returned for the resume state."""
        self._attempt(lambda: self._start(run_id))
        if self.run_id and self.run_id == run_id:
            self._attempt(self._tell_drift)
        return self.run_id or run_id

    def log(self, rows: list[Row]) -> None:
        """Log rows of a curve; every value but the iteration is a metric at that step, "curve/train_error"."""
        if self.run_id and rows:
            now = self.clock()
            values = ((int(row["iteration"]), k, v) for row in rows for k, v in row.items())
            points = [(CURVES + k, v, now, at) for at, k, v in values if k != "iteration" and v is not None]
            self._attempt(lambda: self._log(points))

    def finish(
        self,
        status: str,
        row: Mapping[str, Any] | None = None,
        scores: Iterable[Mapping[str, Any]] = (),
        folder: Path | None = None,
    ) -> None:
        """End the run as FINISHED, KILLED or FAILED.

        Args:
            row: what a finished run has in runs.csv: its status, its starts, its time and its speed.
            scores: rows as in scores.csv.
            folder: of the run. Its record and its curve are kept as artifacts. Its weights are not copied but told by
                path and digest: DVC keeps them, and a second copy could be another than the one that is scored.
        """
        if not self.run_id:
            return
        now, row = self.clock(), row or {}
        final = {key: row[key] for key in ("images_per_second", "seconds") if key in row} | figures(scores)
        tags = {key: str(row[key]) for key in ("status", "starts", "processes") if key in row}

        def end() -> None:
            self._log([(key, value, now, 0) for key, value in final.items()])
            weights = {"weights": (folder / NET).as_posix(), "weights_sha256": sha256(folder / NET)} if folder else {}
            self._tag(tags | weights)
            self.client.set_terminated(self.run_id, status, end_time=now)
            for name in KEPT if folder and self._keeps_files() else ():
                self.client.log_artifact(self.run_id, str(folder / name))

        self._attempt(end)

    def add(self, ended: Ended, there: "Run | None" = None, later: int = 0) -> bool:
        """The whole of a run, or what the store lacks of it; says whether the store took something.

        Its day is known and not its hour, so it is given midnight.

        Args:
            there: the finished run that the store has of it. It gets the scores that it lacks, if it is the one here.
            later: milliseconds; the UI shows the last first.
        """
        known = ended.row["mlflow_run_id"] if ended.folder else None
        if there:
            if there.info.run_id != known or figures(ended.scores).keys() <= there.data.metrics.keys():
                return False
            self.score(known, ended.scores)
            return self.run_id is not None
        began = 1000 * int(datetime.fromisoformat(str(ended.row["date"])).replace(tzinfo=UTC).timestamp()) + later
        self.clock, self.tags = lambda: began, self.tags | {IMPORTED: "true"}
        self._attempt(lambda: self._start(known))
        self.clock = lambda: self.began + int(1000 * ended.row["seconds"])
        self._attempt(lambda: self._log_rest(ended.curve))
        self.finish("FINISHED", ended.row, ended.scores, ended.folder)
        return self.run_id is not None

    def score(self, run_id: str | None, scores: Iterable[Mapping[str, Any]]) -> None:
        """Log scores of a run that was trained before. One that the store lacks is left to `make runs`."""
        if self.uri and run_id and exists(self.uri):
            self._attempt(lambda: self._score(run_id, scores))

    def _score(self, run_id: str, scores: Iterable[Mapping[str, Any]]) -> None:
        set_up()
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        prepare_sqlite(self.uri)
        self.client = MlflowClient(self.uri)
        try:
            self.run_id = self.client.get_run(run_id).info.run_id
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return
        self._log([(key, value, self.clock(), 0) for key, value in figures(scores).items()])

    def _start(self, run_id: str | None) -> None:
        if self.uri is None:
            return
        set_up()
        from mlflow.entities import Param
        from mlflow.exceptions import MlflowException
        from mlflow.tracking import MlflowClient

        self.lock.parent.mkdir(parents=True, exist_ok=True)
        # Two processes creating a file at once would kill one; a server has its own turns, and may be slow to answer.
        with FileLock(self.lock, timeout=120) if self.uri.startswith(SQLITE) else nullcontext():
            prepare_sqlite(self.uri)
            self.client = MlflowClient(self.uri)
            experiment = self.client.get_experiment_by_name(self.experiment)
            if not experiment:
                about = [*(self.tags[k] for k in ("fidelity", "study") if k in self.tags), "Deep Residual Learning"]
                note = {"mlflow.note.content": ", ".join(about)}
                with suppress(MlflowException):  # another machine was first
                    self.client.create_experiment(self.experiment, place_of_files(self.uri), note)
                experiment = self.client.get_experiment_by_name(self.experiment)
            if experiment.lifecycle_stage == "deleted":  # in the UI; MLflow refuses runs of it
                self.client.restore_experiment(experiment.experiment_id)
        if run_id:
            with suppress(MlflowException):  # the store may have been deleted meanwhile
                self.client.update_run(run_id, status="RUNNING")
                self.run_id, self.began = run_id, self.client.get_run(run_id).info.start_time
                return
        self.began = self.clock()
        run = self.client.create_run(experiment.experiment_id, self.began, self.tags, self.run_name)
        self.client.log_batch(run.info.run_id, params=[Param(k, str(v)[:500]) for k, v in self.params.items()])
        if self.data:
            self.client.log_inputs(run.info.run_id, [_input(self.data, self.images)])
        self.run_id = run.info.run_id

    def _log_rest(self, rows: list[Row]) -> None:
        """The rows of a curve after the last that the run has."""
        if self.run_id:
            points = self.client.get_metric_history(self.run_id, f"{CURVES}train_error")
            last = max((point.step for point in points), default=0)
            self.log([row for row in rows if row["iteration"] > last])

    def _tell_drift(self) -> None:
        """Tag with what else a run goes on than it was begun with: `resumed_on.threads` is "1 → 2"."""
        before, found = self.client.get_run(self.run_id).data.tags, {}
        for key in (key for key in MADE if key in self.tags):
            so_far = before.get(f"resumed_on.{key}", before.get(key, ""))
            if so_far and so_far.rpartition(THEN)[2] != self.tags[key]:
                found[f"resumed_on.{key}"] = so_far + THEN + self.tags[key]
        self._tag(found)

    def _keeps_files(self) -> bool:
        """Whether the store's files are beside it. MLflow writes down their whole path: a folder that was moved since
        would be made anew where it was.
        """
        expected = place_of_files(self.uri)
        return expected is None or self.client.get_run(self.run_id).info.artifact_uri.startswith(expected)

    def _tag(self, tags: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        self.client.log_batch(self.run_id, tags=[RunTag(key, value) for key, value in tags.items()])

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
                f"(the store is {self.uri}; all else goes on, and `make runs` adds it afterwards)",
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
        "task": recipe.task,
        "variant": recipe.variant,
        "net_and_variant": named(recipe.net, recipe.variant),  # to group the seeds by
        "dataset": dataset,
        "data_digest": data.fingerprint,
        "recipe_hash": recipe.hash,
        **{key: str(made[key]) for key in MADE if made.get(key) is not None},
        "mlflow.note.content": _note(recipe, dataset, tracking),
        "mlflow.source.name": "pipeline.train",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": commit,
    }
    return Tracker(
        tracking.uri,
        tracking.experiment,
        run_name(recipe),
        flat,
        tags | tracking.tags,
        tracking.lock,
        data,
        recipe.train_images,
    )


def _note(recipe: Recipe, dataset: str, tracking: Tracking) -> str:
    """What a run is, in Markdown, for the head of its page in the UI."""
    schedule = recipe.schedule
    return (
        f"**{run_name(recipe)}**, section {get_task(recipe.task).section} of *Deep Residual Learning*: "
        f"{schedule.iterations:,} iterations of {schedule.batch_size} images, {recipe.precision}, on {dataset}.\n\n"
        f"Fidelity: {tracking.tags.get('fidelity', 'not known')}. The headline is the last iteration's error; the test "
        f"set selects nothing.\n\n{tracking.note}"
    ).strip()


def log_missing(runs: Sequence[tuple[Ended, Tracking]], work: Path) -> tuple[dict[str, str], list[str]]:
    """Log what MLflow's store lacks of some runs.

    Args:
        work: folder of the resume states of all runs.

    Returns:
        The ids of their MLflow runs, by the hashes of their recipes; and the names of those that the store lacked.

    Raises:
        UserError: the store cannot be used.
    """
    if not runs or (uri := runs[0][1].uri) is None:
        return {}, []
    try:
        tell_killed(uri, work)
        there = finished(uri)
    except Exception as error:  # MLflow's, SQLAlchemy's or sqlite's
        why = f"MLflow's store {uri} cannot be used ({str(error).splitlines()[0]})"
        raise UserError(
            f"{why}; mend it, or move it away: `make runs` makes a new one with every run.", kind="unavailable"
        ) from error
    ids, added = {}, []
    for number, (ended, place) in enumerate(runs):
        tracker = tracker_of(ended.recipe, ended.row, ended.commit, place)
        old = there.get(ended.recipe.hash)
        if tracker.add(ended, old, len(runs) - number):
            added.append(f"{tracker.experiment}: {tracker.run_name}")
        if run_id := tracker.run_id or (old and old.info.run_id):
            ids[ended.recipe.hash] = run_id
    return ids, added


def figures(scores: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Rows of scores as metrics: "ten_crop.top1_error"."""
    return {f"{row['protocol']}.{row['metric']}": row["value"] for row in scores}


def _input(data: Data, images: int) -> "DatasetInput":
    """What is trained on, as MLflow has data sets: told by our digest, and made by the stage `prepare`."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    source = json.dumps({"tags": {"mlflow.source.name": "pipeline.prepare", "pixels": data.pixels}})
    dataset = Dataset(data.name, data.fingerprint, "code", source, profile=json.dumps({"num_rows": images}))
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])
