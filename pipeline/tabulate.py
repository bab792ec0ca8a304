"""Stage `tabulate`: add a task's runs and outcomes to its tables, results/<profile>/<task>/. Takes 3 seconds.

    python -m pipeline.tabulate cifar        or imagenet, localization

These tables are committed: they are the record of the study, and the page reads nothing else. Rows of other runs stay.
A run with its recorded numbers stays as it is recorded. Runs under an override, or on other pixels than the official
ones of the paper's data set, get a subfolder, named after these.

MLflow gets the runs that it lacks. outcomes/<task>.json says which runs reproduce their record.
"""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pipeline import code, stage
from pipeline.mlflow_destination import destination_of, study_of
from pipeline.params import PROFILES, RESULTS, WORK, BaseParams, read_params
from pipeline.plan import (
    OUTCOMES,
    RECIPES,
    PlannedRun,
    digest_weights,
    list_ensembles,
    plan_of,
    read_finished,
    read_planned,
)
from replication.data.sources import DATASETS
from replication.errors import UserError
from replication.files import SUMS, check_whole, write_durably
from replication.results.add import Result, add_results
from replication.results.card import write_card
from replication.results.labels import pixels_label, study_folder
from replication.results.reproduced import Recorded
from replication.results.schema import JOINED
from replication.results.summary import write_summary
from replication.runs.folder import read_curve
from replication.runs.outcome import (
    PICTURE,
    PRECISION,
    REMAKE,
    RESPONSES,
    make_ensemble_rows,
    make_seed_ensembles,
    read_precision,
    read_responses,
    read_scores,
    read_weights_digest,
)
from replication.tasks import TASKS, Task, get_task
from replication.tracking.importer import import_runs, read_finished_run


def main() -> None:
    task, params = get_task(stage.arguments(__doc__, task=", ".join(TASKS)).task), read_params()
    task_folder, runs = RESULTS / params.profile / task.name, plan_of(task).runs
    with code.guard_code("tabulate"):
        task_folder.mkdir(parents=True, exist_ok=True)
        recorded = add(task, params, runs, task_folder) if runs else []
    entries = [
        asdict(record) | {"comparison": record.comparison, "made": _describe_making(run)}
        for run, record in zip(runs, recorded, strict=True)
    ]
    OUTCOMES.mkdir(exist_ok=True)
    write_durably(OUTCOMES / f"{task.name}.json", (json.dumps({"runs": entries}, indent=2) + "\n").encode())
    print(f"tabulate {task.name}: {describe_counts(recorded)}")


def add(task: Task, params: BaseParams, runs: list[PlannedRun], task_folder: Path) -> list[Recorded]:
    """Add runs to the tables of a study below `task_folder`; returns what was recorded of them before."""
    plan = read_planned(RECIPES / task.name / "study.json")
    tracked = _track(params, runs)
    results = []
    for run in runs:
        record = read_finished(run)
        if record.mlflow_run_id is None:
            record = record.model_copy(update={"mlflow_run_id": tracked.get(record.recipe.hash)})
        _check_outcome(run.outcome, [run])
        scores = read_scores(run.outcome)
        for name in (RESPONSES, PRECISION):
            if name in (run.outcome / SUMS).read_text(encoding="utf-8"):  # a lost file would count as not measured
                check_whole(run.outcome, name, REMAKE)
        curve, points = read_curve(run.folder), read_precision(run.outcome)
        results.append(Result(record, curve, scores, read_responses(run.outcome), points))
    folder = task_folder / study_folder(plan["label"], pixels_label(task, results[0].record.recipe.data))
    recorded = add_results(folder, results, _ensembles(task, runs, plan["ensembles"]))
    write_summary(task_folder, task, results, plan["depth"])
    write_card(folder, RESULTS, task, PROFILES)
    picture = runs[0].outcome / PICTURE
    if picture.exists() and DATASETS[results[0].record.recipe.data.name].is_shareable:
        write_durably(folder / PICTURE, picture.read_bytes())
    return recorded


def _check_outcome(outcome: Path, runs: Sequence[PlannedRun]) -> None:
    """Refuse an outcome of other weights than those of a run or an ensemble: stages called by hand can leave one.

    Raises:
        UserError: the weights differ, or the outcome is damaged.
    """
    if read_weights_digest(outcome) != digest_weights(runs):
        raise UserError(
            f"{outcome} is the outcome of other weights than those of {runs[0].folder}; run "
            f"`python -m pipeline.evaluate {runs[0].task.name}`.",
            kind="conflict",
            file=outcome,
        )


def _ensembles(task: Task, runs: list[PlannedRun], ensembles: list[list[str]]) -> list[dict[str, Any]]:
    """Rows of scores of the ensembles of which all members were tested with the same seed."""
    outcomes = {(run.name, run.seed): run.outcome for run in runs}
    rows = []
    for nets in ensembles:
        for seed in sorted({run.seed for run in runs}):
            if all((net, seed) in outcomes for net in nets):
                rows += make_ensemble_rows(nets, seed, [outcomes[net, seed] for net in nets], task)
    if task.averages_seeds:
        nets: dict[tuple[str, str], dict[int, Path]] = {}
        for run in runs:
            nets.setdefault((run.net, run.variant), {})[run.seed] = run.outcome
        rows += make_seed_ensembles(nets, task)
    for ensemble in list_ensembles(task, runs):
        _check_outcome(ensemble.outcome, ensemble)
        first = ensemble[0]
        name = {"net": JOINED.join([first.net] * len(ensemble)), "variant": first.variant, "seed": first.seed}
        rows += [name | row for row in read_scores(ensemble.outcome)]
    return rows


def _track(params: BaseParams, runs: list[PlannedRun]) -> dict[str, str]:
    """Log the runs that MLflow lacks; returns the ids of the MLflow runs by the hashes of their recipes."""
    tracked = []
    for run in runs:
        finished_run = read_finished_run(run.folder, read_scores(run.outcome))
        tracked.append((finished_run, destination_of(finished_run.recipe, study_of(params, finished_run.recipe))))
    try:
        return import_runs(tracked, WORK)[0]
    except UserError as error:
        print(f"warning: {error}", file=sys.stderr)
        return {}


def _describe_making(run: PlannedRun) -> dict[str, Any]:
    """When and how a run was made here; its row in results/ can have an earlier date and machine."""
    record = read_finished(run)
    machine = record.provenance["machine"]
    when = {"date": record.provenance["date"], "commit": record.provenance["commit"], "starts": record.starts}
    return when | {"seconds": record.seconds, "threads": machine.get("threads"), "cpu": machine["cpu"]}


def describe_counts(recorded: list[Recorded]) -> str:
    """How runs compare with what was recorded of them."""
    counts = Counter(run.comparison for run in recorded)
    parts = [f"{counts[kind]} {words}" for kind, words in COMPARISONS.items() if counts[kind]]
    return "; ".join(parts) or "skipped: no nets"


COMPARISONS = {
    "new": "new",
    "equal": "equal to the record",
    "within": "within the range of the recorded seeds",
    "outside": "OUTSIDE the range of the recorded seeds",
    "other": "differ from the record, which has fewer than three seeds",
}


if __name__ == "__main__":
    stage.run(main)
