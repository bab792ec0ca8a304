"""Log the finished runs that MLflow lacks: `make runs`, or `python -m pipeline.track`. Not a stage.

A training that could not use MLflow's store goes on without it, and a run that comes from DVC's cache was never seen by
it: here they are logged from their folders, runs/**/seed-<n>/, with curve, recipe and tags. Takes a second a run.
"""

import os

from pipeline import stage
from pipeline.params import PROFILES, TRACKING_URI, WORK
from pipeline.plan import RUNS
from replication.arms import arm_of
from replication.errors import UserError
from replication.profiles import read_profile
from replication.recipe import Recipe
from replication.runs.folder import RECORD, read_curve, read_run
from replication.study.fidelity import fidelity, made_under, of_paper
from replication.training.progress import run_name
from replication.training.tracking import Tracking, final_figures, is_tracked, tracker_of


def main() -> None:
    profiles = [read_profile(PROFILES, path.stem) for path in sorted(PROFILES.glob("*.yaml"))]
    folders = sorted(path.parent for path in RUNS.glob(f"*/**/seed-*/{RECORD}"))
    added = 0
    for folder in folders:
        record, curve = read_run(folder), read_curve(folder)
        recipe, name = record.recipe, run_name(record.recipe)
        tracking = tracking_of(made_under(recipe, profiles, str(folder)).name, recipe)
        if tracking.uri is None:
            raise UserError("REPLICATION_TRACKING is off; unset it, or give the address of MLflow's store.")
        try:
            if is_tracked(tracking, recipe):
                continue
        except Exception as error:  # MLflow's, SQLAlchemy's or sqlite's
            raise UserError(
                f"MLflow's store {tracking.uri} cannot be used ({str(error).splitlines()[0]}); mend it, or move it "
                "away: this command makes a new one with every run."
            ) from error
        tracker = tracker_of(recipe, name, record.provenance, tracking)
        if tracker.start(None):
            tracker.log(curve)
            tracker.finish("FINISHED", final_figures(record, curve), {"status": record.status})
            added += 1
            print(f"{name}: added to MLflow", flush=True)
    print(f"{added} of {len(folders)} runs added; {len(folders) - added} were there")


def tracking_of(profile: str, recipe: Recipe) -> Tracking:
    """Where a run is tracked: in mlflow.db, or as REPLICATION_TRACKING says (another store's address, or "off").

    Tags decide nothing, so neither the paper's profile nor its comparison is a dependency of the stage `train`.
    """
    uri = os.environ.get("REPLICATION_TRACKING") or TRACKING_URI
    paper = of_paper(recipe, arm_of(recipe.arm), read_profile(PROFILES, "paper"))
    tags = {"profile": profile, "fidelity": fidelity(recipe, paper)}
    return Tracking(None if uri == "off" else uri, f"Deep residual learning · {profile}", WORK / "mlflow.lock", tags)


if __name__ == "__main__":
    stage.run(main)
