"""Log the finished runs that MLflow lacks: `make runs`, or `python -m pipeline.track`. Not a stage.

First those of runs/, then the committed ones of results/, to browse without training; their curves have the points of
the page. A run that MLflow has gets what it lacks. Takes half a minute.
"""

from collections.abc import Iterator

from pipeline import stage
from pipeline.mlflow_destination import destination_of, store_uri, study_of
from pipeline.params import PROFILES, RESULTS, WORK, read_params
from pipeline.plan import OUTCOMES, RUNS
from replication.config.profiles import named, read_profile
from replication.errors import UserError
from replication.report.setups import build_command
from replication.results.reproduced import group_by_run
from replication.results.studies import Study, read_studies
from replication.results.tables import CURVES, SCORES, read_tables, run_key
from replication.results.tables import RUNS as RUNS_TABLE
from replication.runs.curve import Point
from replication.runs.folder import RECORD
from replication.runs.outcome import read_scores
from replication.tasks import TASKS
from replication.tracking.importer import FinishedRun, import_runs, read_finished_run
from replication.tracking.mlflow_store import Destination


def main() -> None:
    if store_uri() is None:
        raise UserError("REPLICATION_TRACKING is off; unset it, or set it to the address of MLflow's store.")
    runs = all_runs()
    _, names = import_runs(runs, WORK)
    print("\n".join([*names, f"{len(names)} of {len(runs)} runs added"]))


def all_runs() -> list[tuple[FinishedRun, Destination | None]]:
    """All runs, each once, with its destination. A run of runs/ belongs to the study that has it, else params.yaml."""
    params, paper = read_params(), read_profile(PROFILES, "paper")
    studies = [study for task in TASKS.values() for study in read_studies(RESULTS, task, paper, needed=False)]
    folders = {recipe: RESULTS / study.folder for study in studies for recipe in study.recipes}
    runs = {}
    for folder in sorted(path.parent for path in RUNS.glob(f"*/**/seed-*/{RECORD}")):
        outcome = OUTCOMES / folder.relative_to(RUNS)
        run = read_finished_run(folder, read_scores(outcome) if outcome.exists() else ())
        place = folders.get(run.recipe.hash) or study_of(params, run.recipe)
        runs[run.recipe.hash] = run, destination_of(run.recipe, place)
    for study in studies:
        for run in runs_of_study(study):
            again = build_command(study, [named(run.recipe.net, run.recipe.variant)])
            note = f"Imported from `results/{study.folder}`; its weights are not kept in git. Again: `{again}`"
            destination = destination_of(run.recipe, RESULTS / study.folder, note)
            runs.setdefault(run.recipe.hash, (run, destination))
    return list(runs.values())


def runs_of_study(study: Study) -> Iterator[FinishedRun]:
    """The runs of a committed study, in the order of its tables."""
    recipes, tables = read_tables(RESULTS / study.folder, study.task)
    scores, points = group_by_run(tables[SCORES]), group_by_run(tables[CURVES])
    for row in tables[RUNS_TABLE]:
        curve = [Point(*(point[field] for field in Point._fields)) for point in points[run_key(row)]]
        yield FinishedRun(recipes[row["recipe"]], row, curve, scores[run_key(row)])


if __name__ == "__main__":
    stage.run(main)
