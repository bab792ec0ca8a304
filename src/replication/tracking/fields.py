"""What MLflow shows of a run: its params, tags and data, the names of its metrics, its card and a picture of its curve.

A curve is `train/error`, `test/error`, `loss` and `learning_rate`. Final numbers are `error`, of the headline protocol,
`training_error`, and the others as `ten_crop/top5_error`. Live and imported runs have the same.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from replication.config.profiles import named
from replication.config.recipe import Recipe
from replication.runs.curve import TRAIN, Point
from replication.runs.record import TRAINING, TRAINING_ERROR, run_name
from replication.tasks import Metric, Task, get_task

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

ENVIRONMENT = ("threads", "machine", "torch", "commit", "dvc_experiment")  # of a run: its tags
GROUP = "net_and_variant"  # tag that the seeds of a net have in common


def name_point(task: Task, point: Point) -> str:
    """The metric of a point of a curve. The UI makes a section of charts of what comes before the slash."""
    if point.split == TRAIN:
        return "train/error" if point.metric == "error" else point.metric
    name = _headline(task.curve_metric) if point.metric == task.curve_metric.name else point.metric
    return f"{point.split}/{name}"


def name_scores(task: Task, scores: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Rows of scores as metrics."""
    own = {(task.headline, task.metric.name): _headline(task.metric), (TRAINING, TRAINING_ERROR): "training_error"}
    names = [(row["protocol"], row["metric"]) for row in scores]
    return {own.get(name, "/".join(name)): row["value"] for name, row in zip(names, scores, strict=True)}


def _headline(metric: Metric) -> str:
    return "error" if metric.better == "lower" else metric.name


def make_tags(
    recipe: Recipe, environment: Mapping[str, Any], tags: Mapping[str, str] = {}, note: str = ""
) -> dict[str, str]:  # fmt: skip
    """What to filter and group runs by, and a description in Markdown for the head of a run's page.

    Args:
        environment: see `environment_of`.
        tags: more of them.
        note: the end of the description.
    """
    data, schedule, task = recipe.data, recipe.schedule, get_task(recipe.task)
    dataset = data.name if data.pixels == "official" else f"{data.name} ({data.pixels})"
    description = (
        f"Section {task.section}, {tags.get('fidelity', 'unknown fidelity')}: {schedule.iterations:,} iterations of "
        f"{schedule.batch_size} images, {recipe.precision}, on {dataset}. `{_headline(task.metric)}`: "
        f"{task.metric.label}, {task.protocol(task.headline).label}, at the last iteration.\n\n{note}"
    )
    return {
        "task": recipe.task,
        "variant": recipe.variant,
        GROUP: named(recipe.net, recipe.variant),
        "dataset": dataset,
        "data_digest": data.fingerprint,
        "recipe_hash": recipe.hash,
        **{key: str(environment[key]) for key in ENVIRONMENT if environment.get(key)},
        "mlflow.note.content": description.strip(),
        "mlflow.source.name": "pipeline.train",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": environment.get("full_commit") or environment.get("commit", "").removesuffix("+"),
        **tags,
    }


def make_params(recipe: Recipe) -> dict[str, str]:
    """The fields of a recipe: "net", "schedule.iterations"."""
    params: dict[str, Any] = {}
    for key, value in recipe.model_dump().items():
        params |= {f"{key}.{inner}": v for inner, v in value.items()} if isinstance(value, dict) else {key: value}
    return {key: str(value)[:500] for key, value in params.items()}


def make_input(recipe: Recipe) -> "DatasetInput":
    """The training images as an MLflow data set: with our digest, from the stage `prepare`."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    data, images = recipe.data, json.dumps({"num_rows": recipe.train_images})
    source = json.dumps({"tags": {"mlflow.source.name": "pipeline.prepare", "pixels": data.pixels}})
    dataset = Dataset(data.name, data.fingerprint, "code", source, profile=images)
    return DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])


def write_card(recipe: Recipe, scores: Iterable[Mapping[str, Any]], description: str) -> str:
    """The model card of a run, in Markdown: what it is, and all that was measured of it."""
    rows = [f"| {row['protocol']} | {row['metric']} | {row['value']:.2f} | {row['images']} |" for row in scores]
    table = ["| protocol | metric | value | images |", "|---|---|---|---|", *rows]
    return "\n".join([f"# {run_name(recipe)}", "", description, "", *table, ""])


def draw_curve(task: Task, curve: Sequence[Point]) -> str:
    """The errors of a curve as an SVG picture."""
    import vl_convert

    names = [(name_point(task, point), point) for point in curve]
    values = [{"x": point.iteration, "y": point.value, "metric": name} for name, point in names if "/" in name]
    encoding = {
        "x": {"field": "x", "type": "quantitative", "title": "iteration"},
        "y": {"field": "y", "type": "quantitative", "title": "%"},
        "color": {"field": "metric", "title": None},
    }
    return vl_convert.vegalite_to_svg({"data": {"values": values}, "mark": "line", "width": 500, "encoding": encoding})
