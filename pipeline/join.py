"""Join runs that were made elsewhere, on another machine or in another clone. Not a stage.

`python -m pipeline.join FOLDER …`: each the folder of a run, with run.json, curve.csv and net.safetensors.

Each run's recipe must be that of a profile here, its data the prepared ones (data/<arm>); strangers are refused, and
nothing of them is added. The weights are scored anew, by the code that stands here; then the rows are added to
results/<profile>/<arm>/, next to what is there. On 2 cores 5 to 15 seconds for a CIFAR net.
"""

import argparse
import tempfile
from pathlib import Path

from pipeline import stage
from pipeline.params import PROFILES, RESULTS, read_params
from replication.arms import arm_of
from replication.errors import UserError
from replication.evaluation.score import score_run
from replication.evaluation.scores import read_scores, write_scores
from replication.profiles import Profile, read_profile
from replication.runs.folder import RECORD, read_curve, read_run
from replication.study.fidelity import first_difference
from replication.study.labels import pixels_label, study_folder
from replication.study.results import Result, add_results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    params = read_params()
    device = stage.choose_device(params.device)
    for folder in parser.parse_args().folders:
        recipe = read_run(folder).recipe
        arm, profile = arm_of(recipe.arm), profile_of(folder)
        scores = score_run(folder, stage.images_of(params, arm), device)
        with tempfile.TemporaryDirectory() as scored:
            write_scores(Path(scored) / "scores", scores, arm)
            rows = read_scores(Path(scored) / "scores")
        tables = RESULTS / profile.name / arm.name / study_folder(pixels_label(arm, recipe.data))
        add_results(tables, [Result(read_run(folder), read_curve(folder), rows)], [])
        error = scores[arm.headline].error()
        print(
            f"join: {recipe.net} · seed {recipe.seed}, {error:.2f} % by {arm.headline}: added to {tables}", flush=True
        )


def profile_of(folder: Path) -> Profile:
    """The profile here under which a run was made.

    Raises:
        UserError: there is none; the nearest one and the first field that differs are named.
    """
    recipe = read_run(folder).recipe
    arm, refused = arm_of(recipe.arm), []
    for path in sorted(PROFILES.glob("*.yaml")):
        profile = read_profile(PROFILES, path.stem)
        if recipe.variant != "default" and recipe.variant not in profile.variants(arm):
            continue
        ours = profile.recipe(arm, recipe.net, recipe.variant, recipe.seed, recipe.data)
        if ours == recipe:
            return profile
        refused.append((path.stem, first_difference(recipe, ours)))
    told = "; ".join(f"{name} has another {key}" for name, key in refused)
    raise UserError(
        f"{folder / RECORD}: its recipe is that of no profile here ({told}); "
        f"run it under one of them, or add its profile to {PROFILES}."
    )


if __name__ == "__main__":
    stage.run(main)
