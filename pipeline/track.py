"""Log the finished runs that MLflow lacks: `make runs`, or `python -m pipeline.track`. Not a stage.

First those of runs/, then the committed ones of results/, to browse without training; a curve of these has the points
of the page. A run that is there gets what it lacks. Half a minute.
"""

from pipeline import stage
from pipeline.params import PROFILES, RESULTS, WORK, read_params
from pipeline.plan import OUTCOMES, RUNS
from replication.config.profiles import named, read_profile
from replication.errors import UserError
from replication.report.setups import build_command
from replication.results.studies import read_studies
from replication.runs.folder import RECORD
from replication.tasks import TASKS
from replication.tracking.ended import ended_in_folder, ended_in_study
from replication.tracking.tracker import Ended, Tracking, log_missing


def main() -> None:
    runs = found()
    if not runs or runs[0][1].uri is None:
        raise UserError("REPLICATION_TRACKING is off; unset it, or give the address of MLflow's store.")
    _, added = log_missing(runs, WORK)
    print("\n".join([*added, f"{len(added)} of {len(runs)} runs added"]))


def found() -> list[tuple[Ended, Tracking]]:
    """All runs, each once, and where it is tracked: one of runs/ in the study that has it, or as params.yaml says."""
    params, paper = read_params(), read_profile(PROFILES, "paper")
    studies = [study for task in TASKS.values() for study in read_studies(RESULTS, task, paper, needed=False)]
    places = {recipe: (study.profile, study.label) for study in studies for recipe in study.recipes}
    runs: dict[str, tuple[Ended, Tracking]] = {}
    for folder in sorted(path.parent for path in RUNS.glob(f"*/**/seed-*/{RECORD}")):
        ended = ended_in_folder(folder, OUTCOMES / folder.relative_to(RUNS))
        runs[ended.recipe.hash] = ended, stage.tracking_of(params, ended.recipe, places)
    for study in studies:
        for ended in ended_in_study(RESULTS / study.folder, study.task):
            again = build_command(study, [named(ended.recipe.net, ended.recipe.variant)])
            note = f"Imported from `results/{study.folder}`; its weights are not kept in git. Again: `{again}`"
            tracking = stage.tracking_in(study.profile, study.label, ended.recipe, note)
            runs.setdefault(ended.recipe.hash, (ended, tracking))
    return list(runs.values())


if __name__ == "__main__":
    stage.run(main)
