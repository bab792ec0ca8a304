"""A damaged table is refused with its file, line, column and remedy; what is read is what was written."""

import csv
import os
import random
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from errors import refused
from made_up import PAPER_PROFILE, recipe_of, result

from replication.results import schema
from replication.results.add import add_results
from replication.results.studies import read_study
from replication.results.tables import CURVES, RECIPES, RESPONSES, RUNS, SCORES, TABLES, read_tables
from replication.tasks import TASKS

CIFAR = TASKS["cifar"]
RESULTS = Path(__file__).parents[2] / "results"
Cells = list[list[str]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results") / "cifar"
    add_results(folder, [result(recipe_of(net=net, seed=seed)) for net in ("plain-20", "resnet-20") for seed in (0, 1)])
    return folder


@pytest.fixture
def study(made: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made, tmp_path / "cifar")


def change(path: Path, how: Callable[[Cells], object]) -> None:
    with path.open(encoding="utf-8", newline="") as file:
        cells = list(csv.reader(file))
    how(cells)
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(cells)


NUMBERS = ["", "nan", "inf", "-5", "x", "1e400", "1_000", " 9", "١", "9 "]
BAD = {
    RUNS: {
        "net": ["", "xyz", "resnet-21", "resnet-18-A", "plain-20 + resnet-20"],
        "variant": ["", "no such", "other"],
        "seed": ["", "-1", "1.5", "nan", "7"],
        "recipe": ["", "0" * 16, "weird"],
        "status": ["", "weird", "diverged"],
        "parameters": [*NUMBERS, "0", "1.5"],
        "macs": [*NUMBERS, "0", "9" * 20],
        "warmup_ended_at": ["nan", "-5", "x", "0"],
        "dropped_at": ["", "[", "{}", "[-1]", "x", "[1.5]"],
        "seconds": [*NUMBERS, "0"],
        "images_per_second": [*NUMBERS, "0"],
        "processes": [*NUMBERS, "0", "9" * 20],
        "starts": [*NUMBERS, "0"],
        "threads": ["x", "-1", "1.5", "١"],
        "machine": [""],
        "torch": ["", "inf"],
        "commit": ["", "weird", "12"],
        "date": ["", "yesterday", "2026-13-01"],
    },
    SCORES: {
        "net": ["", "xyz", "resnet-32"],
        "variant": ["", "other"],
        "seed": ["", "-1", "5"],
        "protocol": ["", "ten_crop", "weird"],
        "metric": ["", "top5_error", "weird"],
        "value": [*NUMBERS, "1e9", "100.1"],
        "images": [*NUMBERS, "0", "1.5"],
    },
    CURVES: {
        "net": ["", "xyz", "resnet-32"],
        "variant": ["", "other"],
        "seed": ["", "-1", "5"],
        "iteration": [*NUMBERS, "0", "64001"],
        "split": ["", "heldout", "training", "single_view", "weird"],
        "metric": ["", "loss", "top1_error", "weird"],
        "value": [*NUMBERS, "101"],
    },
}
OF_A_RUN = ("net", "variant", "seed", "recipe")  # one that is not there may be missed first in another table


@pytest.mark.parametrize(("table", "column"), [(table, column) for table, columns in BAD.items() for column in columns])
def test_a_bad_cell_is_refused_with_its_file_line_and_column(study: Path, table: str, column: str) -> None:
    good = (study / table).read_text()
    for value in BAD[table][column]:
        (study / table).write_text(good)
        change(study / table, lambda cells, value=value: cells[2].__setitem__(cells[0].index(column), value))
        with refused("damaged", "line ", "tabulate") as error:
            read_tables(study, CIFAR)
        assert "\n" not in str(error.value), value
        if column not in (*OF_A_RUN, "protocol", "metric"):
            assert (error.value.file, error.value.key) == (study / table, column), value
            assert "line 3" in str(error.value), value


def test_the_recipe_of_another_run_is_refused(study: Path) -> None:
    change(study / RUNS, lambda cells: cells[1].__setitem__(3, cells[2][3]))
    with refused("damaged", "line 2", "tabulate", key="recipe", file=study / RUNS):
        read_tables(study, CIFAR)


@pytest.mark.parametrize("table", TABLES)
def test_rows_and_columns_lost_or_doubled_are_refused(study: Path, table: str) -> None:
    good, dice = (study / table).read_text(), random.Random(0)
    damages: list[Callable[[Cells], object]] = [
        lambda cells: cells.append(cells[1]),
        lambda cells: cells[1].append("more"),
        lambda cells: cells[1].pop(),
        lambda cells: cells.__delitem__(slice(0, 1)),
        lambda cells: [row.pop(dice.randrange(3)) for row in cells],
        # What a run has by its recipe and its task.
        lambda cells: cells.pop(1),
        lambda cells: cells.pop(),
        lambda cells: cells.__delitem__(slice(1, None)),
    ]
    for damage in damages:
        change(study / table, damage)
        with refused("damaged", "tabulate"):
            read_tables(study, CIFAR)
        (study / table).write_text(good)
    read_tables(study, CIFAR)


@pytest.mark.parametrize("place", [1, 7, -1])
def test_a_layer_that_is_lost_is_told(study: Path, place: int) -> None:
    made = [result(recipe_of(seed=seed, net="resnet-20")) for seed in (2, 3)]
    add_results(study, [replace(each, responses=[1.0] * 19) for each in made])
    read_tables(study, CIFAR)
    change(study / RESPONSES, lambda cells: cells.pop(place))
    with refused("damaged", "resnet-20 · seed", "tabulate", key="layer", file=study / RESPONSES):
        read_tables(study, CIFAR)


@pytest.mark.parametrize(
    "content", [None, b"", b"\xff\xfe", b"[]", b"{}", b'{"base": 1, "runs": {"a": 2}}', b"<<<<<<<"]
)
@pytest.mark.parametrize("name", [RECIPES, *TABLES])
def test_a_file_that_is_none_of_a_study_is_told(study: Path, name: str, content: bytes | None) -> None:
    (study / name).unlink()
    if content is not None:
        (study / name).write_bytes(content)
    kind = "missing" if content is None else "damaged"
    with refused(kind, "tabulate", file=study / name):
        read_tables(study, CIFAR)
    before = {path.name: path.read_bytes() for path in study.iterdir()}
    with refused(kind, "tabulate", file=study / name):
        add_results(study, [result(recipe_of(net="resnet-32"))])
    assert {path.name: path.read_bytes() for path in study.iterdir()} == before


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir])
@pytest.mark.parametrize("name", [RECIPES, *TABLES])
def test_what_is_no_file_is_told(study: Path, name: str, make: Callable[[Path], object]) -> None:
    (study / name).unlink()
    make(study / name)
    with refused("damaged", "tabulate", file=study / name):
        read_tables(study, CIFAR)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 101.0])
def test_a_number_that_is_none_is_not_written(study: Path, value: float) -> None:
    made, before = result(recipe_of(net="resnet-32")), {path.name: path.read_bytes() for path in study.iterdir()}
    with refused("damaged", "scores.csv", key="value"):
        add_results(study, [replace(made, scores=[dict(made.scores[0]) | {"value": value}])])
    assert {path.name: path.read_bytes() for path in study.iterdir()} == before


def test_the_readme_of_the_results_has_every_column() -> None:
    assert schema.as_markdown() in (RESULTS / "README.md").read_text()
    assert not re.search(r"\| None \|", schema.as_markdown())


def test_a_recipe_of_a_data_set_that_the_arm_does_not_have_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "quick/cifar"
    add_results(folder, [result(recipe_of(dataset="photographs"))])
    with refused("damaged", "photographs", "cifar10", "tabulate", key="data.name", file=folder / RECIPES):
        read_study(folder, tmp_path, CIFAR, PAPER_PROFILE)
