"""The folder that keeps what was measured layer by layer: `responses.csv`. Read without torch."""

import csv
from collections.abc import Sequence
from pathlib import Path

from replication.files import check_whole, replacing

RESPONSES = "responses.csv"
COLUMNS = ["layer", "value"]


def write_responses(folder: Path, deviations: Sequence[float]) -> None:
    """Write the standard deviations of the responses of a net's layers, from the first on, whole or not at all.

    Raises:
        UserError: it cannot be written.
    """
    with replacing(folder) as unfinished, (unfinished / RESPONSES).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows((layer, round(value, 4)) for layer, value in enumerate(deviations, start=1))


def read_responses(folder: Path) -> list[float]:
    """What `write_responses` wrote.

    Raises:
        UserError: it is missing or damaged.
    """
    with check_whole(folder, RESPONSES, "run `dvc repro`").open(newline="", encoding="utf-8") as file:
        return [float(row["value"]) for row in csv.DictReader(file)]
