"""How a run gets into MLflow, and the import of finished runs. A training logs itself by the same functions: `live`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from replication.config.recipe import Recipe
from replication.files import sha256
from replication.runs.curve import Point
from replication.runs.folder import CURVE, NET, RECORD, read_curve, read_run
from replication.runs.provenance import to_columns
from replication.runs.record import run_name, training_score
from replication.tasks import Task, get_task
from replication.tracking import mlflow_store
from replication.tracking.fields import (
    GROUP,
    draw_curve,
    make_input,
    make_params,
    make_tags,
    name_point,
    name_scores,
    write_card,
)
from replication.tracking.mlflow_store import IMPORTED, Destination

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

REFERENCE = "paper"  # tag of a run that has the paper's numbers: its net
MAX_METRICS = 1_000  # metrics in a request: MLflow's limit


@dataclass(frozen=True)
class FinishedRun:
    """A run with its row as in runs.csv, the points of its curve, and its scores as in scores.csv.

    `folder` has its record, curve and weights; None: they are not here.
    """

    recipe: Recipe
    row: Mapping[str, Any]
    curve: Sequence[Point]
    scores: Sequence[Mapping[str, Any]]
    folder: Path | None = None


def read_finished_run(folder: Path, scores: Sequence[Mapping[str, Any]] = ()) -> FinishedRun:
    """The run of a folder of runs/, with its scores and its training error.

    Raises:
        UserError: the folder is damaged.
    """
    record, curve = read_run(folder), read_curve(folder)
    row = record.model_dump() | environment_of(record.provenance)
    return FinishedRun(record.recipe, row, curve, [*scores, training_score(record.recipe, curve)], folder)


def environment_of(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """The environment of a run: its columns of runs.csv, the full commit and the DVC experiment."""
    more = {"full_commit": provenance["commit"], "dvc_experiment": provenance.get("dvc_experiment")}
    return to_columns(provenance) | more


def import_runs(runs: Sequence[tuple[FinishedRun, Destination | None]], work: Path) -> tuple[dict[str, str], list[str]]:
    """Log what MLflow lacks of some runs. All go to one store; those without a destination are left out.

    Args:
        work: folder of the resume states of all runs.

    Returns:
        The ids of the MLflow runs by the hashes of their recipes, and the names of the runs that lacked something.

    Raises:
        UserError: the store cannot be used.
    """
    tracked = [(run, destination) for run, destination in runs if destination]
    if not tracked:
        return {}, []
    ids, names, uri = {}, [], tracked[0][1].uri
    try:
        client = mlflow_store.connect(uri)
        mlflow_store.delete_imports(client)
        mlflow_store.mark_killed(client, work)
        present = mlflow_store.finished_runs(client)
        for number, (run, destination) in enumerate(tracked):
            key = run.recipe.hash
            if key in present:
                ids[key], is_changed = present[key].info.run_id, _add_scores(client, present[key], run)
            else:
                ids[key], is_changed = _import_run(client, destination, run, len(tracked) - number), True
            names += [f"{destination.experiment}: {run_name(run.recipe)}"] if is_changed else []
    except Exception as error:  # of MLflow, SQLAlchemy or sqlite
        raise mlflow_store.explain_failure(uri, error) from error
    return ids, names


def _add_scores(client: "MlflowClient", mlflow_run: "Run", run: FinishedRun) -> bool:
    """Log the scores that an MLflow run lacks, if it is the run of the folder; says whether it lacked any."""
    run_id = mlflow_run.info.run_id
    scores = name_scores(get_task(run.recipe.task), run.scores)
    missing = {key: value for key, value in scores.items() if key not in mlflow_run.data.metrics}
    if not missing or run.folder is None or run.row["mlflow_run_id"] != run_id:
        return False
    for key, value in missing.items():
        client.log_metric(run_id, key, value)
    return True


def _import_run(client: "MlflowClient", destination: Destination, run: FinishedRun, later: int) -> str:
    """Log a run, or the rest of one whose end MLflow did not see; returns the id of its MLflow run.

    Args:
        later: milliseconds after midnight, as its record has no time of day; the UI shows the last first.
    """
    start = 1000 * int(datetime.fromisoformat(str(run.row["date"])).replace(tzinfo=UTC).timestamp()) + later
    run_id = run.row["mlflow_run_id"] if run.folder else None
    imported = replace(destination, tags={**destination.tags, IMPORTED: "true"})
    mlflow_run = open_run(client, imported, run.recipe, run.row, run_id, start)
    finish_run(client, destination, mlflow_run, run, mlflow_run.info.start_time + int(1000 * run.row["seconds"]))
    return mlflow_run.info.run_id


def open_run(
    client: "MlflowClient", destination: Destination, recipe: Recipe, environment: Mapping[str, Any],
    run_id: str | None, start: int,
) -> "Run":  # fmt: skip
    """The MLflow run with an id; where MLflow lacks it, a new one with its params, tags and data.

    Args:
        environment: see `environment_of`.
        start: of a new run, in milliseconds since 1970.
    """
    from mlflow.entities import Param
    from mlflow.exceptions import MlflowException

    experiment = mlflow_store.open_experiment(client, destination)
    if run_id and (found := mlflow_store.search_runs(client, f"attributes.run_id = '{run_id}'")):
        return found[0]
    tags = make_tags(recipe, environment, destination.tags, destination.note)
    run = client.create_run(experiment, start, tags, run_name(recipe))
    client.log_batch(run.info.run_id, params=[Param(key, value) for key, value in make_params(recipe).items()])
    try:
        client.log_inputs(run.info.run_id, [make_input(recipe)])
    except MlflowException:  # another run of the experiment wrote the same data set at the same moment
        client.log_inputs(run.info.run_id, [make_input(recipe)])
    return run


def log_curve(
    client: "MlflowClient", run_id: str, task: Task, curve: Sequence[Point], now: int, last: int | None = None
) -> int:
    """Log the points of a curve that MLflow lacks, at their iterations. No request has a part of an iteration.

    Args:
        now: milliseconds since 1970.
        last: the last iteration that MLflow has; None: MLflow is asked.

    Returns:
        The last iteration that MLflow has now.
    """
    from mlflow.entities import Metric

    if last is None:
        last = max((point.step for point in client.get_metric_history(run_id, "train/error")), default=0)
    request: list[Metric] = []
    by_iteration = groupby(sorted(curve, key=_iteration), _iteration)
    for iteration, points in by_iteration:
        if iteration <= last:
            continue
        metrics = [Metric(name_point(task, point), point.value, now, iteration) for point in points]
        if len(request) + len(metrics) > MAX_METRICS:
            client.log_batch(run_id, metrics=request)
            request = []
        request += metrics
        last = iteration
    if request:
        client.log_batch(run_id, metrics=request)
    return last


def _iteration(point: Point) -> int:
    return point.iteration


def finish_run(client: "MlflowClient", destination: Destination, mlflow_run: "Run", run: FinishedRun, end: int) -> None:
    """Log what MLflow lacks of a finished run, and end it.

    Its card, the picture of its curve, and record and curve where they are here become artifacts. Its weights become a
    model of MLflow's without a copy: tags have their path and digest.

    Args:
        end: milliseconds since 1970.
    """
    from mlflow.entities import Metric, RunTag

    run_id, row, task = mlflow_run.info.run_id, run.row, get_task(run.recipe.task)
    log_curve(client, run_id, task, run.curve, end)
    model = _create_model(client, destination, mlflow_run, run) if run.folder else None
    numbers = {key: row[key] for key in ("images_per_second", "seconds")} | name_scores(task, run.scores)
    metrics = [Metric(key, value, end, 0, model_id=model) for key, value in numbers.items()]
    tags = [RunTag(key, str(row[key])) for key in ("status", "starts", "processes")]
    client.log_batch(run_id, metrics, tags=tags)
    client.set_terminated(run_id, "FINISHED", end)

    # MLflow knows the whole path of artifacts: for a store that was moved it would create the old folder again.
    if mlflow_run.info.artifact_uri.startswith(mlflow_store.artifact_root(destination.uri) or ""):
        description = mlflow_run.data.tags["mlflow.note.content"]
        client.log_text(run_id, write_card(run.recipe, run.scores, description), "README.md")
        client.log_text(run_id, draw_curve(task, run.curve), "curve.svg")
        for name in (RECORD, CURVE) if run.folder else ():
            client.log_artifact(run_id, str(run.folder / name))


def _create_model(client: "MlflowClient", destination: Destination, mlflow_run: "Run", run: FinishedRun) -> str:
    """The id of the model that stands for a run's weights in MLflow, as `mlflow.create_external_model` makes it."""
    from mlflow.entities import LoggedModelOutput

    if present := mlflow_store.find_models(client, mlflow_run):
        return present[0]
    weights, recipe = run.folder / NET, run.recipe
    path = destination.tags.get("weights", weights.as_posix())
    tags = {"mlflow.model.isExternal": "true", "weights": path, "weights_sha256": sha256(weights)}
    name = re.sub("[^A-Za-z0-9_-]+", "-", run_name(recipe))
    model = client.create_logged_model(
        mlflow_run.info.experiment_id, name, mlflow_run.info.run_id, tags, {"recipe_hash": recipe.hash}
    )
    client.log_outputs(mlflow_run.info.run_id, [LoggedModelOutput(model.model_id, 0)])
    client.finalize_logged_model(model.model_id, "READY")
    return model.model_id


def log_reference(
    client: "MlflowClient", experiment_id: str, task: Task, net: str, scores: Sequence[Mapping[str, Any]],
    curve: Sequence[Point], colour: str,
) -> None:  # fmt: skip
    """Log what the paper prints of a net as a run, to be compared with ours.

    Args:
        scores: rows with protocol, metric and value.
        curve: over the iterations of our runs.
        colour: of its lines.
    """
    from mlflow.entities import Metric

    name = f"paper: {net}"
    tags = {REFERENCE: net, GROUP: name, "task": task.name, "mlflow.runColor": colour}
    tags["mlflow.note.content"] = "As printed in the paper; its curve is drawn over the share of the schedule."
    run = client.create_run(experiment_id, 0, tags, name)
    metrics = [Metric(key, value, 0, 0) for key, value in name_scores(task, scores).items()]
    client.log_batch(run.info.run_id, metrics)
    log_curve(client, run.info.run_id, task, curve, 0, last=0)
    client.set_terminated(run.info.run_id, "FINISHED", 0)
