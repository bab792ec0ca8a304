"""Reruns by others stand beside our runs: they are judged, and enter no mean."""

import csv
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from checkout import PROJECT
from errors import refused
from made_up import PAPER_PROFILE, recipe_of, result

from pipeline import join
from pipeline.plan import PlannedRun
from replication.report.html import render_item
from replication.report.reruns import list_reruns
from replication.report.setups import measured_cells
from replication.results.add import add_results
from replication.results.reruns import add_reruns, refuse_incomparable
from replication.results.studies import Study, read_study
from replication.results.tables import RERUNS, read_reruns
from replication.tasks import TASKS

CIFAR = TASKS["cifar"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A study of ours: three seeds of one net (10, 11 and 12 %), one of another."""
    made = [result(recipe_of("cpu", seed=seed), error=10.0 + seed) for seed in range(3)]
    add_results(tmp_path / "cpu/cifar", [*made, result(recipe_of("cpu", net="plain-20"), error=20.0)])
    return tmp_path / "cpu/cifar"


def study_of(folder: Path) -> Study:
    return read_study(folder, folder.parents[1], CIFAR, PAPER_PROFILE)


@pytest.mark.parametrize(
    ("net", "seed", "error", "verdict", "p"),
    [
        ("resnet-20", 1, 11.0, "equal", 1.0),
        # Deviation 1, two degrees of freedom: t = 2 / (1 + 1/3)^0.5 = 1.732, p = 0.2254.
        ("resnet-20", 0, 13.0, "accepted", 0.2254),
        ("resnet-20", 7, 22.4, "accepted", 0.0101),
        ("resnet-20", 7, 22.5, "outside", 0.0099),
        ("plain-20", 0, 21.0, "too few seeds", None),
    ],
)
def test_a_rerun_is_judged_by_the_spread_of_our_seeds(
    folder: Path, net: str, seed: int, error: float, verdict: str, p: float | None
) -> None:
    (judged,) = add_reruns(folder, "A. Nother", [result(recipe_of("cpu", net=net, seed=seed), error=error)])
    assert judged.verdict == verdict
    assert judged.p == (None if p is None else pytest.approx(p, abs=5e-5))


def test_reruns_are_in_no_table_of_ours_and_in_no_mean(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    cells = measured_cells(study_of(folder), "resnet-20", CIFAR.headline, [CIFAR.metric.name])
    add_reruns(folder, "A. Nother", [result(recipe_of("cpu", seed=seed), error=50.0) for seed in (0, 5)])
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert after.keys() - before.keys() == {RERUNS} and after | before == after
    found = study_of(folder)
    assert measured_cells(found, "resnet-20", CIFAR.headline, [CIFAR.metric.name]) == cells
    assert len(found.runs) == 4 and [row["by"] for row in found.reruns] == ["A. Nother"] * 2


def test_a_second_rerun_of_the_same_person_replaces_the_first(folder: Path) -> None:
    for by, error in (("A", 11.5), ("B", 11.6), ("A", 11.7)):
        add_reruns(folder, by, [result(recipe_of("cpu"), error=error)])
    assert [(row["by"], row["value"]) for row in read_reruns(folder, CIFAR)] == [("A", 11.7), ("B", 11.6)]


def test_what_cannot_be_compared_is_refused_before_it_is_evaluated(folder: Path) -> None:
    with refused("missing", file=folder):
        refuse_incomparable(folder, "A", recipe_of("cpu", net="resnet-56"))
    longer = recipe_of("cpu", schedule={"iterations": 8000, "drops": [4000, 6000]})
    with refused("conflict", key="schedule.iterations"):
        refuse_incomparable(folder, "A", longer)
    for name in ("", " ", "a\nb", "a|b", "x" * 81):
        with refused("invalid", key="by"):
            refuse_incomparable(folder, name, recipe_of("cpu"))


@pytest.mark.parametrize(("before", "after", "key"), [(",11.50,", ",111.5,", "value"), (",A,", ",,", "by")])
def test_a_damaged_row_is_named(folder: Path, before: str, after: str, key: str) -> None:
    add_reruns(folder, "A", [result(recipe_of("cpu"), error=11.5)])
    text = (folder / RERUNS).read_text("utf-8").replace(",11.5,", ",11.50,")
    (folder / RERUNS).write_text(text.replace(before, after), "utf-8")
    with refused("damaged", key=key, file=folder / RERUNS):
        read_reruns(folder, CIFAR)


def test_join_by_a_name_writes_reruns_alone(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs_csv = (folder / "runs.csv").read_bytes()
    rerun, waiting = result(recipe_of("cpu"), error=13.0), join.Waiting("A. Nother")
    waiting.add(folder, PlannedRun(CIFAR, "resnet-20", 0), rerun)
    waiting.write()
    assert (folder / "runs.csv").read_bytes() == runs_csv and (folder / RERUNS).exists()
    assert "p = 0.23" in capsys.readouterr().out


def test_the_page_shows_reruns_only_where_there_are_some_and_verify_recounts_them(folder: Path, tmp_path: Path) -> None:
    assert list_reruns([study_of(folder)]) == []
    made = [result(recipe_of("cpu", seed=s), error=e) for s, e in ((0, 13.0), (1, 11.0), (7, 30.0))]
    add_reruns(folder, "A. Nother", [*made, result(recipe_of("cpu", net="plain-20"), error=21.0)])
    (table,) = list_reruns([study_of(folder)])
    page = str(render_item(table))
    assert page.startswith("<details")
    verdicts = re.findall(r'\|verdict">([^<]*)<', page)
    assert verdicts == ["too few seeds", "accepted", "the same number", "outside the range of our seeds"]
    checked = tmp_path / "checked"
    shutil.copytree(folder.parents[1], checked / "results")
    (checked / "reports").mkdir()
    script = "import verify; verify.check_page({'claims': []}); print(len(verify.confirmed))"
    for text, is_right in ((page, True), (page.replace("0.2254", "0.2255"), False),
                           (page.replace(">accepted<", ">outside the range of our seeds<"), False)):  # fmt: skip
        (checked / "reports/replication.html").write_text(text, "utf-8")
        done = subprocess.run(
            [sys.executable, "-c", f"import sys; sys.argv = ['verify', {str(checked)!r}]; {script}"],
            cwd=PROJECT, capture_output=True, text=True,
        )  # fmt: skip
        assert (done.returncode == 0) == is_right, done.stderr


def test_the_columns_are_documented(folder: Path) -> None:
    add_reruns(folder, "A", [result(recipe_of("cpu"), error=11.5)])
    (row,) = csv.DictReader((folder / RERUNS).read_text("utf-8").splitlines())
    documented = (PROJECT / "results/README.md").read_text("utf-8").partition("### reruns.csv")[2]
    assert list(row) == re.findall(r"^\| (\w+) \| (?!type)", documented, re.MULTILINE)
