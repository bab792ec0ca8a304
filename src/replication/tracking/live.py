"""A training in MLflow while it goes on. MLflow never stops it: a failure switches tracking off, with one warning."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from replication.config.recipe import Recipe
from replication.runs.curve import Point
from replication.runs.record import run_name
from replication.tasks import get_task
from replication.tracking.fields import ENVIRONMENT
from replication.tracking.importer import finish_run, log_curve, open_run, read_finished_run
from replication.tracking.mlflow_store import Destination, connect

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

ARROW = " → "  # between what a run started with and what it resumed with


class LiveRun:
    """The MLflow run of a training. Its first `log` creates or resumes it; before that, nothing happens.

    Args:
        destination: where MLflow keeps it; None: nowhere.
        environment: see `environment_of`.
    """

    def __init__(
        self, destination: Destination | None, recipe: Recipe, environment: Mapping[str, Any] = MappingProxyType({})
    ):
        self.destination, self.recipe, self.environment = destination, recipe, environment
        self.client: MlflowClient | None = None
        self.run: Run | None = None
        self.last: int | None = None  # iteration of its curve that MLflow has; None: not known

    def log(self, curve: Sequence[Point], run_id: str | None) -> str | None:
        """Log the points of a curve that MLflow lacks; `run_id` is the MLflow run of this training, if it has one.

        Returns:
            The id of its MLflow run, for the resume state.
        """
        self._attempt(lambda: self._log(curve, run_id))
        return self.run.info.run_id if self.run else run_id

    def end(self, status: str) -> None:
        """End an unfinished run as KILLED or FAILED."""
        if self.run:
            self._attempt(lambda: self.client.set_terminated(self.run.info.run_id, status))

    def finish(self, folder: Path) -> None:
        """Log the rest of a finished run, from its folder."""
        if self.run:
            now = _now()
            self._attempt(lambda: finish_run(self.client, self.destination, self.run, read_finished_run(folder), now))

    def _log(self, curve: Sequence[Point], run_id: str | None) -> None:
        if not self.run:
            self.client = connect(self.destination.uri)
            self.run = open_run(self.client, self.destination, self.recipe, self.environment, run_id, _now())
            if self.run.info.run_id == run_id:
                self._resume()
        task = get_task(self.recipe.task)
        self.last = log_curve(self.client, self.run.info.run_id, task, curve, _now(), self.last)

    def _resume(self) -> None:
        """Mark a run as RUNNING again. Tags say what changed in its environment: `resumed_on.threads` is "1 → 2"."""
        run_id, tags = self.run.info.run_id, self.run.data.tags
        for key in ENVIRONMENT:
            before, now = tags.get(f"resumed_on.{key}", tags.get(key)), self.environment.get(key)
            if before and now and before.rpartition(ARROW)[2] != now:
                self.client.set_tag(run_id, f"resumed_on.{key}", before + ARROW + now)
        self.client.update_run(run_id, "RUNNING")

    def _attempt(self, call: Callable[[], None]) -> None:
        if self.destination is None:
            return
        try:
            call()
        except Exception as error:  # whatever MLflow does, the training goes on
            reason = f"{type(error).__name__}: {error}".splitlines()[0]
            print(
                f"warning: MLflow tracking is off for {run_name(self.recipe)}: {reason} (the store is "
                f"{self.destination.uri}; training continues, and `make runs` adds the run later)",
                file=sys.stderr,
            )
            self.destination = None


def _now() -> int:
    """Milliseconds since 1970."""
    return int(time.time() * 1000)
