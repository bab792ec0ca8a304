"""Score the nets of weights/ on their official test images: `make verify-weights`. Not a stage.

Each net answers as `replication.load` gives it, in fp32. It must err on as many images as when it was shipped, within
one image: sums of another processor differ in their last bits. The recorded error stands beside it; it is that of the
run's own arithmetic, bf16 for cpu-long, and differs by a few images. Needs data/cifar with the official pixels
(docs/data.md). Prints one line per net; fails if a file was changed or a count differs.
Takes 20 seconds for a net of 20 layers on one core.
"""

from pipeline import stage
from pipeline.params import read_params
from pipeline.ship import count_errors, read_official, read_recorded
from replication.errors import UserError
from replication.loading import WEIGHTS, load, read_about


def main() -> None:
    files = sorted(WEIGHTS.glob("*.safetensors"))
    if not files:
        raise UserError(f"{WEIGHTS} holds no nets; run `git checkout -- weights`.", kind="missing", file=WEIGHTS)
    params, differing = read_params(), []
    for file in files:
        about = read_about(file)
        recorded = read_recorded(about)
        images = read_official(params, recorded)
        found, shipped = count_errors(load(file), images), about["wrong"]
        differing += [] if abs(found - shipped) <= 1 else [file.name]
        print(
            f"{file.stem}: {found:,} of {images.meta.test_images:,} wrong, {shipped:,} when shipped; recorded in "
            f"{recorded.recipe.precision}: {recorded.error:.2f} %",
            flush=True,
        )
    if differing:
        raise UserError(f"Other errors than when shipped: {', '.join(differing)}.", kind="conflict", file=WEIGHTS)
    print(f"{len(files)} of {len(files)} nets err as when they were shipped.")


if __name__ == "__main__":
    stage.run(main)
