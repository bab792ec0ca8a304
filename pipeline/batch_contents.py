"""Print what the batch of any iteration of a run holds, without training. Not a stage.

`python -m pipeline.batch_contents cifar resnet-20 0 399`, after `dvc repro prepare`, prints a row of CSV an image, in
the order of the batch: its position among the prepared training images (data/<task>), its crop, and whether it is
mirrored. Iterations count from 0. The last line is the digest of its thousand iterations, to compare with
`order_digests` in run.json. Takes seconds.
"""

import csv
import sys

from pipeline import stage
from pipeline.params import read_params
from pipeline.plan import parse_run, recipe_of
from replication.errors import UserError
from replication.tasks import TASKS
from replication.tasks.batches import THOUSAND
from replication.training.device import choose_device


def main() -> None:
    options = stage.arguments(
        __doc__, task=", ".join(TASKS), net="resnet-110, …", seed="0, 1, …", iteration="counted from 0"
    )
    run, params = parse_run(options.task, options.net, options.seed), read_params()
    images = stage.images_of(params, run.task)
    recipe = recipe_of(run)
    if not options.iteration.isdecimal() or int(options.iteration) >= recipe.schedule.iterations:
        last = recipe.schedule.iterations - 1
        raise UserError(
            f"the iteration is {options.iteration!r}; it must be a whole number from 0 to {last}.",
            kind="invalid",
            key="iteration",
        )
    iteration, batches = (
        int(options.iteration),
        run.task.code("feed").make_batches(images, recipe, choose_device("cpu")),
    )
    rows = batches.contents(iteration)
    writer = csv.DictWriter(sys.stdout, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    thousand = iteration // THOUSAND
    print(f"# order_digests[{thousand}]: {batches.order_digests()[thousand]}")


if __name__ == "__main__":
    stage.run(main)
