"""The paper's own numbers as a study, so that the rule of verdicts can judge them like our results."""

from collections.abc import Iterator

import pandas as pd

from replication import paper as printed
from replication.config.profiles import Profile
from replication.config.recipe import Data
from replication.paper import end_errors, figure, number, table
from replication.results.schema import TRAINING, TRAINING_ERROR, CurveRow, LayerRow, ScoreRow, columns
from replication.results.studies import Study, add_recipe_columns
from replication.runs.record import END_OF_TRAINING
from replication.tasks import Task
from replication.tasks.detection import BASELINE, REFINED
from replication.verdicts.seeds_needed import make_typical_values

EARLY = 50_000  # iterations: a point of Figure 4 early on
Score = tuple[str, str, str, float]  # net, protocol, metric, error in percent


def make_paper_study(task: Task, paper: Profile) -> Study:
    """The numbers of tables 2 to 4, 6, 9 and 13, the ends of figures 4 and 6, and Figure 7; one run a net.

    ResNet-110 was run five times. The paper prints mean and standard deviation: five errors are made up to match.
    """
    data = Data(name=task.datasets[-1], pixels="official", fingerprint="official")
    images = number("N09" if task.photographs else "N16")[1]
    recipes, runs, scores = {}, {}, []
    for net, protocol, metric, value in _read_scores(task):
        seed = sum((row["net"], row["protocol"], row["metric"]) == (net, protocol, metric) for row in scores)
        recipe = paper.recipe(task, net, seed=seed, data=data)
        recipes[recipe.hash] = recipe
        name = {"net": net, "variant": recipe.variant, "seed": seed}
        runs[net, seed] = name | {"recipe": recipe.hash, "status": "trained"}
        schedule = recipe.schedule
        last = int(schedule.iterations * schedule.batch_size * END_OF_TRAINING)
        image_count = last if protocol == TRAINING else images
        scores.append(name | {"protocol": protocol, "metric": metric, "value": value, "images": image_count})
    run_rows = pd.DataFrame(runs.values(), columns=["net", "variant", "seed", "recipe", "status"])
    score_rows = pd.DataFrame(scores, columns=columns(ScoreRow))
    tables = add_recipe_columns(run_rows, recipes, task, paper), score_rows, _curves(task), _responses(task)
    return Study(task, paper.name, "as printed", paper, recipes, *tables)


def _read_scores(task: Task) -> Iterator[Score]:
    """What the paper prints of a task's nets by section; nothing of a task that it does not have."""
    if task.section == "4.2":
        yield from _scores_of_cifar(task)
    elif task.section == "4.1":
        yield from _scores_of_imagenet(task)
    elif task.section == "C":
        metrics = {(protocol.name, metric.name) for protocol in task.protocols for metric in protocol.metrics}
        yield from (score for score in _table_13() if score[1:3] in metrics)
    elif task.section == "4.3":
        yield from _table_9()


def _scores_of_cifar(task: Task) -> Iterator[Score]:
    """Table 6, and figure 6 for plain nets and training errors."""
    digitised, headline = figure(6)["digitised"], (task.headline, task.metric.name)
    yield from ((net, *headline, e) for net, e in digitised["test_final"].items() if net.startswith("plain-"))
    for row in table(6):
        if row["kind"] == "own":
            values = [row["error"]]
            if row.get("runs"):
                values = make_typical_values(row["mean"], row["std"], row["runs"])
            yield from ((row["net"], *headline, float(value)) for value in values)
    train = digitised["train_mean_59_64k"]
    yield from ((net, TRAINING, TRAINING_ERROR, error) for net, error in train.items())


def _scores_of_imagenet(task: Task) -> Iterator[Score]:
    """Tables 2 to 4, and figure 4 for training errors."""
    top1 = {row["net"]: row["top1"] for row in (*table(2), *table(3)) if row["kind"] == "own"}
    yield from ((net, "ten_crop", "top1_error", error) for net, error in top1.items())
    yield from ((row["net"], "ten_crop", "top5_error", row["top5"]) for row in table(3) if row["kind"] == "own")
    for row in table(4):
        if row["kind"] == "own":
            yield from ((row["net"], "fully_convolutional", f"{m}_error", row[m]) for m in ("top1", "top5"))
    train = end_errors(task.section)["train"]
    yield from ((net, TRAINING, TRAINING_ERROR, error) for net, error in train.items())


def _table_13() -> Iterator[Score]:
    """The single nets. VGG-16's per-class regression counts as one of ResNet-101, the net of the other rows."""
    methods = {"VGG's": "pcr", "RPN": "per_class_rpn", "RPN+RCNN": "rcnn"}
    *single, _ = table(13)  # the last row is an ensemble
    for row in single:
        if row["loc_method"] in methods:
            has_true_class = row["loc_err_gt_class"] is not None
            protocol = {"1-crop": "oracle_centre", "dense": "oracle_dense" if has_true_class else "predicted_dense"}
            error = row["loc_err_gt_class"] if has_true_class else row["top5_loc_err_predicted_class"]
            yield "resnet-101", protocol[row["testing"]], f"{methods[row['loc_method']]}_error", error


def _table_9() -> Iterator[Score]:
    """The first two steps of ResNet-101 on COCO val. Those after it have context, and are another net's."""
    _, *steps = table(9)
    for row, protocol in zip(steps, (BASELINE, REFINED), strict=False):
        for metric, column in (("map50_error", "val_map50"), ("map_error", "val_map50_95")):
            yield "resnet-101", protocol, metric, 100 - row[column]


def _curves(task: Task) -> pd.DataFrame:
    """The one point of a curve that a claim looks at (K06)."""
    early = figure(4)["digitised"]["val_at_5e4"] if task.section == "4.1" else {}
    point = ("default", 0, EARLY, "test", task.curve_metric.name)
    return pd.DataFrame([(net, *point, error) for net, error in early.items()], columns=columns(CurveRow))


def _responses(task: Task) -> pd.DataFrame:
    """The points of Figure 7."""
    layers = figure(7)["digitised"]["std_by_layer"] if task.section == "4.2" else {}
    rows = [
        (net, "default", 0, printed.protocol("cifar10", "C3")["stop_iter"], layer, value)
        for net, values in layers.items()
        for layer, value in enumerate(values, start=1)
    ]
    return pd.DataFrame(rows, columns=columns(LayerRow))
