"""The index: where the images of a data set lie, so that 150 GB are never copied, but decoded when needed.

An image is a file of its own, a range of bytes in an archive, or a row of a parquet file. The index names them relative
to the user's folder, which is given when the index is opened: another machine may keep the images elsewhere.
"""

import hashlib
import os
import resource
import threading
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

import pyarrow
import pyarrow.parquet
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from replication.data.annotations import Annotations, extend_fingerprint, read_annotations, write_annotations
from replication.data.decoding import BadImage, decode, join_lines
from replication.data.meta import REMAKE, Meta, read_meta, write_meta
from replication.data.store import Images, Statistics, read_store
from replication.errors import UserError
from replication.files import check_whole, make_read_error, replace_folder

ENTRIES, STATISTICS = "index.parquet", "statistics.safetensors"

# name, container, offset, length; see `ListedImages`.
Entry = tuple[str, str, int, int]
SCHEMA = pyarrow.schema(
    {
        "name": pyarrow.string(),
        "container": pyarrow.dictionary(pyarrow.int32(), pyarrow.string()),
        "offset": pyarrow.int64(),
        "length": pyarrow.int64(),
    }
)
IMAGE_COLUMNS = ("image", "img")


@dataclass(frozen=True)
class ListedImages:
    """The images of a split where they lie: one row of `SCHEMA` each, and their objects.

    `name` is what the user knows the image by. If `container` is empty, `name` is its file, of `length` bytes. If it is
    an archive, the image is its bytes from `offset` on; if a parquet file, row number `offset`, of unknown length (0).
    """

    entries: pyarrow.Table
    annotations: Annotations

    def __len__(self) -> int:
        return self.entries.num_rows


@dataclass(frozen=True)
class Files:
    """A data set as a source lists it. `vouchers` tell this copy from others: checksums, or sizes of files."""

    train: ListedImages
    test: ListedImages
    classes: list[str]
    pixels: str
    vouchers: list[str]

    @property
    def fingerprint(self) -> str:
        """sha256 over labels, names and lengths of both splits, in order, over the vouchers, and over other objects.

        Pixels are not hashed, as that would read 150 GB: images exchanged under the same names and lengths go unseen.
        """
        digest = hashlib.sha256("\0".join(self.vouchers).encode())
        for split in (self.train, self.test):
            digest.update(f"{len(split)}".encode())
            if split.annotations.has_labels:
                digest.update(split.annotations.labels.numpy().tobytes())
            digest.update(split.entries["length"].to_numpy().tobytes())
            digest.update("\0".join(split.entries["name"].to_pylist()).encode())
        return extend_fingerprint(digest.hexdigest(), [self.train.annotations, self.test.annotations])


@dataclass(frozen=True)
class Index(Images):
    """A data set whose images stay where they are, of any size. 1.3 million entries take about 120 MB of flat arrays;
    any number of threads may load.
    """

    meta: Meta
    root: Path
    entries: pyarrow.Table  # of both splits, training images first
    train_annotations: Annotations
    test_annotations: Annotations
    mean: torch.Tensor
    colour_covariance: torch.Tensor
    in_memory: bool = False

    def load(self, split: str, index: int) -> Image.Image:
        """Image number `index` of "train" or "test", RGB, upright.

        Raises:
            BadImage: it cannot be read or decoded.
        """
        number = index if split == "train" else self.meta.train_images + index
        return load_entry(self.root, self.entries, number, self.meta.name)


def make_table(entries: Iterable[Entry]) -> pyarrow.Table:
    """Entries as a table of `SCHEMA`."""
    columns = list(zip(*entries, strict=True)) or [()] * len(SCHEMA)
    return pyarrow.table([pyarrow.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)], SCHEMA)


def write_index(folder: Path, files: Files, statistics: Statistics, *, name: str, source: str) -> Meta:
    """Write an index, whole or not at all: it is made beside `folder` and renamed."""
    meta = Meta(
        name=name,
        source=source,
        pixels=files.pixels,
        classes=files.classes,
        train_images=len(files.train),
        test_images=len(files.test),
        input_size=None,
        fingerprint=files.fingerprint,
    )
    with replace_folder(folder) as unfinished:
        entries = pyarrow.concat_tables([files.train.entries, files.test.entries])
        pyarrow.parquet.write_table(entries, unfinished / ENTRIES, compression="zstd")
        save_file(vars(statistics), unfinished / STATISTICS)
        write_annotations(unfinished, files.train.annotations, files.test.annotations)
        write_meta(unfinished, meta)
    return meta


def read_index(folder: Path, root: Path) -> Index:
    """Read an index that `write_index` made, of images below `root`. Takes a second or two for ImageNet.

    Raises:
        UserError: the index is missing or damaged, or `root` is not where the images are.
    """
    meta = read_meta(folder)
    train, test = read_annotations(folder)
    entries = pyarrow.parquet.read_table(check_whole(folder, ENTRIES, REMAKE), schema=SCHEMA)
    statistics = Statistics(**load_file(check_whole(folder, STATISTICS, REMAKE)))
    entries = entries.unify_dictionaries().combine_chunks()
    containers = [c for c in entries["container"].unique().to_pylist() if c]
    for file in containers or [entries["name"][0].as_py()]:
        if not (root / file).is_file():
            raise UserError(
                f"{root / file} is missing; set data.{meta.name}.root in params.yaml to the folder that has it.",
                kind="missing",
                key=f"data.{meta.name}.root",
                file=root / file,
            )
    return Index(meta, root, entries, train, test, statistics.mean, statistics.colour_covariance)


def read_images(folder: Path, root: Path) -> Images:
    """Read what `write_store` or `write_index` made in `folder`; `root` is where the images of an index lie.

    Raises:
        UserError: it is missing or damaged.
    """
    return read_index(folder, root) if (folder / ENTRIES).exists() else read_store(folder)


def load_entry(root: Path, entries: pyarrow.Table, number: int, dataset: str) -> Image.Image:
    """The image of one entry, RGB, upright.

    Args:
        dataset: the key of the data set in params.yaml, for messages.

    Raises:
        BadImage: it cannot be read or decoded.
    """
    name, container, offset, length = (
        entries[key][number].as_py() for key in ("name", "container", "offset", "length")
    )
    path, in_parquet = root / (container or name), container.endswith(".parquet")
    where = f"{path}, row {offset}" if in_parquet else f"{path}, member {name}" if container else str(path)
    try:
        if in_parquet:
            encoded = _read_row(path, offset)
        elif container:
            archive = _open(path)
            encoded = os.pread(archive.fileno(), length, offset)
        else:
            encoded = path.read_bytes()
    except (OSError, pyarrow.ArrowException, IndexError) as error:
        key = f"data.{dataset}.root"
        message = f"{where} cannot be read ({join_lines(error)}); was {key} changed since `dvc repro prepare`?"
        raise make_read_error(path, error, message, key, BadImage) from error
    return decode(encoded, where, path)


@lru_cache(maxsize=4)
def _open(path: Path) -> BinaryIO:
    return path.open("rb", buffering=0)


def _read_row(path: Path, row: int) -> bytes:
    """The bytes of a row's image. Parquet gives whole row groups only, so in random order, as in training, each image
    costs a group: 210 images/s a core with groups of 100 images and 54 with groups of 1000, against 700 in order, all
    without cropping and from the operating system's cache; a disk has 10 or 100 MB to read for each image.
    """
    _, ends = _describe_parquet(path)
    group = bisect_right(ends, row)
    return _threads.row_group(path, group)[row - (ends[group - 1] if group else 0)].as_py()["bytes"]


class OpenFiles:
    """Open parquet files, few enough for the system's limit whatever the number of threads.

    A thread has a file for itself while it reads, as pyarrow's readers are not to be shared. Those that nobody uses
    stay open for the next thread; the one that was used longest ago is closed first.
    """

    def __init__(self, most: int):
        self.most, self.lock = most, threading.Lock()
        self.idle: list[tuple[Path, pyarrow.parquet.ParquetFile]] = []

    @contextmanager
    def use(self, path: Path) -> Iterator[pyarrow.parquet.ParquetFile]:
        """An open file that no other thread has."""
        with self.lock:
            place = next((i for i, (other, _) in enumerate(self.idle) if other == path), None)
            file = None if place is None else self.idle.pop(place)[1]
        if file is None:
            file = pyarrow.parquet.ParquetFile(path, metadata=_describe_parquet(path)[0])
        try:
            yield file
        except BaseException:
            file.close()  # a stale one would stay so
            raise
        with self.lock:
            self.idle.append((path, file))
            surplus = [self.idle.pop(0)[1] for _ in range(len(self.idle) - self.most)]
        for file in surplus:
            file.close()


def _read_row_group(path: Path, group: int) -> pyarrow.ChunkedArray:
    with _open_files.use(path) as file:
        column = next(name for name in IMAGE_COLUMNS if name in file.schema_arrow.names)
        return file.read_row_group(group, columns=[f"{column}.bytes"], use_threads=False)[column]


@lru_cache(maxsize=1024)
def _describe_parquet(path: Path) -> tuple[pyarrow.parquet.FileMetaData, list[int]]:
    """The metadata of a parquet file, and the number of rows up to the end of each row group."""
    metadata = pyarrow.parquet.read_metadata(path)
    return metadata, list(accumulate(metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)))


class _Threads(threading.local):
    """The row groups that a thread read last."""

    def __init__(self) -> None:
        self.row_group = lru_cache(maxsize=2)(_read_row_group)


_threads = _Threads()
# A quarter of what the process may open: readers in use, libraries and other data need some too.
_open_files = OpenFiles(min(512, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4))
