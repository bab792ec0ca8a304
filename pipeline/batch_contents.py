"""Print what the batch of any iteration of a run holds, without training. Not a stage.

`python -m pipeline.batch_contents cifar resnet-20 0 399`, after `dvc repro check prepare`: a row of CSV for each image,
in the order of the batch: its position among the prepared training images (data/<arm>), where it is cropped and whether
it is mirrored. Iterations count from 0. Last, the digest of the thousand iterations that it belongs to, as the run's
run.json has it in `order_digests`. Takes seconds.
"""

import csv
import sys

from pipeline import stage
from pipeline.params import read_params
from pipeline.plan import named_run, planned, recipe_of
from replication.arms import found, step_of
from replication.errors import UserError
from replication.feed.batches import THOUSAND


def main() -> None:
    options = stage.arguments(
        __doc__, arm="cifar, imagenet or localization", run="resnet-110, …", seed="0, 1, …", iteration="counted from 0"
    )
    run, params = named_run(options.arm, options.run, options.seed), read_params()
    images = stage.images_of(params, run.arm)
    recipe = recipe_of(run, planned(run.recipe_file), images.meta.identity)
    if not options.iteration.isdecimal() or int(options.iteration) >= recipe.schedule.iterations:
        last = recipe.schedule.iterations - 1
        raise UserError(
            f"the iteration is {options.iteration!r}; it must be a whole number from 0 to {last}.",
            kind="invalid",
            key="iteration",
        )
    iteration, batches = int(options.iteration), found(step_of(recipe).feed)(images, recipe, stage.choose_device("cpu"))
    rows = batches.contents(iteration)
    writer = csv.DictWriter(sys.stdout, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    thousand = iteration // THOUSAND
    print(f"# order_digests[{thousand}]: {batches.order_digests()[thousand]}")


if __name__ == "__main__":
    stage.run(main)
