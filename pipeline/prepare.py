"""Stage `prepare`: make the store of an arm, data/<arm>/, from the source that params.yaml names.

`python -m pipeline.prepare cifar`. Takes 1 second for the digits; for CIFAR-10 about 20 seconds, and 170 MB of
download if the source is the official archive. Prints counts and fingerprint.
"""

from pathlib import Path

from pipeline import stage
from pipeline.params import ROOT, STORE, read_params, read_profile
from replication.data import sources, write_store
from replication.errors import UserError


def main() -> None:
    arm = stage.arguments(__doc__, arm="cifar").arm
    params = read_params()
    profile = read_profile(params, arm)
    size = profile["input_size"]
    if profile["dataset"] == "digits":
        origin, source = "scikit-learn's load_digits", sources.digits(size)
    else:
        if size != sources.CIFAR10.input_size:
            raise UserError(f"the profile's {arm}.input_size is {size}, but CIFAR-10 has 32x32 images; set it to 32.")
        root = ROOT / Path(params.data.cifar10.root).expanduser()
        kind = params.data.cifar10.source
        read = {
            "official": sources.cifar10_official,
            "parquet": sources.cifar10_parquet,
            "folder": sources.cifar10_folder,
        }
        print(f"prepare {arm}: reading CIFAR-10 ({kind}) from {params.data.cifar10.root}", flush=True)
        origin, source = f"CIFAR-10, {kind}", read[kind](root)
    meta = write_store(
        STORE / arm, source.train, source.test,
        name=profile["dataset"], source=origin, variant=source.variant, classes=source.classes,
    )  # fmt: skip
    print(
        f"prepare {arm}: {meta.train_images:,} training and {meta.test_images:,} test images of {size}x{size}, "
        f"{'official pixels' if meta.official else 'variant: ' + str(meta.variant)}, sha256 {meta.fingerprint[:12]}…"
    )


if __name__ == "__main__":
    stage.run(main)
