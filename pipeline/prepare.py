"""Stage `prepare`: make the store (or index) of an arm, data/<arm>/, from the source that params.yaml names.

`python -m pipeline.prepare cifar` (or imagenet). Takes seconds for the digits; for CIFAR-10 about 20 seconds, and 170
MB of download if the source is the official archive; for Tiny ImageNet a minute. ImageNet is indexed, not copied: its
archives are read once, for their checksums, and 45,000 images are decoded, in a few minutes. Prints counts and
fingerprint.
"""

from pathlib import Path
from typing import Any

from replication.data import Meta, Statistics, imagenet_sources, sources, tiny_imagenet, write_index, write_store

from pipeline import stage
from pipeline.params import ROOT, STORE, Params, read_params, read_profile
from replication.errors import UserError
from replication.images.index import load_entry
from replication.images.store import image_of
from replication.sources.sources import CIFAR10, TINY_IMAGENET, Source
from replication.sources.statistics import SAMPLE, image_statistics


def main() -> None:
    arm = stage.arguments(__doc__, arm="cifar or imagenet").arm
    params = read_params()
    profile = read_profile(params, arm)
    if profile["dataset"] == "imagenet":
        say(arm, make_index(params, arm, profile))
        return
    origin, source = read_source(params, arm, profile)
    meta = write_store(
        STORE / arm, source.train, source.test,
        name=profile["dataset"], source=origin, variant=source.variant, classes=source.classes,
        statistics=statistics(source, profile) if arm == "imagenet" else None,
    )  # fmt: skip
    say(arm, meta)


def read_source(params: Params, arm: str, profile: dict[str, Any]) -> tuple[str, Source]:
    """Where the pixels come from, in words, and the pixels."""
    dataset, size = profile["dataset"], profile["input_size"]
    if dataset == "digits":
        side = profile["test"]["shorter_side"] if arm == "imagenet" else size
        return "scikit-learn's load_digits", sources.digits(side)
    expected = {"cifar10": CIFAR10, "tiny_imagenet": TINY_IMAGENET}[dataset]
    if dataset == "cifar10" and size != CIFAR10.input_size:
        raise UserError(f"the profile's {arm}.input_size is {size}, but CIFAR-10 has 32x32 images; set it to 32.")
    place = getattr(params.data, dataset)
    root = ROOT / Path(place.root).expanduser()
    print(f"prepare {arm}: reading {expected.name} ({place.source}) from {place.root}", flush=True)
    if place.source == "official":
        return f"{expected.name}, official", sources.cifar10_official(root)
    folder = tiny_imagenet.folder if dataset == "tiny_imagenet" else sources.folder
    read = {"parquet": sources.parquet, "folder": folder}[place.source]
    return f"{expected.name}, {place.source}", read(root, expected)


def make_index(params: Params, arm: str, profile: dict[str, Any]) -> Meta:
    """Index ImageNet where it lies, after decoding a sample of both splits (all, if it is small)."""
    place = params.data.imagenet
    root = ROOT / Path(place.root).expanduser()
    print(f"prepare {arm}: reading ImageNet ({place.source}) in {place.root}", flush=True)
    find = {
        "archives": imagenet_sources.archives,
        "folder": imagenet_sources.folder,
        "parquet": imagenet_sources.parquet,
    }[place.source]
    files = find(root)
    print(f"prepare {arm}: decoding a sample of {files.train.num_rows + files.test.num_rows:,} images", flush=True)
    count = files.test.num_rows
    for number in range(0, count, max(1, count // SAMPLE)):
        load_entry(root, files.test, number)
    made = image_statistics(
        lambda number: load_entry(root, files.train, number),
        min(files.train.num_rows, profile["train_images"]), profile["test"]["shorter_side"], profile["input_size"],
    )  # fmt: skip
    return write_index(STORE / arm, files, made, name="imagenet", source=f"ImageNet, {place.source}")


def statistics(source: Source, profile: dict[str, Any]) -> Statistics:
    """Mean image and colours of the training images that are trained on."""
    images = source.train.images[: profile["train_images"]]
    return image_statistics(
        lambda index: image_of(images[index]), len(images), profile["test"]["shorter_side"], profile["input_size"]
    )


def say(arm: str, meta: Meta) -> None:
    size = f" of {meta.input_size}x{meta.input_size}" if meta.input_size else ""
    print(
        f"prepare {arm}: {meta.train_images:,} training and {meta.test_images:,} test images{size}, "
        f"{'official pixels' if meta.official else 'variant: ' + str(meta.variant)}, sha256 {meta.fingerprint[:12]}…"
    )


if __name__ == "__main__":
    stage.run(main)
