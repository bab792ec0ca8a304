"""Log the finished runs that MLflow lacks: `make runs`, or `python -m pipeline.track`. Not a stage.

First those of runs/: a training that could not use MLflow's store goes on without it, and a run that comes from DVC's
cache was never seen by it. Then those of the committed tables in results/, of every profile, with the points of the
page: so all studies can be browsed without training. A run that is there is left as it is. Takes half a minute.
"""

from collections.abc import Iterator

from pipeline import stage
from pipeline.params import PROFILES, RESULTS, read_params
from pipeline.plan import RUNS
from replication.arms import ARMS
from replication.errors import UserError
from replication.profiles import read_profile
from replication.report.html import command
from replication.runs.folder import RECORD
from replication.study.ended import ended_in_folder, ended_in_study
from replication.study.studies import read_studies
from replication.training.tracking import Ended, Tracking, finished, tracker_of


def main() -> None:
    runs, added = list(found()), 0
    uri = runs[0][1].uri if runs else None
    if uri is None:
        raise UserError("REPLICATION_TRACKING is off; unset it, or give the address of MLflow's store.")
    try:
        there = finished(uri)
    except Exception as error:  # MLflow's, SQLAlchemy's or sqlite's
        why = str(error).splitlines()[0]
        remedy = "mend it, or move it away: this command makes a new one with every run"
        raise UserError(f"MLflow's store {uri} cannot be used ({why}); {remedy}.") from error
    for number, (ended, tracking) in enumerate(runs):
        tracker = tracker_of(ended.recipe, ended.row, ended.commit, tracking)
        if ended.recipe.hash not in there and tracker.add(ended, later=-number):
            there.add(ended.recipe.hash)
            added += 1
            print(f"{tracker.experiment}: {tracker.run_name}", flush=True)
    print(f"{added} of {len(runs)} runs added")


def found() -> Iterator[tuple[Ended, Tracking]]:
    """All runs, and where each is tracked: those of runs/ under the study that has them, or as params.yaml says."""
    params, paper = read_params(), read_profile(PROFILES, "paper")
    studies = [study for arm in ARMS.values() for study in read_studies(RESULTS, arm, paper, needed=False)]
    places = {recipe: (study.profile, study.label) for study in studies for recipe in study.recipes}
    for folder in sorted(path.parent for path in RUNS.glob(f"*/**/seed-*/{RECORD}")):
        ended = ended_in_folder(folder, folder.with_name(f"{folder.name}-scores"))
        path = folder.relative_to(RUNS / ended.recipe.arm).parent.as_posix()
        yield ended, stage.tracking_of(params, ended.recipe, path, places.get(ended.recipe.hash))
    for study in studies:
        note = f"Imported from `results/{study.folder}`; its weights are not kept in git. Again: `{command(study)}`"
        for ended in ended_in_study(RESULTS / study.folder, study.arm):
            yield ended, stage.tracking_in(study.profile, study.label, ended.recipe, note)


if __name__ == "__main__":
    stage.run(main)
