"""Studies whose numbers are made up, for tests of statistics, claims and the page."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from replication.config.profiles import Profile, read_profile
from replication.config.recipe import Data, Recipe
from replication.results.add import Result
from replication.results.schema import TRAINING, CurveRow, columns
from replication.results.studies import Study, add_recipe_columns
from replication.runs.curve import Point
from replication.runs.record import RunRecord
from replication.tasks import TASKS

PROFILES = Path(__file__).parents[1] / "pipeline/profiles"


@cache
def profile_of(name: str) -> Profile:
    """A profile of this project, read once."""
    return read_profile(PROFILES, name)


PAPER_PROFILE = profile_of("paper")
JPEG = "re-compressed as JPEG"

PAPER = {
    "plain-20": (1.38, 9.69), "plain-32": (1.38, 10.08), "plain-44": (2.67, 11.42), "plain-56": (5.63, 13.23),
    "resnet-20": (0.67, 8.75), "resnet-32": (0.28, 7.51), "resnet-44": (0.19, 7.17), "resnet-56": (0.11, 6.97),
    "resnet-110": (0.06, 6.61), "plain-110": (70.0, 71.0),
}  # fmt: skip
# 10-crop top-1 errors of tables 2 and 3; training errors of Figure 4 where it has them, else made up.
PAPER_IMAGENET = {
    "plain-18": (31.46, 27.94), "plain-34": (32.56, 28.54), "resnet-18-A": (29.96, 27.88),
    "resnet-34-A": (24.97, 25.03), "resnet-34-B": (24.5, 24.52), "resnet-34-C": (24.2, 24.19),
    "resnet-50": (22.0, 22.85), "resnet-101": (20.0, 21.75), "resnet-152": (19.0, 21.43),
}  # fmt: skip
NO_CURVES = pd.DataFrame(columns=columns(CurveRow))
IMAGES = {
    "cifar": 10_000,
    "imagenet": 50_000,
    "localization": 50_000,
    "rcnn": 50_000,
    "detection": 4952,
}  # of the paper's test sets


def recipe_of(
    profile: str = "paper",
    task: str = "cifar",
    net: str = "resnet-20",
    *,
    seed: int = 0,
    variant: str = "default",
    dataset: str | None = None,
    pixels: str = "official",
    fingerprint: str = "fedcba9876543210",
    **override: Any,
) -> Recipe:
    """A recipe of a profile here, of official pixels of the paper's data set unless said otherwise."""
    data = Data(name=dataset or TASKS[task].datasets[-1], pixels=pixels, fingerprint=fingerprint)
    return profile_of(profile).recipe(TASKS[task], net, variant, seed, data, override)


def study(
    errors: dict[str, tuple[float, float]],
    seeds: int = 1,
    spread: float = 0.0,
    task: str = "cifar",
    top5: float = 0.25,
    status: str = "trained",
    profile: str = "made-up",
    variant: str = "default",
    **recipe: Any,
) -> Study:
    """A study with these (training, test) errors; seeds differ by `spread`, top-5 is `top5` times the top-1 error.

    Its recipe is the paper's, of pixels re-compressed as JPEG unless `recipe` says otherwise.
    """
    of = TASKS[task]
    recipes, runs, scores = {}, [], []
    for net, (train, test) in errors.items():
        for seed in range(seeds):
            made = recipe_of("paper", task, net, seed=seed, variant=variant, **{"pixels": JPEG} | recipe)
            recipes[made.hash] = made
            name = {"net": net, "variant": variant, "seed": seed}
            runs.append(name | RUN | {"recipe": made.hash, "status": status, "dropped_at": list(made.schedule.drops)})
            error = test + spread * (seed - (seeds - 1) / 2)
            images = {"images": IMAGES[task]}
            for protocol in of.protocols:
                shift = 3 if protocol.name == "fully_convolutional" else 0
                values = {"top1_error": error - shift, "top5_error": top5 * error}
                scores += [
                    name | images | {"protocol": protocol.name, "metric": metric.name, "value": values[metric.name]}
                    for metric in protocol.metrics
                ]
            seen = made.schedule.iterations * made.schedule.batch_size // 16
            scores.append(name | {"protocol": TRAINING, "metric": "top1_error", "value": train, "images": seen})
    table = add_recipe_columns(pd.DataFrame(runs), recipes, of, PAPER_PROFILE)
    return Study(of, profile, "", PAPER_PROFILE, recipes, table, pd.DataFrame(scores), NO_CURVES)


RUN = {
    "parameters": 269_722, "macs": 40_551_040, "seconds": 600.0, "starts": 1, "processes": 1, "threads": 1,
    "images_per_second": 850.0, "commit": "abcdef012345", "date": "2026-01-02", "machine": "a CPU, 2 cores, cpu",
    "torch": "2.14.1", "mlflow_run_id": "", "warmup_ended_at": None,
}  # fmt: skip


def with_curves(found: Study, points: list[tuple[float, float]]) -> Study:
    """The study with two curves a run, its training and its test error: (share of schedule, points above the final)."""
    ends = {
        ("train", "error"): (TRAINING, "top1_error"),
        ("test", found.task.curve_metric.name): (found.task.headline, found.task.metric.name),
    }
    rows = [
        {
            "net": run["net"], "variant": run["variant"], "seed": run["seed"],
            "iteration": round(share * run["iterations"]), "split": split, "metric": metric,
            "value": found.errors(run["net"], *end, run["variant"])[run["seed"]] + above,
        }
        for run in found.runs.to_dict("records") for (split, metric), end in ends.items() for share, above in points
    ]  # fmt: skip
    return replace(found, curves=pd.DataFrame(rows))


def joined(*studies: Study) -> Study:
    """The runs of several studies as one."""
    first = studies[0]
    recipes = {key: recipe for study in studies for key, recipe in study.recipes.items()}
    tables = {key: pd.concat([getattr(s, key) for s in studies]) for key in ("runs", "scores", "curves")}
    return replace(first, recipes=recipes, **tables)


def result(recipe: Recipe, error: float = 9.0, train_error: float = 1.0, **record: Any) -> Result:
    """A finished run with the points of its curve, and one score: `error` by the task's headline protocol."""
    task, last, logging = TASKS[recipe.task], recipe.schedule.iterations, recipe.logging
    training = {"learning_rate": 0.1, "loss": 0.5, "error": train_error}
    curve = []
    for at in (*range(logging.log_every, last, logging.log_every), last):
        curve += [Point(at, "train", metric, value) for metric, value in training.items()]
        if at % logging.evaluate_every == 0 or at == last:
            curve.append(Point(at, "test", task.curve_metric.name, error))
    made = RunRecord(
        recipe=recipe, status="trained", parameters=1, macs=2, warmup_ended_at=None,
        dropped_at=list(recipe.schedule.drops), seconds=3.0, images_per_second=4.0, starts=1, processes=1,
        mlflow_run_id="0123abcd",
        provenance={
            "date": "2026-01-02", "commit": "0123456789abcdef", "dirty": False, "versions": {"torch": "2.14.1"},
            "machine": {"cpu": "a CPU", "cores": 2, "device": "cpu", "threads": 1},
        },
    ).model_copy(update=record)  # fmt: skip
    score = {"protocol": task.headline, "metric": task.metric.name, "value": error, "images": IMAGES[recipe.task]}
    return Result(made, curve, [score])
