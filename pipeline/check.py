"""Stage `check`: refuse bad params before anything is fetched or trained. Takes 2 seconds.

Makes .checked, which never changes, so that a change of params reruns only the stages that they concern.
"""

from pathlib import Path

from pipeline import stage
from pipeline.params import ARMS, DATASETS, PROFILES, read_params, read_profile, recipe_of, runs_of
from replication.errors import UserError
from replication.recipe import Data


def main() -> None:
    params = read_params()
    for arm in ARMS:
        dataset = read_profile(params, arm).get("dataset")
        if dataset not in DATASETS[arm]:
            known = " or ".join(DATASETS[arm])
            raise UserError(f"{PROFILES}/{params.profile}.yaml: {arm}.dataset: {dataset!r} is not {known}.")
        unknown = Data(name=dataset, variant=None, fingerprint="not prepared yet")
        for run in runs_of(params, arm):
            recipe_of(params, arm, run.net, run.seed, unknown)
    Path(".checked").write_text("params.yaml and the profile were checked\n")


if __name__ == "__main__":
    stage.run(main)
