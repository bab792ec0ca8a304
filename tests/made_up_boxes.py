"""Studies of localization and of R-CNN whose numbers are made up, for tests of their claims and tables."""

import pandas as pd
from made_up import NO_CURVES, PAPER_PROFILE, RUN, recipe_of

from replication.results.studies import Study, add_recipe_columns
from replication.tasks import TASKS

LOCALIZATION, RCNN_TASK = TASKS["localization"], TASKS["rcnn"]
SEED = {  # errors and shares of images on which one alone is wrong, in percent
    "oracle_centre": {"pcr_error": 33.1, "per_class_rpn_error": 13.3, "rpn_error": 14, "scr_error": 34,
                      "per_class_rpn_iou": 70.1},
    "oracle_dense": {"per_class_rpn_error": 11.7, "rpn_error": 12},
    "predicted_dense": {"per_class_rpn_error": 14.4},
    "floors": {"whole_image_error": 47.89, "constant_box_error": 42.9, "class_median_error": 41.69},
    "pairs": {f"{pair}_{alone}_alone_wrong": value
              for pair, (first, second) in {"pcr_or_per_class_rpn": (24.8, 5.0), "scr_or_pcr": (2, 1.1),
                                            "rpn_or_per_class_rpn": (1.7, 1), "centre_or_dense": (2.6, 1)}.items()
              for alone, value in (("first", first), ("second", second))},
}  # fmt: skip

OF_RCNN = {
    "oracle_centre": {"rcnn_error": 9.0, "per_class_rpn_error": 13.0, "rcnn_iou": 75.0, "per_class_rpn_iou": 70.0},
    "predicted_dense": {"rcnn_error": 10.6, "per_class_rpn_error": 14.4, "rcnn_iou": 60.0, "per_class_rpn_iou": 58.0},
    **{protocol: {f"{pair}_{alone}_alone_wrong": value for alone, value in (("first", 5.0), ("second", 1.2))}
       for protocol, pair in (("pairs", "rpn_or_rcnn"), ("pairs_guessed", "rpn_or_rcnn_guessed"))},
}  # fmt: skip


def judged_again(seeds: int = 3, together: float | None = 8.9, net: str = "resnet-18-A", **changed: float) -> Study:
    """A study of R-CNN, whose runs differ by 0.2 points, with the ensemble of all of them."""
    name, runs, scores, recipes = {"net": net, "variant": "default"}, [], [], {}
    for seed in range(seeds):
        recipe = recipe_of("paper", "rcnn", net, seed=seed, dataset="tiny_imagenet", pixels="jpeg")
        recipes[recipe.hash] = recipe
        runs.append(name | RUN | {"seed": seed, "recipe": recipe.hash, "status": "trained", "dropped_at": [1, 2]})
        for protocol, metrics in OF_RCNN.items():
            for metric, value in metrics.items():
                shift = 0.2 * (seed - (seeds - 1) / 2) if metric == "rcnn_error" else 0
                value = changed.get(metric, value) + shift
                scores.append(
                    name | {"seed": seed, "protocol": protocol, "metric": metric, "value": value, "images": 10_000}
                )
    if together is not None:
        joined = name | {"net": " + ".join([net] * seeds), "seed": 0, "protocol": "predicted_dense"}
        scores.append(joined | {"metric": "rcnn_error", "value": together, "images": 10_000})
    table = add_recipe_columns(pd.DataFrame(runs), recipes, RCNN_TASK, PAPER_PROFILE)
    return Study(RCNN_TASK, "cpu", "", PAPER_PROFILE, recipes, table, pd.DataFrame(scores), NO_CURVES)


def located(seeds: int = 1, spread: float = 0.2, net: str = "resnet-18-A", **changed: dict[str, float]) -> Study:
    """A study with the paper's numbers; seeds differ by `spread` in the errors of the per-class RPN."""
    recipes, runs, scores = {}, [], []
    values = {protocol: metrics | changed.get(protocol, {}) for protocol, metrics in SEED.items()}
    for seed in range(seeds):
        recipe = recipe_of("paper", "localization", net, seed=seed, dataset="tiny_imagenet", pixels="jpeg")
        recipes[recipe.hash] = recipe
        name = {"net": net, "variant": "default", "seed": seed}
        runs.append(name | RUN | {"recipe": recipe.hash, "status": "trained", "dropped_at": [1, 2]})
        for protocol, metrics in values.items():
            for metric, value in metrics.items():
                shift = spread * (seed - (seeds - 1) / 2) if metric == "per_class_rpn_error" else 0
                row = {"protocol": protocol, "metric": metric, "value": value + shift, "images": 10_000}
                scores.append(name | row)
        scores.append(name | {"protocol": "training", "metric": "top1_error", "value": 20.0, "images": 1000})
    table = add_recipe_columns(pd.DataFrame(runs), recipes, LOCALIZATION, PAPER_PROFILE)
    return Study(LOCALIZATION, "cpu", "", PAPER_PROFILE, recipes, table, pd.DataFrame(scores), NO_CURVES)
