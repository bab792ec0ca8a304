"""Official by content: a digest of pixels and labels decides, whatever file format they came in."""

import hashlib

import numpy as np

from replication.data.sources import Dataset, Digest
from replication.data.sources.decode import Source
from replication.data.store import Split


def digest_split(split: Split) -> Digest:
    """The digests of a split; `DATASETS` holds the known ones.

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
    digests, known = (digest_split(source.train), digest_split(source.test)), dataset.digests
    return digests == known or [digest.unordered for digest in digests] == [digest.unordered for digest in known]
