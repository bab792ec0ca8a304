"""The destination of a run in MLflow: mlflow.db or REPLICATION_TRACKING, and the experiment of its study."""

import os
from functools import lru_cache
from pathlib import Path

from pipeline.params import PROFILES, RESULTS, TRACKING_URI, BaseParams
from replication.config.profiles import Profile, named, read_profile
from replication.config.recipe import Recipe
from replication.report.palette import look
from replication.results.fidelity import fidelity, find_paper_recipe
from replication.results.labels import describe_label, label, pixels_label, study_folder
from replication.runs.folder import NET
from replication.tasks import get_task
from replication.tracking.mlflow_store import Destination


def store_uri() -> str | None:
    """The address of MLflow's store; None where REPLICATION_TRACKING is "off"."""
    uri = os.environ.get("REPLICATION_TRACKING") or TRACKING_URI
    return None if uri == "off" else uri


def study_of(params: BaseParams, recipe: Recipe) -> Path:
    """The folder of the study that a run of params.yaml belongs to: results/<profile>/<task>/[<label>/]."""
    task = get_task(recipe.task)
    labels = label(params.section(task).override), pixels_label(task, recipe.data)
    return RESULTS / params.profile / task.name / study_folder(*labels)


def destination_of(recipe: Recipe, study: Path, note: str | None = None) -> Destination | None:
    """The destination of a run; None: it is not tracked.

    Tags affect no number, so the stage `train` does not depend on the paper's profile.

    Args:
        study: folder of its study, whose runs are compared in one experiment.
        note: where its weights are and how to train it again; None: in runs/.
    """
    uri = store_uri()
    if uri is None:
        return None
    task, name = get_task(recipe.task), named(recipe.net, recipe.variant)
    profile, _, *labels = study.relative_to(RESULTS).parts
    weights = f"runs/{task.name}/{name}/seed-{recipe.seed}/{NET}"
    is_here = note is None
    note = note or (
        f"The weights are in `{weights}`, which DVC keeps.\n\n"
        f"Train it again, or resume it: `python -m pipeline.train {task.name} {name} {recipe.seed}`"
    )
    paper = find_paper_recipe(recipe, task, _read_paper(PROFILES.resolve()))
    tags = {"profile": profile, "study": study.as_posix(), "fidelity": fidelity(recipe, paper)}
    tags["mlflow.runColor"] = look(recipe.net).light
    if is_here:
        tags["weights"] = weights
    experiment = " · ".join([profile, task.name, *describe_label("/".join(labels), recipe.data.pixels)])
    return Destination(uri, experiment, tags, note)


@lru_cache
def _read_paper(folder: Path) -> Profile:
    """The paper's profile; reading it for each of many runs would take longer than logging them."""
    return read_profile(folder, "paper")
