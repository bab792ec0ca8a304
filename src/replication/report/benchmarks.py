"""How fast this project is, machine by machine: the tables that `make bench` writes, and their figures.

A table, benchmarks/results/<machine>.csv, has one measurement a row: the median of `n` and their quartiles. Ratios are
of measurements by turns, A B A B …, so that what else the machine did is in both.
"""

import csv
import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import matplotlib.pyplot as plt
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from replication.errors import UserError
from replication.files import make_read_error, require_regular
from replication.paper import protocol
from replication.report.drawing import INK, STYLE, write_svg
from replication.report.setups import slug
from replication.report.templating import render_notes
from replication.report.values import Cell, Row, Table

RATIO, PERCENT, RATE, MEMORY = "ratio", "percent", "images/s", "GiB"
BY_DEPTH = "by depth"  # the benchmark whose cases are nets, resnet-20 and so on
FOLDER = "benchmarks/results"  # from the root of the repository
GREEN, BLUE = "#2f9e77", "#2f7fc1"

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class Measurement(BaseModel):
    """A row: the median of `n` measurements, and their quartiles."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    benchmark: str
    case: str
    unit: str
    value: Positive
    low: Positive
    high: Positive
    n: Count
    threads: Count
    date: datetime.date
    commit: str
    torch: str
    processor: str
    cores: Count


def write_benchmarks(path: Path, rows: Sequence[Measurement]) -> None:
    """Write a table, and its figure beside it, as .svg."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(Measurement.model_fields), lineterminator="\n")
        writer.writeheader()
        writer.writerows(row.model_dump() for row in rows)
    drawing = draw_benchmarks(rows, path.stem)
    picture = str(drawing).replace("<svg ", '<svg color="#77777d" ', 1)  # legible on light and on dark
    path.with_suffix(".svg").write_text(picture, encoding="utf-8")


def read_benchmarks(path: Path) -> list[Measurement]:
    """The rows of a table.

    Raises:
        UserError: it is not one that `write_benchmarks` wrote.
    """
    restore = f"make it again with `make bench`, or restore it with `git checkout {path}`"
    try:
        with require_regular(path).open(newline="", encoding="utf-8") as file:
            rows = [Measurement.model_validate(row) for row in csv.DictReader(file, restkey="more")]
    except ValidationError as error:
        key, wrong = error.errors()[0]["loc"][0], error.errors()[0]["msg"]
        raise UserError(f"{path}: {key}: {wrong}; {restore}.", kind="damaged", key=str(key), file=path) from error
    except (OSError, ValueError, csv.Error) as error:
        raise make_read_error(path, error, f"{path} cannot be read ({error}); {restore}.") from error
    if not rows:
        raise UserError(f"{path} has no rows; {restore}.", kind="damaged", file=path)
    return rows


def benchmark_tables(folder: Path) -> list[Table]:
    """A table for each machine of its measurements; none where nothing was measured."""
    tables = []
    for path in sorted(folder.glob("*.csv")):
        rows = read_benchmarks(path)
        first = rows[0]
        about = f"{first.cores} cores, torch {first.torch}, {first.date}, commit {first.commit}"
        caption = f"Speed on {first.processor}: {about}"
        table_id = slug("speed", path.stem) if tables else "speed"
        tables.append(_benchmark_table(table_id, caption, [f"{FOLDER}/{path.name}"], rows))
    return tables


def _benchmark_table(table_id: str, caption: str, data: Sequence[str], measurements: Sequence[Measurement]) -> Table:
    rows, last = [], ""
    for row in measurements:
        low, high = _format_value(row.low, row.unit).rpartition(" ")[0], _format_value(row.high, row.unit)
        rows.append(Row([
            "" if row.benchmark == last else row.benchmark, row.case, Cell(_format_value(row.value, row.unit), "here"),
            f"{low} to {high}" if row.n > 1 else "", str(row.n), str(row.threads),
        ]))  # fmt: skip
        last = row.benchmark
    return Table(
        id=table_id, caption=caption, script=__name__, data=data, rows=rows,
        columns=["benchmark", "case", "median", "quartiles", "n", "threads"],
        notes=render_notes("speed"),
    )  # fmt: skip


def describe_1202_layers(folder: Path) -> list[str]:
    """What an iteration of ResNet-1202 at the paper's batch took, machine by machine; for a note of Table 6."""
    costs, batch = [], protocol("cifar10", "C3")["batch"]
    for path in sorted(folder.glob("*.csv")):
        rows = [row for row in read_benchmarks(path) if (row.benchmark, row.case) == (BY_DEPTH, "resnet-1202")]
        by_unit = {row.unit: row for row in rows}
        if by_unit.keys() >= {RATE, MEMORY}:
            rate, most = by_unit[RATE], by_unit[MEMORY].value
            cost = f"{batch / rate.value:.0f} seconds an iteration of {batch} images and {most:.1f} GiB at most"
            costs.append(f"{cost} ({rate.processor}, {rate.threads} threads)")
    return costs


def draw_benchmarks(rows: Sequence[Measurement], name: str) -> Markup:
    """Ratios and shares of the peak, with their quartiles; below them images/s and memory by depth. SVG text."""
    ratios = [row for row in rows if row.unit in (RATIO, PERCENT)]
    with plt.style.context(["default", STYLE]):  # whatever the user's matplotlibrc says
        height = 0.6 + 0.2 * len(ratios)
        figure, panels = plt.subplot_mosaic(
            [["ratios", "ratios"], [RATE, MEMORY]],
            figsize=(7.6, height + 2.6), height_ratios=(height, 2.4), layout="constrained",
        )  # fmt: skip
        _draw_ratios(panels["ratios"], ratios)
        for unit, title in ((RATE, "training images/s, by layers"), (MEMORY, "most memory (GiB), by layers")):
            _draw_depths(panels[unit], title, [row for row in rows if (row.benchmark, row.unit) == (BY_DEPTH, unit)])
        return write_svg(figure, f"Ratios of speed, and speed and memory by depth, on {rows[0].processor}", name)


def _draw_ratios(axes: Axes, rows: Sequence[Measurement]) -> None:
    for place, row in enumerate(reversed(rows)):
        scale = 100 if row.unit == PERCENT else 1
        low, value, high = (number / scale for number in (row.low, row.value, row.high))
        colour = GREEN if row.unit == PERCENT else BLUE
        axes.plot([low, high], [place, place], color=colour, lw=1.4)
        axes.plot(value, place, color=colour, marker="o", ms=4)
        axes.annotate(
            _format_value(row.value, row.unit), (high, place), xytext=(6, 0), textcoords="offset points", va="center",
            fontsize=8,
        )  # fmt: skip
    axes.axvline(1, color=INK, alpha=0.35, lw=0.8)
    axes.set_yticks(range(len(rows)), [f"{row.benchmark}: {row.case}" for row in reversed(rows)], fontsize=8)
    most = max((row.high for row in rows if row.unit == RATIO), default=1)
    axes.set(ylim=(-0.7, len(rows) - 0.3), xlim=(0, 1.15 * most))
    axes.set_title("times as fast, and share of the peak of matrix products", loc="left", fontsize=9.5)


def _draw_depths(axes: Axes, title: str, rows: Sequence[Measurement]) -> None:
    """Log against log: images/s on a line of slope -1 are of equal arithmetic a second."""
    x, y = [int(row.case.partition("-")[2]) for row in rows], [row.value for row in rows]
    axes.plot(x, y, color=BLUE, marker="o", ms=4)
    for depth, row in zip(x, rows, strict=True):
        axes.annotate(
            f"{row.value:.3g}", (depth, row.value), xytext=(0, 6), textcoords="offset points", fontsize=8,
            ha="center",
        )  # fmt: skip
    axes.set(xscale="log", yscale="log")
    axes.margins(0.12, 0.2)
    axes.xaxis.set_major_locator(FixedLocator(x))
    axes.xaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_major_formatter("{x:g}")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_minor_locator(NullLocator())
    axes.set_title(title, loc="left", fontsize=9.5)


def _format_value(value: float, unit: str) -> str:
    if unit == RATIO:
        return f"{value:.2f} ×"
    if unit == PERCENT:
        return f"{value:.0f} %"
    return f"{value:,.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"
