"""Stage `train`: train one net with one seed, and write runs/<arm>/<run>/seed-<n>/.

`python -m pipeline.train cifar resnet-56 0`, after `check` and `prepare`. Killed at any moment and started again, it
continues bit for bit. With `processes` above 1 in params.yaml it starts that many under torchrun, one a GPU, in a Slurm
job dealt out to its nodes. What a net costs on 2 cores stands in the README.
"""

import os
import sys

from pipeline import stage
from pipeline.launch import torchrun
from pipeline.params import WORK, read_params
from pipeline.plan import folders_before, named_run, planned, recipe_of
from replication.runs.folder import read_run
from replication.training.processes import launched
from replication.training.run import Stopped, train_run
from replication.training.speed import compiles


def main() -> None:
    options = stage.arguments(
        __doc__, arm="cifar, imagenet or localization", run="resnet-110, resnet-110/no-warmup, …", seed="0, 1, …"
    )
    run, params = named_run(options.arm, options.run, options.seed), read_params()
    plan, save_seconds = planned(run.recipe_file), stage.seconds("REPLICATION_SAVE_SECONDS", 60)
    if stage.skipped(run.folder, plan):
        return
    images = stage.images_of(params, run.arm)
    begun, proposes = folders_before(run, plan)
    nearest = proposes or begun
    recipe = recipe_of(run, plan, images.meta.identity, read_run(nearest).recipe.hash if nearest else None)
    device = stage.choose_device(params.device)
    if params.processes > 1 and not launched():
        torchrun("pipeline.train", sys.argv[1:], params.processes, recipe, device)
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(WORK / "compiled"))
    compiled = compiles(params.compile, recipe, len(images.meta.classes), device)
    try:
        tracking = stage.tracking_of(params, recipe, run.path)
        train_run(
            run.folder, recipe, images, device, WORK, tracking, save_seconds, compiled, begun, proposes,
            params.section(run.arm).checkpoints,
        )  # fmt: skip
    except Stopped as stopped:
        if os.environ.get("LOCAL_RANK", "0") == "0":  # under torchrun all of them stop at the same iteration
            print(stopped, file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    stage.run(main)
