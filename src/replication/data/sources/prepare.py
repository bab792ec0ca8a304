"""From a source to a store, or to an index of images that stay where they are."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from replication.data.boxes import gathered
from replication.data.heldout import split_training
from replication.data.index import load_entry, write_index
from replication.data.meta import OFFICIAL, Meta
from replication.data.sources import DATASETS, Dataset, Place
from replication.data.sources.digits import digits, digits_on_canvas
from replication.data.sources.official import is_official
from replication.data.sources.statistics import SAMPLE, image_statistics
from replication.data.store import Statistics, image_of, write_store
from replication.errors import UserError
from replication.tasks import Task


def prepare(folder: Path, task: Task, dataset_name: str, place: Place | None, view: dict[str, Any]) -> Meta:
    """Make the store or index of a data set for a task, whole or not at all; an old one stays until it is made.

    Args:
        folder: what is made.
        dataset_name: one of `DATASETS`.
        place: where the data set lies; None for one that is embedded.
        view: how the nets see it: `input_size`; `shorter_side` of the test, for a task of photographs; `train_images`.

    Raises:
        UserError: the data set is missing, not whole or damaged, or not of the size that the nets see.
    """
    dataset = DATASETS[dataset_name]
    if dataset.input_size and not task.photographs and view["input_size"] != dataset.input_size:
        raise UserError(
            f"the profile's {task.name}.input_size is {view['input_size']}, but {dataset.name} has "
            f"{dataset.input_size}x{dataset.input_size} images; set it to {dataset.input_size}.",
            kind="conflict",
            key="input_size",
        )
    if dataset.indexed:
        return _make_index(folder, task, dataset, place, view)
    return _make_store(folder, task, dataset, place, view)


def describe(meta: Meta) -> str:
    """What was prepared, in a sentence: counts, what the pixels are, and their fingerprint."""
    size = f" of {meta.input_size}x{meta.input_size}" if meta.input_size else ""
    pixels = "official pixels" if meta.official else f"not official: {meta.pixels}; runs on them are proxies"
    return (
        f"{meta.train_images:,} training and {meta.test_images:,} test images{size}, {pixels}, "
        f"sha256 {meta.fingerprint[:12]}…"
    )


def _make_store(folder: Path, task: Task, dataset: Dataset, place: Place | None, view: dict[str, Any]) -> Meta:
    if place:
        source, origin = found(dataset.readers[place.source])(place, dataset), f"{dataset.name}, {place.source}"
    else:
        size, origin = view["shorter_side"] if task.photographs else view["input_size"], "scikit-learn's load_digits"
        source, *corners = digits_on_canvas(size) if task.needs_boxes else (digits(size),)
    if place and task.needs_boxes:
        corners = found(_reader_of_boxes(dataset, place))(place, dataset)
    boxes = tuple(map(gathered, corners)) if task.needs_boxes else None

    def load(index: int) -> Image.Image:
        return image_of(source.train.images[index])

    return write_store(
        folder, source.train, source.test,
        name=dataset.key,
        source=origin,
        pixels=OFFICIAL if is_official(source, dataset) else source.pixels,
        classes=source.classes,
        statistics=_statistics(load, source.train.labels, view) if task.photographs else None,
        boxes=boxes,
    )  # fmt: skip


def _make_index(folder: Path, task: Task, dataset: Dataset, place: Place, view: dict[str, Any]) -> Meta:
    """Index images where they lie, after decoding a sample of both splits (all, if it is small)."""
    files = found(dataset.readers[place.source])(place, dataset)
    boxes = None
    if task.needs_boxes:
        files, *corners = found(_reader_of_boxes(dataset, place))(place, dataset, files)
        boxes = tuple(map(gathered, corners))
    print(f"decoding a sample of {files.train.num_rows + files.test.num_rows:,} images", flush=True)
    count = files.test.num_rows
    for number in range(0, count, max(1, count // SAMPLE)):
        load_entry(place.root, files.test, number)
    made = _statistics(lambda index: load_entry(place.root, files.train, index), files.train["label"].to_numpy(), view)
    return write_index(folder, files, made, name=dataset.key, source=f"{dataset.name}, {place.source}", boxes=boxes)


def _reader_of_boxes(dataset: Dataset, place: Place) -> str:
    if place.source not in dataset.boxes:
        raise UserError(
            f"{dataset.name} from {place.source} comes without boxes; set data.{dataset.key}.source to "
            f"{' or '.join(dataset.boxes)}.",
            kind="missing",
            key=f"data.{dataset.key}.source",
        )
    return dataset.boxes[place.source]


def _statistics(load: Callable[[int], Image.Image], labels: NDArray[np.int64], view: dict[str, Any]) -> Statistics:
    """Mean image and colours of the training images that are trained on."""
    trained, _ = split_training(labels, min(len(labels), view["train_images"]))
    return image_statistics(
        lambda number: load(int(trained[number])), len(trained), view["shorter_side"], view["input_size"]
    )
