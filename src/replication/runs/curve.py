"""The curve of a run, `curve.csv`: one row per number, in the order in which it was measured. Needs no torch."""

import csv
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

TRAIN, TEST, HELDOUT = "train", "test", "heldout"  # splits
LOSS, RATE, ERROR = "loss", "learning_rate", "error"  # of the split `train`: means since the point before, or the rate


class Point(NamedTuple):
    """A number measured after `iteration`, on a split; an error in percent, a loss, or the learning rate."""

    iteration: int
    split: str
    metric: str
    value: float


def select(curve: Iterable[Point], split: str, metric: str | None = None) -> dict[int, float]:
    """The values of a metric on a split by their iterations; without a metric those of its first."""
    points = [point for point in curve if point.split == split]
    metric = metric or (points[0].metric if points else None)
    return {point.iteration: point.value for point in points if point.metric == metric}


def last_value(curve: Sequence[Point], split: str, metric: str | None = None) -> float:
    """The last value of a metric on a split."""
    return list(select(curve, split, metric).values())[-1]


def write_curve(path: Path, curve: Iterable[Point]) -> None:
    """Write `curve.csv`."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Point._fields)
        writer.writerows(curve)


def read_curve_file(path: Path, test_metric: Callable[[], str]) -> list[Point]:
    """The points of a `curve.csv`.

    Args:
        test_metric: gives the name of the task's test metric, for an older file, which does not have it.

    Raises:
        ValueError: it is not one.
    """
    with path.open(newline="", encoding="utf-8") as file:
        rows = csv.DictReader(file)
        if "train_error" in (rows.fieldnames or ()):
            return _points_of_wide(rows, test_metric())
        if lacking := set(Point._fields) - set(rows.fieldnames or ()):
            raise ValueError(f"it has no column {min(lacking)}")
        return [Point(int(row["iteration"]), row["split"], row["metric"], float(row["value"])) for row in rows]


def _points_of_wide(rows: Iterable[dict[str, str]], test_metric: str) -> list[Point]:
    """The points of a curve with one column per metric, as older runs have it. Remove it with the last of them."""
    columns = {"learning_rate": (TRAIN, RATE), "train_loss": (TRAIN, LOSS), "train_error": (TRAIN, ERROR)}
    columns["heldout_error"] = (HELDOUT, test_metric)
    points = []
    for row in rows:
        for name, value in row.items():
            if name != "iteration" and value:  # the others are test errors by their protocols, "centre_crop_error"
                at = int(float(row["iteration"]))
                points.append(Point(at, *columns.get(name, (TEST, test_metric)), float(value)))
    return points
