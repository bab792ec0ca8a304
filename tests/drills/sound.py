"""Sound sources, made up: each layout in which a data set is read, with the pixels and labels that are in it."""

import shutil
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from conftest import random_split
from made_files import (
    SMALL_IMAGENET,
    WNIDS,
    Photographs,
    as_archive,
    as_binary,
    as_parquet,
    as_tiny_imagenet,
    as_tree,
    picture,
)
from pytest import MonkeyPatch

from drills.pictures import Pixels, pixels_of, png
from replication.data.sources import CIFAR10, TINY_IMAGENET, Dataset, Place
from replication.data.sources.official import digest_split
from replication.data.sources.prepare import Requirements
from replication.data.store import Split

Images = list[tuple[str, int, bytes]]  # "train" or "test", label, pixels [H, W, 3]; sorted
Splits = tuple[Split, Split]


@dataclass(frozen=True)
class Source:
    """A data set as files below `root`, and what is in it."""

    root: Path
    name: str  # of its reader
    task: str
    dataset: Dataset
    truth: Images

    @property
    def place(self) -> Place:
        return Place(self.name, self.root, "http://127.0.0.1:9/there-is-no-server.tar.gz")

    @property
    def requirements(self) -> Requirements:
        """What its task needs of the images."""
        size, side = (32, 36) if self.task == "imagenet" else (self.dataset.input_size, None)
        return Requirements(size, self.dataset.train_images, side)

    def files(self, pattern: str = "**/*") -> list[Path]:
        return [path for path in sorted(self.root.glob(pattern)) if path.is_file()]

    def images(self) -> list[Path]:
        return [path for path in self.files() if path.suffix in (".png", ".JPEG")]

    def with_pixels(self, old: Pixels, new: Pixels) -> Images:
        """What is in it once one image has other pixels."""
        (entry,) = (entry for entry in self.truth if entry[2] == old.tobytes())
        return sorted([*(other for other in self.truth if other is not entry), (*entry[:2], new.tobytes())])


def _splits(size: int, classes: int) -> Splits:
    return random_split(20, size, classes, seed=1), random_split(2 * classes, size, classes, seed=2)


def _truth(splits: Splits) -> Images:
    return sorted(
        (name, int(label), np.ascontiguousarray(image.transpose(1, 2, 0)).tobytes())
        for name, split in zip(("train", "test"), splits, strict=True)
        for image, label in zip(split.images, split.labels, strict=True)
    )


def _cifar10(name: str, write: Callable[[Splits, Path], object], size: int = 8) -> Callable[[Path], Source]:
    def make(root: Path) -> Source:
        splits = _splits(size, 4)
        write(splits, root)
        dataset = replace(
            CIFAR10, train_images=20, test_images=8, classes=4, input_size=size, class_names=(),
            digests=(digest_split(splits[0]), digest_split(splits[1])),
        )  # fmt: skip
        return Source(root, name, "cifar", dataset, _truth(splits))

    return make


def _tiny_imagenet(name: str, write: Callable[[Splits, Path], object]) -> Callable[[Path], Source]:
    def make(root: Path) -> Source:
        splits = _splits(40, 3)
        write(splits, root)
        dataset = replace(TINY_IMAGENET, train_images=20, test_images=6, classes=3, input_size=40)
        return Source(root, name, "imagenet", dataset, _truth(splits))

    return make


def _imagenet(name: str, write: Callable[[Photographs, Path], object]) -> Callable[[Path], Source]:
    """Photographs as PNG, so that their pixels are known."""

    def make(root: Path) -> Source:
        kinds = Photographs.make()
        made = Photographs(
            *(
                [(wnid, file, png(np.asarray(picture(first + i)))) for i, (wnid, file, _) in enumerate(images)]
                for first, images in ((0, kinds.train), (20, kinds.val))
            )
        )
        write(made, root)
        truth = sorted(
            (split, WNIDS.index(wnid), pixels_of(content).tobytes())
            for split, images in (("train", made.train), ("test", made.val))
            for wnid, _, content in images
        )
        return Source(root, name, "imagenet", SMALL_IMAGENET, truth)

    return make


def _unpacked(splits: Splits, root: Path) -> None:
    as_archive(splits, root, list("abcd"), MonkeyPatch())
    with tarfile.open(root / "cifar-10-python.tar.gz") as packed:
        packed.extractall(root, filter="data")
    (root / "cifar-10-python.tar.gz").unlink()


def _tiny_parquet(splits: Splits, root: Path) -> None:
    as_parquet(splits, root)
    shutil.move(root / "test-00000-of-00001.parquet", root / "valid-00000-of-00001.parquet")


# The digests that torchvision knows are patched, in the child of a trial, which ends with it.
SOUND: dict[str, Callable[[Path], Source]] = {
    "CIFAR-10, tree": _cifar10("folder", as_tree),
    "CIFAR-10, parquet": _cifar10("parquet", as_parquet),
    "CIFAR-10, binary": _cifar10("binary", lambda splits, root: as_binary(splits, root, list("abcd"))),
    "CIFAR-10, archive": _cifar10("official", lambda s, root: as_archive(s, root, list("abcd"), MonkeyPatch()), 32),
    "CIFAR-10, batches": _cifar10("official", _unpacked, 32),
    "Tiny ImageNet, tree": _tiny_imagenet("folder", lambda splits, root: as_tiny_imagenet(splits, root, WNIDS[::-1])),
    "Tiny ImageNet, parquet": _tiny_imagenet("parquet", _tiny_parquet),
    "ImageNet, tree": _imagenet("folder", Photographs.tree),
    "ImageNet, parquet": _imagenet("parquet", Photographs.parquet),
    "ImageNet, archives": _imagenet("archives", lambda made, root: made.archives(root, MonkeyPatch())),
}
