"""Parquet in the Hugging Face layout: `train*.parquet` and `test*.parquet`, or `valid*.parquet`."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pyarrow.parquet

from replication.data.index import IMAGE_COLUMNS
from replication.data.sources import Dataset, Place
from replication.data.sources.decode import EncodedImage, Source, decode_all
from replication.data.sources.reading import explain_errors, find_nearby
from replication.errors import UserError
from replication.files import make_read_error


def read_parquet(place: Place, dataset: Dataset) -> Source:
    """Columns `img` or `image` ({bytes, path}) and `label`, in the order of the rows.

    Raises:
        UserError: a file is missing, truncated, has other columns, or holds a bad image or label; names the row.
    """
    return decode_all(
        _rows(place, "train", dataset),
        _rows(place, dataset.test, dataset),
        list(dataset.class_names) or [str(number) for number in range(dataset.classes)],
        dataset,
        str(place.root),
    )


def list_files(place: Place, split: str, dataset: Dataset) -> list[Path]:
    """The files of a split, in the order of their names.

    Raises:
        UserError: the folder has none, or cannot be read.
    """
    key = f"data.{dataset.key}.root"
    with explain_errors(place.root, f"check {key}", key):
        files = sorted(file for file in place.root.iterdir() if file.match(f"{split}*.parquet") and file.is_file())
    if not files:
        message = f"{place.root} has no {split}*.parquet; check {key}{find_nearby(place.root, f'{split}*.parquet')}."
        raise UserError(message, kind="missing", key=key, file=place.root)
    return files


def explain_unreadable(file: Path, error: Exception) -> UserError:
    """The error for a file that pyarrow cannot read."""
    return make_read_error(file, error, f"{file} cannot be read as parquet ({error}); fetch it again.")


def _rows(place: Place, split: str, dataset: Dataset) -> Iterator[EncodedImage]:
    for file in list_files(place, split, dataset):
        try:
            table = pyarrow.parquet.read_table(file)
        except (pyarrow.ArrowException, OSError) as error:
            raise explain_unreadable(file, error) from error
        column = next((name for name in IMAGE_COLUMNS if name in table.column_names), None)
        if column is None or "label" not in table.column_names:
            message = f"{file} has the columns {table.column_names}; it needs img (or image) and label."
            raise UserError(message, kind="damaged", file=file)
        pairs = zip(table[column].to_pylist(), table["label"].to_pylist(), strict=True)
        for row, (image, label) in enumerate(pairs):
            encoded = image.get("bytes") if isinstance(image, dict) else image
            if not isinstance(encoded, bytes):
                value = f"{column} holds {image!r:.60}"
                message = f"{file}, row {row}: {value}, not the bytes of an image; is it a copy without images?"
                raise UserError(message, kind="damaged", file=file)
            yield file, f"{file}, row {row}", encoded, label
