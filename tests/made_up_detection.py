"""A study of the task `detection` whose numbers are made up."""

import pandas as pd
from made_up import NO_CURVES, PAPER_PROFILE, RUN, recipe_of

from replication.results.studies import Study, add_recipe_columns
from replication.tasks import TASKS
from replication.tasks.detection import BASELINE, MULTI_SCALE, REFINED, VOTED

DETECTION = TASKS["detection"]
# Gains in mAP@.5 and mAP@[.5,.95] by step, points.
GAINS = {REFINED: (1.5, 2.5), MULTI_SCALE: (2.0, 2.0), VOTED: (1.0, 1.0)}
CONTEXT_GAIN = 6.0


def detected(
    seeds: int = 3,
    has_steps: bool = False,
    gains: dict[str, tuple[float, float]] = GAINS,
    setup: tuple[str, str] | None = None,
    vgg: float | None = None,
) -> Study:
    """A study whose seeds differ by a point; residual nets are ten points better. With steps it has those of Table 9,
    an ensemble of the residual net, and that net with context.

    Args:
        setup: its profile and its data set.
        vgg: the error of VGG-16; then ResNet-101 is there too, with an error of 24.
    """
    profile, dataset = setup or (("cells", "bccd") if has_steps else ("quick", "digit_scenes"))
    recipes, runs, scores, points = {}, [], [], []
    nets = [("plain-18", "default", 40.0), ("resnet-18-A", "default", 30.0)]
    nets += [("resnet-18-A", "context", 30.0 - CONTEXT_GAIN)] if has_steps and vgg is None else []
    nets += [("vgg-16", "default", vgg), ("resnet-101", "default", 24.0)] if vgg is not None else []
    for net, variant, error in nets:
        for seed in range(seeds):
            recipe = recipe_of(profile, "detection", net, seed=seed, variant=variant, dataset=dataset, pixels="drawn")
            recipes[recipe.hash] = recipe
            name = {"net": net, "variant": variant, "seed": seed}
            runs.append(name | RUN | {"recipe": recipe.hash, "status": "trained", "dropped_at": [300]})
            values = [("objects", "missed", 20.0), ("training", "top1_error", 12.0)]
            for rule in ("voc_11_points", "voc_area", "strict_area"):
                values += [(rule, "map_error", error + seed), (rule, "map_error_se", 1.5)]
            if has_steps:
                values += list_steps(error + seed, gains)
                points += [
                    name | {"category": category, "recall": float(recall), "precision": 100 - recall - seed}
                    for category in ("RBC", "WBC") for recall in range(0, 96, 5)
                ]  # fmt: skip
            scores += [_score(name, *value) for value in values]
    if has_steps and seeds > 1:
        name = {"net": " + ".join(["resnet-18-A"] * seeds), "variant": "default", "seed": 0}
        scores += [_score(name, *value) for value in list_steps(25.0, gains)]
    table = add_recipe_columns(pd.DataFrame(runs), recipes, DETECTION, PAPER_PROFILE)
    more = {"precision": pd.DataFrame(points)} if has_steps else {}
    return Study(
        DETECTION,
        profile if setup else "quick",
        "",
        PAPER_PROFILE,
        recipes,
        table,
        pd.DataFrame(scores),
        NO_CURVES,
        **more,
    )


def list_steps(error: float, gains: dict[str, tuple[float, float]]) -> list[tuple[str, str, float]]:
    """Protocol, metric and value of each step of Table 9; errors at [.5,.95] are 30 points higher."""
    errors = {BASELINE: (error, error + 30)}
    for step, before in ((REFINED, BASELINE), (MULTI_SCALE, REFINED), (VOTED, BASELINE)):
        errors[step] = tuple(value - more for value, more in zip(errors[before], gains[step], strict=True))
    rows = []
    for step, (loose, strict) in errors.items():
        rows += [(step, "map50_error", loose), (step, "map_error", strict)]
        if step != BASELINE:
            rows += [(step, "map50_gain_se", 0.5), (step, "map_gain_se", 0.25)]
    return rows


def _score(name: dict[str, object], protocol: str, metric: str, value: float) -> dict[str, object]:
    return name | {"protocol": protocol, "metric": metric, "value": value, "images": 200}
