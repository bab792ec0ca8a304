"""Stage `check`: refuse bad params before anything is fetched or trained. Takes 2 seconds.

Makes .checked, which never changes, so that a change of params reruns only the stages that they concern.
"""

from pathlib import Path

from pipeline import stage
from pipeline.params import read_params, read_profile, recipe_of, runs_of
from replication.errors import UserError
from replication.recipe import Data


def main() -> None:
    params = read_params()
    dataset = read_profile(params, "cifar").get("dataset")
    if dataset not in ("digits", "cifar10"):
        raise UserError(
            f"pipeline/profiles/{params.profile}.yaml: cifar.dataset: {dataset!r} is not digits or cifar10."
        )
    unknown = Data(name=dataset, variant=None, fingerprint="not prepared yet")
    for run in runs_of(params):
        recipe_of(params, "cifar", run.net, run.seed, unknown)
    Path(".checked").write_text("params.yaml and the profile were checked\n")


if __name__ == "__main__":
    stage.run(main)
