"""Where the photographs of ImageNet (ILSVRC2012) come from. They are indexed, never copied, and nothing is written to
the user's folder.

Only the archives can be checked (md5), so only their pixels are called official. To decode all 1.3 million images would
take hours: `prepare` decodes a sample, and training names a bad image when it meets it. The images of archives and of a
tree are put in the same order, one of each class in turn, so that one seed makes the same batches of both.
"""

import hashlib
import os
import tarfile
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow
import pyarrow.parquet
from torchvision.datasets import imagenet as official

from replication.data.annotations import label_images
from replication.data.index import IMAGE_COLUMNS, Files, ListedImages, make_table
from replication.data.meta import OFFICIAL
from replication.data.sources import Dataset, Place
from replication.data.sources.decode import check_counts, check_label
from replication.data.sources.folder import check_classes, list_class_folders, list_images
from replication.data.sources.parquet import explain_unreadable, list_files
from replication.data.sources.reading import explain_errors, find_nearby
from replication.errors import UserError
from replication.files import make_read_error

BLOCK = 2**20  # bytes read at a time
LabelledEntry = tuple[int, str, str, int, int]  # the label of an image before its `index.Entry`


def read_archives(place: Place, dataset: Dataset) -> Files:
    """The three archives that image-net.org distributes, md5 checked, read in place.

    The training archive is a tar of 1000 tars, one a class; none is compressed, so that an image is a range of bytes of
    the outer one. Checksum and index are made in one pass over 145 GB, at 430 MB/s a core, or as fast as the disk is.

    Raises:
        UserError: an archive is missing, or not the official one.
    """
    root = place.root
    for file, _ in official.ARCHIVE_META.values():
        if not (root / file).is_file():
            problem = "is a folder; the archive itself is needed" if (root / file).is_dir() else "is missing"
            raise UserError(
                f"{root / file} {problem}; fetch it from image-net.org, or set data.{dataset.key}.root to the folder "
                f"that has it, or data.{dataset.key}.source to folder or parquet{find_nearby(root, file)}.",
                kind="missing",
                key=f"data.{dataset.key}.root",
                file=root / file,
            )
    # The small archives first, so that an error in them shows within a minute.
    wnids = _read_validation_wnids(root, dataset)
    val = sorted(_list_members(root, "val", dataset))
    train = [(m.split(".")[0], m, *where) for m, *where in _list_members(root, "train", dataset)]
    if len(wnids) != len(val):
        message = (
            f"{root} has {len(val):,} validation images, but the devkit has {len(wnids):,} labels; fetch both again."
        )
        raise UserError(message, kind="conflict", file=root)
    classes = sorted({wnid for wnid, *_ in train} | set(wnids))

    def entries(rows: Iterable[tuple[str, str, int, int]], part: str) -> Iterator[LabelledEntry]:
        archive = official.ARCHIVE_META[part][0]
        label = {wnid: number for number, wnid in enumerate(classes)}
        return ((label[wnid], name, archive, offset, length) for wnid, name, offset, length in rows)

    validation = ((wnid, *image) for wnid, image in zip(wnids, val, strict=True))
    md5 = [md5 for _, md5 in official.ARCHIVE_META.values()]
    train, test = _interleave_classes(entries(train, "train")), _interleave_classes(entries(validation, "val"))
    return _make_files(train, test, classes, OFFICIAL, md5, dataset, root)


def read_folder(place: Place, dataset: Dataset) -> Files:
    """The extracted tree `train/<wnid>/*.JPEG` and `val/<wnid>/*.JPEG`; labels follow the sorted names of the class
    folders.

    Raises:
        UserError: a folder is missing, empty or no class, or the validation images lie flat.
    """
    root = place.root
    for split in ("train", "val"):
        if not (root / split).is_dir():
            raise UserError(
                f"{root / split} is missing; set data.{dataset.key}.root to the folder that holds train/<wnid>/ and "
                f"val/<wnid>/{find_nearby(root, split)}.",
                kind="missing",
                key=f"data.{dataset.key}.root",
                file=root / split,
            )
    names = {split: list_class_folders(root / split) for split in ("train", "val")}
    if not names["val"] and list_images(root / "val"):
        raise UserError(
            f"{root / 'val'} holds images without class folders; sort them into val/<wnid>/ as torchvision does, or "
            f"set data.{dataset.key}.source to archives.",
            kind="invalid",
            key=f"data.{dataset.key}.source",
            file=root / "val",
        )
    remedy = "add what is missing, move away what is not a class"
    classes = check_classes(names, dataset, root, remedy)

    def entries(split: str) -> Iterator[LabelledEntry]:
        for label, wnid in enumerate(classes):
            images = list_images(root / split / wnid)
            if not images:
                message = f"{root / split / wnid} holds no images; extract the archive of this class again."
                raise UserError(message, kind="missing", file=root / split / wnid)
            for file in images:
                yield label, f"{split}/{wnid}/{file.name}", "", 0, file.stat().st_size

    train, test = _interleave_classes(entries("train")), _interleave_classes(entries("val"))
    return _make_files(train, test, classes, "extracted tree, not verified", [], dataset, root)


def read_parquet(place: Place, dataset: Dataset) -> Files:
    """Hugging Face layout: `train*.parquet` and `val*.parquet` with columns `image` ({bytes, path}) and `label`, in the
    order of their rows. Classes are named by number. Slow in training: see `index.py`.

    Raises:
        UserError: a file is missing, truncated, has other columns, or holds a bad label; names the row.
    """
    files = {split: list_files(place, split, dataset) for split in ("train", "val")}

    def entries(split: str) -> Iterator[LabelledEntry]:
        for file in files[split]:
            labels, names = _read_columns(file)
            for row, (label, name) in enumerate(zip(labels, names, strict=True)):
                yield check_label(label, dataset, f"{file}, row {row}", file), name or "", file.name, row, 0

    classes = [str(number) for number in range(dataset.classes)]
    sizes = [f"{file.name} {file.stat().st_size}" for file in (*files["train"], *files["val"])]
    train, test = entries("train"), entries("val")
    return _make_files(train, test, classes, "parquet copy, not verified", sizes, dataset, place.root)


def _make_files(
    train: Iterable[LabelledEntry],
    test: Iterable[LabelledEntry],
    classes: list[str],
    pixels: str,
    vouchers: list[str],
    dataset: Dataset,
    root: Path,
) -> Files:
    listed = []
    for split in (train, test):
        rows = list(split)
        labels = np.array([label for label, *_ in rows], np.int64)
        listed.append(ListedImages(make_table(row[1:] for row in rows), label_images(labels)))
    check_counts(*(split.annotations.labels.numpy() for split in listed), dataset, str(root))
    return Files(*listed, classes, pixels, vouchers)


def _interleave_classes(entries: Iterable[LabelledEntry]) -> list[LabelledEntry]:
    """The first image of each class by name, then the second of each, and so on."""
    classes: dict[int, list[LabelledEntry]] = defaultdict(list)
    for entry in sorted(entries):
        classes[entry[0]].append(entry)
    return [entry for turn in zip_longest(*classes.values()) for entry in turn if entry]


def _read_columns(file: Path) -> tuple[list[int | None], list[str | None]]:
    """Labels and names of the images of a parquet file; the images themselves are not read."""
    try:
        parquet = pyarrow.parquet.ParquetFile(file)
        schema = parquet.schema_arrow
        column = next((name for name in IMAGE_COLUMNS if name in schema.names), None)
        kind = schema.field(column).type if column else pyarrow.null()
        if not pyarrow.types.is_struct(kind) or kind.get_field_index("bytes") < 0 or "label" not in schema.names:
            message = f"{file} has the columns {schema.names}; it needs image ({{bytes, path}}) and label."
            raise UserError(message, kind="damaged", file=file)
        labels = parquet.read(["label"])["label"].to_pylist()
        if kind.get_field_index("path") < 0:
            return labels, [None] * len(labels)
        images = parquet.read([f"{column}.path"])[column].to_pylist()
        if None in images:
            message = f"{file}, row {images.index(None)}: {column} is empty; fetch the file again."
            raise UserError(message, kind="damaged", file=file)
        return labels, [image["path"] for image in images]
    except (pyarrow.ArrowException, OSError) as error:
        raise explain_unreadable(file, error) from error


def _read_validation_wnids(root: Path, dataset: Dataset) -> list[str]:
    """The wnid of each validation image, in the order of their names, from the devkit."""
    devkit = official.ARCHIVE_META["devkit"][0]
    # torchvision writes what it parsed beside the archive: a link gives it a folder of its own.
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / devkit).symlink_to((root / devkit).resolve())
        try:
            official.parse_devkit_archive(scratch)
            return official.load_meta_file(scratch)[1]
        except OSError as error:
            raise make_read_error(root / devkit, error, f"{root / devkit} cannot be read ({error}).") from error
        except RuntimeError as error:
            raise _make_not_official_error(root / devkit, dataset) from error


def _list_members(root: Path, part: str, dataset: Dataset) -> Iterator[tuple[str, int, int]]:
    """Name, first byte and length of each image in an archive and in the archives inside it.

    Raises:
        UserError: after the last one, if the md5 of the archive is not the official one.
    """
    name, md5 = official.ARCHIVE_META[part]
    with explain_errors(root / name), (root / name).open("rb") as file:
        reader = _ProgressReader(file, name)
        try:
            with tarfile.open(fileobj=reader, mode="r|", bufsize=BLOCK) as outer:
                for member in outer:
                    if not member.name.endswith(".tar"):
                        yield member.name, member.offset_data, member.size
                        continue
                    with tarfile.open(fileobj=outer.extractfile(member), mode="r|", bufsize=BLOCK) as inner:
                        for image in inner:
                            offset = member.offset_data + image.offset_data
                            yield f"{member.name}/{image.name}", offset, image.size
            while reader.read(BLOCK):
                pass
        except tarfile.TarError as error:
            raise _make_not_official_error(root / name, dataset) from error
    if reader.md5.hexdigest() != md5:
        raise _make_not_official_error(root / name, dataset)


def _make_not_official_error(archive: Path, dataset: Dataset) -> UserError:
    return UserError(
        f"{archive} is not the official archive (its md5 differs); fetch it again from image-net.org, or set "
        f"data.{dataset.key}.source to folder.",
        kind="damaged",
        key=f"data.{dataset.key}.source",
        file=archive,
    )


class _ProgressReader:
    """A file that is read from end to end, with the md5 of its content; prints each tenth of the way."""

    def __init__(self, file: BinaryIO, name: str):
        self.file, self.name, self.md5 = file, name, hashlib.md5()
        self.size, self.done = os.fstat(file.fileno()).st_size, 0

    def read(self, count: int) -> bytes:
        content = self.file.read(count)
        self.md5.update(content)
        tenth = self.done * 10 // max(self.size, 1)
        self.done += len(content)
        if content and self.done * 10 // self.size > tenth:
            print(f"{self.name}: {self.done / self.size:.0%} of {self.size / 1e9:.1f} GB read", flush=True)
        return content
