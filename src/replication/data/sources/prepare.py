"""From a source to a store, or to an index of images that stay where they are."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from replication.data.annotations import extend_fingerprint, write_annotations
from replication.data.heldout import split_training
from replication.data.index import Files, load_entry, write_index
from replication.data.meta import OFFICIAL, Meta, write_meta
from replication.data.sources import Dataset, Place
from replication.data.sources.digits import digits_on_canvas, make_digits
from replication.data.sources.official import is_official
from replication.data.sources.statistics import SAMPLE, compute_statistics
from replication.data.store import ARRAYS, Split, Statistics, fingerprint, make_image, write_store
from replication.errors import UserError
from replication.files import replace_folder


@dataclass(frozen=True)
class Requirements:
    """What a task needs of its images."""

    input_size: int  # side of the input of its nets, pixels
    train_images: int  # trained on; the others are held out
    shorter_side: int | None = None  # of photographs before their test crop, pixels; None: images are not rescaled
    needs_boxes: bool = False


def prepare(folder: Path, dataset: Dataset, place: Place | None, requirements: Requirements) -> Meta:
    """Make the store or index of a data set, whole or not at all; an old one stays until it is made.

    Args:
        folder: of the store or index.
        place: where the data set lies; None for an embedded one.

    Raises:
        UserError: the data set is missing, incomplete or damaged, or not of the size that the nets see.
    """
    size = requirements.input_size
    if requirements.shorter_side is None and dataset.input_size not in (None, size):
        raise UserError(
            f"input_size is {size}, but {dataset.name} has {dataset.input_size}x{dataset.input_size} images; "
            f"set it to {dataset.input_size} in the profile.",
            kind="conflict",
            key="input_size",
        )
    if dataset.is_indexed:
        return _make_index(folder, dataset, place, requirements)
    if dataset.scenes:
        return _make_scenes(folder, dataset, requirements)
    return _make_store(folder, dataset, place, requirements)


def describe(meta: Meta) -> str:
    """What was prepared, in a sentence: counts, what the pixels are, and their fingerprint."""
    size = f" of {meta.input_size}x{meta.input_size}" if meta.input_size else ""
    pixels = "official pixels" if meta.is_official else f"not official: {meta.pixels}; runs on them are proxies"
    return (
        f"{meta.train_images:,} training and {meta.test_images:,} test images{size}, {pixels}, "
        f"sha256 {meta.fingerprint[:12]}…"
    )


def _make_store(folder: Path, dataset: Dataset, place: Place | None, requirements: Requirements) -> Meta:
    if place:
        source, origin = resolve_name(dataset.readers[place.source])(place, dataset), f"{dataset.name}, {place.source}"
        boxes = resolve_name(_box_reader(dataset, place))(place, dataset) if requirements.needs_boxes else None
    else:
        size, origin = requirements.shorter_side or requirements.input_size, "scikit-learn's load_digits"
        source, *boxes = digits_on_canvas(size) if requirements.needs_boxes else (make_digits(size),)

    def load(index: int) -> Image.Image:
        return make_image(source.train.images[index])

    labels = torch.from_numpy(source.train.labels)
    return write_store(
        folder, source.train, source.test,
        name=dataset.key,
        source=origin,
        pixels=OFFICIAL if is_official(source, dataset) else source.pixels,
        classes=source.classes,
        statistics=_statistics(load, labels, requirements) if requirements.shorter_side else None,
        boxes=boxes or None,
    )  # fmt: skip


def _make_scenes(folder: Path, dataset: Dataset, requirements: Requirements) -> Meta:
    """Make the store of an embedded data set of images with several objects each."""
    train, test = resolve_name(dataset.scenes)(requirements.shorter_side)
    unlabelled = [Split(part.images, np.zeros(len(part.images), np.int64)) for part in (train, test)]

    def load(index: int) -> Image.Image:
        return make_image(train.images[index])

    statistics = _statistics(load, torch.from_numpy(unlabelled[0].labels), requirements)
    annotations, size = [train.annotations, test.annotations], requirements.shorter_side
    meta = Meta(
        name=dataset.key,
        source="scikit-learn's load_digits",
        pixels=f"8x8 digits of scikit-learn, several on each {size}x{size}",
        classes=list(dataset.class_names),
        train_images=len(train.images),
        test_images=len(test.images),
        input_size=size,
        fingerprint=extend_fingerprint(fingerprint(*unlabelled), annotations),
    )
    arrays = {"train_images": torch.from_numpy(train.images), "test_images": torch.from_numpy(test.images)}
    with replace_folder(folder) as unfinished:
        save_file(arrays | vars(statistics), unfinished / ARRAYS)
        write_annotations(unfinished, *annotations)
        write_meta(unfinished, meta)
    return meta


def _make_index(folder: Path, dataset: Dataset, place: Place, requirements: Requirements) -> Meta:
    """Index images where they lie, after decoding a sample of both splits (all, if it is small)."""
    files: Files = resolve_name(dataset.readers[place.source])(place, dataset)
    if requirements.needs_boxes and files.train.annotations.boxes is None:
        files = resolve_name(_box_reader(dataset, place))(place, dataset, files)
    print(f"decoding a sample of {len(files.train) + len(files.test):,} images", flush=True)
    for number in range(0, len(files.test), max(1, len(files.test) // SAMPLE)):
        load_entry(place.root, files.test.entries, number, dataset.key)

    def load(index: int) -> Image.Image:
        return load_entry(place.root, files.train.entries, index, dataset.key)

    annotations = files.train.annotations
    labels = annotations.labels if annotations.has_labels else torch.zeros(len(annotations), dtype=torch.int64)
    return write_index(
        folder,
        files,
        _statistics(load, labels, requirements),
        name=dataset.key,
        source=f"{dataset.name}, {place.source}",
    )


def _box_reader(dataset: Dataset, place: Place) -> str:
    if place.source not in dataset.box_readers:
        raise UserError(
            f"{dataset.name} from {place.source} comes without boxes; set data.{dataset.key}.source to "
            f"{' or '.join(dataset.box_readers)}.",
            kind="missing",
            key=f"data.{dataset.key}.source",
        )
    return dataset.box_readers[place.source]


def _statistics(load: Callable[[int], Image.Image], labels: Tensor, requirements: Requirements) -> Statistics:
    """Mean image and colours of the training images that are trained on."""
    trained, _ = split_training(labels, min(len(labels), requirements.train_images))
    return compute_statistics(
        lambda number: load(int(trained[number])), len(trained), requirements.shorter_side, requirements.input_size
    )
