"""Made-up data sets as files: images, trees, archives and parquet, small enough for a test."""

import hashlib
import io
import pickle
import tarfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import scipy.io
import torchvision
from PIL import Image
from torchvision.datasets import imagenet as official

from replication.data.sources import CIFAR10, IMAGENET
from replication.data.sources.decode import Source
from replication.data.store import Split

WNIDS = ["n00000001", "n00000002", "n00000003"]
SMALL_CIFAR = replace(CIFAR10, train_images=6, test_images=4, classes=2, input_size=8, class_names=())
SMALL_IMAGENET = replace(IMAGENET, train_images=12, test_images=6, classes=3)


def encoded(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    """[3, H, W] as an image file."""
    return saved(Image.fromarray(pixels.transpose(1, 2, 0)), kind)


def rows_of(split: Split, kind: str = "PNG") -> list[dict[str, Any]]:
    """A split as rows of a parquet file."""
    pairs = zip(split.images, split.labels, strict=True)
    return [{"img": {"bytes": encoded(i, kind), "path": None}, "label": int(label)} for i, label in pairs]


def same(found: Source, wanted: tuple[Split, Split]) -> bool:
    return all(
        np.array_equal(left.images, right.images) and np.array_equal(left.labels, right.labels)
        for left, right in ((found.train, wanted[0]), (found.test, wanted[1]))
    )


def saved(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


PNG = encoded(np.random.default_rng(0).integers(0, 256, (3, 8, 8), dtype=np.uint8))


def picture(seed: int, width: int = 50, height: int = 40) -> Image.Image:
    """A smooth colourful picture."""
    noise = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)


def rotated(image: Image.Image, orientation: int) -> dict[str, Image.Exif]:
    exif = image.getexif()
    exif[0x0112] = orientation
    return {"exif": exif}


def kinds_of_images() -> list[bytes]:
    """Twelve photographs as ImageNet has them: nearly all RGB JPEG, the others each of another kind."""
    images = [saved(picture(seed)) for seed in range(12)]
    images[1] = saved(picture(1).convert("L"))
    images[2] = saved(picture(2).convert("CMYK"))
    images[3] = saved(picture(3), **rotated(picture(3), 6))
    images[4] = saved(picture(4).convert("RGBA"), "PNG")
    images[5] = saved(picture(5).convert("P"), "PNG")
    images[6] = saved(picture(6), progressive=True)
    return images


@dataclass(frozen=True)
class Photographs:
    """A small ImageNet: (wnid, file name, bytes) of 12 training and 6 validation images of 3 classes, in the order in
    which they are indexed.
    """

    train: list[tuple[str, str, bytes]]
    val: list[tuple[str, str, bytes]]

    @classmethod
    def make(cls) -> "Photographs":
        images = kinds_of_images()
        train = [(WNIDS[i % 3], f"{WNIDS[i % 3]}_{i // 3}.JPEG", image) for i, image in enumerate(images)]
        # Numbered so that neither the number nor the class alone gives the order.
        numbers = [4, 1, 2, 5, 3, 6]
        names = [f"ILSVRC2012_val_{n:08}.JPEG" for n in numbers]
        val = [(WNIDS[i % 3], name, saved(picture(20 + i))) for i, name in enumerate(names)]
        return cls(train, val)

    def tree(self, root: Path) -> Path:
        for split, images in (("train", self.train), ("val", self.val)):
            for wnid, name, content in images:
                (root / split / wnid).mkdir(parents=True, exist_ok=True)
                (root / split / wnid / name).write_bytes(content)
        return root

    def archives(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """The three archives, whose md5 then are the official ones."""
        root.mkdir(parents=True)
        of_class = {w: tar({name: content for wnid, name, content in self.train if wnid == w}) for w in WNIDS}
        val = sorted((name, wnid, content) for wnid, name, content in self.val)
        contents = {
            "train": tar({f"{wnid}.tar": of_class[wnid] for wnid in (WNIDS[1], WNIDS[0], WNIDS[2])}),
            "val": tar({name: content for name, _, content in val}),
            "devkit": devkit([wnid for _, wnid, _ in val]),
        }
        for part, content in contents.items():
            name = official.ARCHIVE_META[part][0]
            (root / name).write_bytes(content)
            monkeypatch.setitem(official.ARCHIVE_META, part, (name, hashlib.md5(content).hexdigest()))
        return root

    def parquet(self, root: Path, rows_per_group: int = 5) -> Path:
        root.mkdir(parents=True)
        train = [self._row(*image) for image in self.train]
        for number, rows in enumerate((train[:7], train[7:])):
            write_parquet(root / f"train-0000{number}-of-00002.parquet", rows, rows_per_group)
        write_parquet(root / "validation-00000-of-00001.parquet", [self._row(*image) for image in self.val])
        return root

    def _row(self, wnid: str, name: str, content: bytes) -> dict[str, Any]:
        return {"image": {"bytes": content, "path": name}, "label": WNIDS.index(wnid)}


def write_parquet(file: Path, rows: list[dict[str, Any]], rows_per_group: int | None = None) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), file, row_group_size=rows_per_group)


def tar(contents: dict[str, bytes], mode: str = "w") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode=mode) as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def devkit(truth: list[str]) -> bytes:
    """A development kit, whose ids are not in the order of the wnids, and which knows a class above the others."""
    ids = {wnid: number for number, wnid in enumerate(reversed(WNIDS), start=1)}
    rows = [(number, wnid, f"{wnid} by name", "gloss", 0) for wnid, number in ids.items()]
    rows.append((4, "n00000000", "thing", "gloss", 3))
    keys = ["ILSVRC2012_ID", "WNID", "words", "gloss", "num_children"]
    synsets = np.array(rows, dtype=[(key, "O") for key in keys])
    meta = io.BytesIO()
    scipy.io.savemat(meta, {"synsets": synsets})
    labels = "".join(f"{ids[wnid]}\n" for wnid in truth)
    inside = {"meta.mat": meta.getvalue(), "ILSVRC2012_validation_ground_truth.txt": labels.encode()}
    return tar({f"ILSVRC2012_devkit_t12/data/{name}": content for name, content in inside.items()}, "w:gz")


def below(root: Path) -> list[tuple[str, int, int]]:
    """Everything below a folder: name, size, time of the last change."""
    found = [(path, path.stat()) for path in sorted(root.rglob("*"))]
    return [(str(path.relative_to(root)), stat.st_size, stat.st_mtime_ns) for path, stat in found]


# --- CIFAR-10 in the containers that keep its pixels


def as_archive(splits: tuple[Split, Split], root: Path, classes: list[str], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The python version, whose md5 sums then are the right ones."""
    train, test = splits
    names, fifth = [f"data_batch_{number}" for number in range(1, 6)], len(train.labels) // 5
    parts = {name: slice(fifth * number, fifth * (number + 1)) for number, name in enumerate(names)}
    contents = {name: batch(train.images[part], train.labels[part]) for name, part in parts.items()}
    contents["test_batch"] = batch(test.images, test.labels)
    contents["batches.meta"] = pickle.dumps({"label_names": classes})
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as tar:
        for name, content in contents.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    root.mkdir()
    (root / "cifar-10-python.tar.gz").write_bytes(packed.getvalue())
    md5 = {name: hashlib.md5(content).hexdigest() for name, content in contents.items()}
    known = torchvision.datasets.CIFAR10
    monkeypatch.setattr(known, "tgz_md5", hashlib.md5(packed.getvalue()).hexdigest())
    monkeypatch.setattr(known, "train_list", [[name, md5[name]] for name in names])
    monkeypatch.setattr(known, "test_list", [["test_batch", md5["test_batch"]]])
    monkeypatch.setattr(known, "meta", known.meta | {"md5": md5["batches.meta"]})
    return root


def batch(images: np.ndarray, labels: np.ndarray) -> bytes:
    return pickle.dumps({"data": images.reshape(len(labels), -1), "labels": labels.tolist()})


def as_binary(splits: tuple[Split, Split], root: Path, classes: list[str]) -> Path:
    train, test = splits
    folder = root / "cifar-10-batches-bin"
    folder.mkdir(parents=True)
    fifth = len(train.labels) // 5
    for number in range(5):
        part = slice(fifth * number, fifth * (number + 1))
        (folder / f"data_batch_{number + 1}.bin").write_bytes(records(train.images[part], train.labels[part]))
    (folder / "test_batch.bin").write_bytes(records(test.images, test.labels))
    (folder / "batches.meta.txt").write_text("".join(f"{name}\n" for name in classes) + "\n")
    return root


def records(images: np.ndarray, labels: np.ndarray) -> bytes:
    flat = images.reshape(len(labels), -1)
    return np.concatenate([labels[:, None].astype(np.uint8), flat], axis=1).tobytes()


def as_parquet(splits: tuple[Split, Split], root: Path, kind: str = "PNG") -> Path:
    for name, split in zip(("train", "test"), splits, strict=True):
        write_parquet(root / f"{name}-00000-of-00001.parquet", rows_of(split, kind))
    return root


def as_tiny_imagenet(splits: tuple[Split, Split], root: Path, wnids: list[str]) -> Path:
    """The layout of tiny-imagenet-200, `wnids` in the order of wnids.txt; PNG, as only PNG keeps the very pixels."""
    classes, lines = sorted(wnids), []
    for number, (image, label) in enumerate(zip(splits[0].images, splits[0].labels, strict=True)):
        file = root / f"train/{classes[label]}/images/{classes[label]}_{number}.JPEG"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encoded(image))
        (root / f"train/{classes[label]}/{classes[label]}_boxes.txt").write_text("0\t0\t7\t7\n")
    for number, (image, label) in enumerate(zip(splits[1].images, splits[1].labels, strict=True)):
        file = root / f"val/images/val_{number}.JPEG"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(encoded(image))
        lines.append(f"{file.name}\t{classes[label]}\t0\t0\t7\t7\n")
    (root / "val/val_annotations.txt").write_text("".join(lines))
    (root / "wnids.txt").write_text("".join(f"{wnid}\n" for wnid in wnids))
    return root


def as_tree(splits: tuple[Split, Split], root: Path) -> Path:
    for name, split in zip(("train", "test"), splits, strict=True):
        for label in set(split.labels.tolist()):
            (root / name / f"class {label}").mkdir(parents=True)
        for number, (image, label) in enumerate(zip(split.images, split.labels, strict=True)):
            (root / name / f"class {label}" / f"{number:05}.png").write_bytes(encoded(image))
    return root
