"""Log the finished runs that MLflow lacks: `make runs`, or `python -m pipeline.track`. Not a stage.

A training that could not use MLflow's store goes on without it, and a run that comes from DVC's cache was never seen by
it: here they are logged from their folders, runs/**/seed-<n>/, with curve, recipe and tags. Takes a second a run.
"""

from pipeline import stage
from pipeline.params import read_params
from pipeline.plan import RUNS
from replication.errors import UserError
from replication.runs.folder import RECORD, read_curve, read_run
from replication.training.progress import run_name
from replication.training.tracking import final_figures, is_tracked, tracker_of


def main() -> None:
    params = read_params()
    folders = sorted(path.parent for path in RUNS.glob(f"*/**/seed-*/{RECORD}"))
    there = added = 0
    for folder in folders:
        record, curve = read_run(folder), read_curve(folder)
        tracking, name = stage.tracking_of(params, record.recipe), run_name(record.recipe)
        if tracking.uri is None:
            raise UserError("REPLICATION_TRACKING is off; unset it, or give the address of MLflow's store.")
        try:
            if is_tracked(tracking, record.recipe):
                there += 1
                continue
        except Exception as error:  # MLflow's, SQLAlchemy's or sqlite's
            raise UserError(
                f"MLflow's store {tracking.uri} cannot be used ({str(error).splitlines()[0]}); mend it, or move it "
                "away: this command makes a new one with every run."
            ) from error
        tracker = tracker_of(record.recipe, name, record.provenance, tracking)
        if tracker.start(None):
            tracker.log(curve)
            tracker.finish("FINISHED", final_figures(record, curve), {"status": record.status})
            added += 1
            print(f"{name}: added to MLflow", flush=True)
    print(f"{added} of {len(folders)} runs added; {there} were there")


if __name__ == "__main__":
    stage.run(main)
