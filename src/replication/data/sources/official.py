"""Official by content: a digest of pixels and labels decides, whatever file format they came in."""

import hashlib

import numpy as np

from replication.data.sources import Dataset, Digest
from replication.data.sources.decode import Source
from replication.data.store import Split


def digest_of(split: Split) -> Digest:
    """The digests of a split, as `DATASETS` holds those that are known.

    `ordered` is the sha256 over all pixels (uint8, [N, 3, H, W] in C order), then all labels (int64, little endian).
    `unordered` is the sha256 over the sorted sha256 of each image, which is over its pixels [3, H, W] and its label in
    the same way: no order of the images changes it.
    """
    pixels, labels = np.ascontiguousarray(split.images), split.labels.astype("<i8")
    ordered = hashlib.sha256(pixels.data)
    ordered.update(labels.data)
    single = sorted(
        hashlib.sha256(image.tobytes() + label.tobytes()).digest() for image, label in zip(pixels, labels, strict=True)
    )
    return Digest(ordered.hexdigest(), hashlib.sha256(b"".join(single)).hexdigest())


def is_official(source: Source, dataset: Dataset) -> bool:
    """Whether both splits are the official ones, pixel by pixel and label by label, in any order."""
    if dataset.digests is None:
        return False
    found = digest_of(source.train), digest_of(source.test)
    return found == dataset.digests or [f.unordered for f in found] == [known.unordered for known in dataset.digests]
