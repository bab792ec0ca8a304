"""summary.json of a study, for `dvc metrics` and `dvc exp`. Needs no torch."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from replication.config.profiles import named
from replication.config.recipe import Recipe
from replication.files import write_durably
from replication.nets.names import depth_of
from replication.results.reproduced import group_by_run
from replication.results.rows import Result, make_run_row
from replication.results.tables import RUNS, SCORES, read_tables, run_key, sort_key
from replication.tasks import Task

SUMMARY = "summary.json"
Scores = Iterable[Mapping[str, Any]]  # rows with protocol, metric and value


def write_summary(folder: Path, task: Task, results: Sequence[Result], depth_net: str | None = None) -> None:
    """Write the task's headline metric of the runs just tabulated, by net or net/variant: mean, n and std over seeds.

    `degradation_gap` and `cure_gap` are added, see `measure_gaps`.

    Args:
        depth_net: the net that `depth` of params.yaml names. It gets the key `depth` too, whatever it is, so that two
            experiments that differ in depth alone have a key in common.
    """
    in_order = sorted(results, key=lambda result: sort_key(make_run_row(result), task))
    _write(folder, task, [(result.recipe, result.scores) for result in in_order], depth_net)


def summarise(folder: Path, task: Task) -> None:
    """Write the summary of all runs of a study from its tables: for runs that were joined.

    Raises:
        UserError: a table is damaged.
    """
    recipes, tables = read_tables(folder, task)
    scores = group_by_run(tables[SCORES])
    _write(folder, task, [(recipes[run["recipe"]], scores.get(run_key(run), [])) for run in tables[RUNS]])


def _write(folder: Path, task: Task, runs: Iterable[tuple[Recipe, Scores]], depth_net: str | None = None) -> None:
    headline = (task.headline, task.metric.name)
    values: dict[str, list[float]] = {}
    for recipe, scores in runs:
        name = named(recipe.net, recipe.variant)
        for row in scores:
            if (row["protocol"], row["metric"]) == headline:
                values.setdefault(name, []).append(row["value"])
    means = {name: round(mean(seeds), 2) for name, seeds in values.items()}
    summary: dict[str, Any] = {
        task.metric.name: means,
        "n": {name: len(seeds) for name, seeds in values.items()},
        "std": {name: round(stdev(seeds), 2) for name, seeds in values.items() if len(seeds) > 1},
    }
    if depth_net in values:
        layers, n = depth_of(depth_net), len(values[depth_net])
        summary["depth"] = {task.metric.name: means[depth_net], "n": n, "layers": layers}
    summary |= measure_gaps({name: task.metric.sign * value for name, value in means.items()})
    folder.mkdir(parents=True, exist_ok=True)
    write_durably(folder / SUMMARY, (json.dumps(summary, indent=2) + "\n").encode())


def measure_gaps(means: Mapping[str, float]) -> dict[str, float]:
    """What the paper is about, in points, from values of which the larger is worse; each where both nets were run.

    `degradation_gap`: by how much the deepest plain net is worse than the shallowest one.
    `cure_gap`: by how much the deepest plain net is worse than the residual net of its depth (option A).
    """
    plain = sorted((depth_of(name), value) for name, value in means.items() if re.fullmatch(r"plain-\d+", name))
    if not plain:
        return {}
    depth, deepest = plain[-1]
    gaps = {"degradation_gap": deepest - plain[0][1]} if len(plain) > 1 else {}
    for twin in (f"resnet-{depth}", f"resnet-{depth}-A"):
        if twin in means:
            gaps["cure_gap"] = deepest - means[twin]
    return {key: round(gap, 2) for key, gap in gaps.items()}
