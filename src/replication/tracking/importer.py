"""What MLflow has of a run, and the import of finished runs. A training logs itself by the same functions: `live`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from replication.config.profiles import named
from replication.config.recipe import Recipe
from replication.errors import UserError
from replication.files import sha256
from replication.runs.curve import ERROR, TRAIN, Point
from replication.runs.folder import CURVE, NET, RECORD, read_curve, read_run
from replication.runs.provenance import to_columns
from replication.runs.record import run_name, training_score
from replication.tasks import get_task
from replication.tracking import mlflow_store
from replication.tracking.mlflow_store import IMPORTED, Destination

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput, Run
    from mlflow.tracking import MlflowClient

ENVIRONMENT = ("threads", "machine", "torch", "commit", "dvc_experiment")  # of a run: its tags
POINTS = 500  # of a curve in one request; MLflow limits a request to 1,000 metrics


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
    """With what a run was made: the columns of runs.csv, the commit in full, and the DVC experiment."""
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
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UserError(
            f"MLflow's store {uri} cannot be used ({reason}); repair it, or move it away: `make runs` then creates "
            "another, with all runs.",
            kind="unavailable",
        ) from error
    return ids, names


def _add_scores(client: "MlflowClient", mlflow_run: "Run", run: FinishedRun) -> bool:
    """Log the scores that an MLflow run lacks, if it is the run of the folder; says whether it lacked any."""
    run_id = mlflow_run.info.run_id
    missing = {key: value for key, value in _metrics_of(run.scores).items() if key not in mlflow_run.data.metrics}
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
    run = client.create_run(experiment, start, _tags_of(destination, recipe, environment), run_name(recipe))
    params = [Param(key, str(value)[:500]) for key, value in _params_of(recipe).items()]
    client.log_batch(run.info.run_id, params=params)
    try:
        client.log_inputs(run.info.run_id, [_input_of(recipe)])
    except MlflowException:  # another run of the experiment wrote the same data set at the same moment
        client.log_inputs(run.info.run_id, [_input_of(recipe)])
    return run


def log_curve(client: "MlflowClient", run_id: str, curve: Sequence[Point], now: int, last: int | None = None) -> int:
    """Log the points of a curve that MLflow lacks: "train/error", "test/top1_error" and others, at their iterations.

    The UI makes a section of charts of what comes before the slash.

    Args:
        now: milliseconds since 1970.
        last: the last iteration that MLflow has; None: MLflow is asked.

    Returns:
        The last iteration that MLflow has now.
    """
    from mlflow.entities import Metric

    if last is None:
        logged = client.get_metric_history(run_id, f"{TRAIN}/{ERROR}")
        last = max((point.step for point in logged), default=0)
    points = [point for point in curve if point.iteration > last]
    for first in range(0, len(points), POINTS):
        part = points[first : first + POINTS]
        metrics = [Metric(f"{point.split}/{point.metric}", point.value, now, point.iteration) for point in part]
        client.log_batch(run_id, metrics=metrics)
    return points[-1].iteration if points else last


def finish_run(client: "MlflowClient", destination: Destination, mlflow_run: "Run", run: FinishedRun, end: int) -> None:
    """Log what MLflow lacks of a finished run, and end it.

    Its record and curve become artifacts. Its weights are not copied: tags have their path and digest.

    Args:
        end: milliseconds since 1970.
    """
    from mlflow.entities import Metric, RunTag

    run_id, row = mlflow_run.info.run_id, run.row
    log_curve(client, run_id, run.curve, end)
    numbers = {key: row[key] for key in ("images_per_second", "seconds")} | _metrics_of(run.scores)
    tags = {key: str(row[key]) for key in ("status", "starts", "processes")}
    if run.folder:
        path = (run.folder / NET).as_posix()
        tags |= {"weights": destination.tags.get("weights", path), "weights_sha256": sha256(run.folder / NET)}
    metrics = [Metric(key, value, end, 0) for key, value in numbers.items()]
    client.log_batch(run_id, metrics, tags=[RunTag(key, value) for key, value in tags.items()])
    client.set_terminated(run_id, "FINISHED", end)

    # MLflow knows the whole path of artifacts: for a store that was moved it would create the old folder again.
    if run.folder and mlflow_run.info.artifact_uri.startswith(mlflow_store.artifact_root(destination.uri) or ""):
        for name in (RECORD, CURVE):
            client.log_artifact(run_id, str(run.folder / name))


def _metrics_of(scores: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Rows of scores as metrics: "ten_crop.top1_error"."""
    return {f"{row['protocol']}.{row['metric']}": row["value"] for row in scores}


def _tags_of(destination: Destination, recipe: Recipe, environment: Mapping[str, Any]) -> dict[str, str]:
    """What to filter and group runs by, and a description in Markdown for the head of a run's page."""
    data, schedule = recipe.data, recipe.schedule
    dataset = data.name if data.pixels == "official" else f"{data.name} ({data.pixels})"
    description = (
        f"**{run_name(recipe)}**, section {get_task(recipe.task).section} of *Deep Residual Learning*: "
        f"{schedule.iterations:,} iterations of {schedule.batch_size} images, {recipe.precision}, on {dataset}.\n\n"
        f"Fidelity: {destination.tags.get('fidelity', 'not known')}. The headline is the error at the last iteration; "
        f"no model is selected on test data.\n\n{destination.note}"
    )
    return {
        "task": recipe.task,
        "variant": recipe.variant,
        "net_and_variant": named(recipe.net, recipe.variant),  # to group the seeds by
        "dataset": dataset,
        "data_digest": data.fingerprint,
        "recipe_hash": recipe.hash,
        **{key: str(environment[key]) for key in ENVIRONMENT if environment.get(key)},
        "mlflow.note.content": description.strip(),
        "mlflow.source.name": "pipeline.train",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": environment.get("full_commit") or environment.get("commit", "").removesuffix("+"),
        **destination.tags,
    }


def _params_of(recipe: Recipe) -> dict[str, Any]:
    """The fields of a recipe: "net", "schedule.iterations"."""
    params: dict[str, Any] = {}
    for key, value in recipe.model_dump().items():
        params |= {f"{key}.{inner}": v for inner, v in value.items()} if isinstance(value, dict) else {key: value}
    return params


def _input_of(recipe: Recipe) -> "DatasetInput":
    """The training images as an MLflow data set: with our digest, from the stage `prepare`."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    data, images = recipe.data, json.dumps({"num_rows": recipe.train_images})
    source = json.dumps({"tags": {"mlflow.source.name": "pipeline.prepare", "pixels": data.pixels}})
    dataset = Dataset(data.name, data.fingerprint, "code", source, profile=images)
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])
