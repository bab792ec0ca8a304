"""The index: where the photographs of a data set lie, so that 150 GB are never copied, but decoded when needed.

An image is a file of its own, a range of bytes in an archive, or a row of a parquet file. The index names them relative
to the user's folder, which is given when the index is opened: another machine may keep the images elsewhere.
"""

import hashlib
import os
import threading
from bisect import bisect_right
from collections.abc import Iterable
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

from replication.data.boxes import Boxes, read_boxes, write_boxes
from replication.data.decoding import BadImage, decode, one_line
from replication.data.meta import REMAKE, Meta, read_meta, write_meta
from replication.data.store import Images, Statistics, read_store, with_boxes
from replication.errors import UserError
from replication.files import check_whole, kind_of, replacing

ENTRIES, STATISTICS = "index.parquet", "statistics.safetensors"

# label, name, container, offset, length; see `Files`.
Entry = tuple[int, str, str, int, int]
SCHEMA = pyarrow.schema(
    {
        "label": pyarrow.int64(),
        "name": pyarrow.string(),
        "container": pyarrow.dictionary(pyarrow.int32(), pyarrow.string()),
        "offset": pyarrow.int64(),
        "length": pyarrow.int64(),
    }
)
IMAGE_COLUMNS = ("image", "img")


@dataclass(frozen=True)
class Files:
    """The images of a data set as they were found: one row of `SCHEMA` each.

    `name` is what the user knows the image by. If `container` is empty, `name` is its file, of `length` bytes. If it is
    an archive, the image is its bytes from `offset` on; if a parquet file, row number `offset`, of unknown length (0).
    `vouchers` is what else tells this copy from others: checksums, or sizes of files.
    """

    train: pyarrow.Table
    test: pyarrow.Table
    classes: list[str]
    pixels: str
    vouchers: list[str]

    @property
    def fingerprint(self) -> str:
        """sha256 over labels, names and lengths of both splits, in order, and over the vouchers.

        Pixels are not hashed, as that would read 150 GB: images exchanged under the same names and lengths go unseen.
        """
        digest = hashlib.sha256("\0".join(self.vouchers).encode())
        for split in (self.train, self.test):
            digest.update(f"{split.num_rows}".encode())
            digest.update(split["label"].to_numpy().tobytes() + split["length"].to_numpy().tobytes())
            digest.update("\0".join(split["name"].to_pylist()).encode())
        return digest.hexdigest()


@dataclass(frozen=True)
class Index:
    """A data set whose images stay where they are. 1.3 million entries take about 100 MB of flat arrays; any number of
    threads may load.
    """

    meta: Meta
    root: Path
    entries: pyarrow.Table  # of both splits, training images first
    train_labels: torch.Tensor
    test_labels: torch.Tensor
    mean: torch.Tensor
    colour_covariance: torch.Tensor
    in_memory: bool = False
    train_boxes: Boxes | None = None
    test_boxes: Boxes | None = None

    def load(self, split: str, index: int) -> Image.Image:
        """Image number `index` of "train" or "test", RGB, upright.

        Raises:
            BadImage: it cannot be read or decoded.
        """
        return load_entry(self.root, self.entries, index if split == "train" else self.meta.train_images + index)


def table_of(entries: Iterable[Entry]) -> pyarrow.Table:
    """Entries as a table of `SCHEMA`."""
    columns = list(zip(*entries, strict=True)) or [()] * len(SCHEMA)
    return pyarrow.table([pyarrow.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)], SCHEMA)


def write_index(
    folder: Path,
    files: Files,
    statistics: Statistics,
    *,
    name: str,
    source: str,
    boxes: tuple[Boxes, Boxes] | None = None,
) -> Meta:
    """Write an index, whole or not at all: it is made beside `folder` and renamed."""
    meta = Meta(
        name=name,
        source=source,
        pixels=files.pixels,
        classes=files.classes,
        train_images=files.train.num_rows,
        test_images=files.test.num_rows,
        input_size=None,
        fingerprint=with_boxes(files.fingerprint, boxes),
    )
    with replacing(folder) as unfinished:
        entries = pyarrow.concat_tables([files.train, files.test])
        pyarrow.parquet.write_table(entries, unfinished / ENTRIES, compression="zstd")
        save_file(vars(statistics), unfinished / STATISTICS)
        if boxes:
            write_boxes(unfinished, *boxes)
        write_meta(unfinished, meta)
    return meta


def read_index(folder: Path, root: Path) -> Index:
    """Read an index that `write_index` made, of images below `root`. Takes a second or two for ImageNet.

    Raises:
        UserError: the index is missing or damaged, or `root` is not where the images are.
    """
    meta = read_meta(folder)
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
    labels = torch.from_numpy(entries["label"].to_numpy().copy())
    train, test = labels.split([meta.train_images, meta.test_images])
    of_train, of_test = read_boxes(folder, REMAKE)
    return Index(
        meta, root, entries, train, test, statistics.mean, statistics.colour_covariance,
        train_boxes=of_train, test_boxes=of_test,
    )  # fmt: skip


def read_images(folder: Path, root: Path) -> Images:
    """What `write_store` or `write_index` made in `folder`; `root` is where the images of an index lie.

    Raises:
        UserError: it is missing or damaged.
    """
    return read_index(folder, root) if (folder / ENTRIES).exists() else read_store(folder)


def load_entry(root: Path, entries: pyarrow.Table, number: int) -> Image.Image:
    """The image of one entry, RGB, upright.

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
            archive = _opened(path)
            encoded = os.pread(archive.fileno(), length, offset)
        else:
            encoded = path.read_bytes()
    except (OSError, pyarrow.ArrowException, IndexError) as error:
        raise BadImage(
            f"{where} cannot be read ({one_line(error)}); was data.imagenet.root changed since `dvc repro prepare`?",
            kind=kind_of(error),
            key="data.imagenet.root",
            file=path,
        ) from error
    return decode(encoded, where, path)


@lru_cache(maxsize=4)
def _opened(path: Path) -> BinaryIO:
    return path.open("rb", buffering=0)


def _read_row(path: Path, row: int) -> bytes:
    """The bytes of a row's image. Parquet gives whole row groups only, so in random order, as in training, each image
    costs a group: 210 images/s a core with groups of 100 images and 54 with groups of 1000, against 700 in order, all
    without cropping and from the operating system's cache; a disk has 10 or 100 MB to read for each image.
    """
    _, ends = _parquet.opened(path)
    group = bisect_right(ends, row)
    return _parquet.row_group(path, group)[row - (ends[group - 1] if group else 0)].as_py()["bytes"]


class _Parquet(threading.local):
    """The parquet files that a thread has open, as pyarrow's readers are not to be shared, and the last row groups."""

    def __init__(self) -> None:
        self.opened = lru_cache(maxsize=512)(_with_ends)
        self.row_group = lru_cache(maxsize=2)(self._row_group)

    def _row_group(self, path: Path, group: int) -> pyarrow.ChunkedArray:
        file, _ = self.opened(path)
        column = next(name for name in IMAGE_COLUMNS if name in file.schema_arrow.names)
        return file.read_row_group(group, columns=[f"{column}.bytes"], use_threads=False)[column]


def _with_ends(path: Path) -> tuple[pyarrow.parquet.ParquetFile, list[int]]:
    """A parquet file, and the number of rows up to the end of each row group."""
    file = pyarrow.parquet.ParquetFile(path)
    counts = (file.metadata.row_group(group).num_rows for group in range(file.num_row_groups))
    return file, list(accumulate(counts))


_parquet = _Parquet()
