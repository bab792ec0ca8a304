"""Runs of another machine are added to their studies together: the time of many grows as their number does."""

from pathlib import Path
from typing import Any

import pytest
from made_up import recipe_of, result

from pipeline import join
from pipeline.plan import PlannedRun
from replication.results.add import Result, add_results
from replication.results.tables import RUNS
from replication.tasks import TASKS


def test_tables_are_written_once_for_many_runs_and_hold_what_one_by_one_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(join, "RESULTS", tmp_path)
    writes: list[int] = []

    def count(folder: Path, results: list[Result]) -> Any:
        writes.append(len(results))
        return add_results(folder, results)

    monkeypatch.setattr(join, "add_results", count)
    monkeypatch.setattr(join, "MANY", 5)
    made = [result(recipe_of(net=net, seed=seed)) for seed in range(6) for net in ("resnet-20", "plain-20")]
    waiting, tables = join.Waiting(), tmp_path / "paper/cifar"
    for each in made:
        waiting.add(tables, PlannedRun(TASKS["cifar"], each.recipe.net, each.recipe.seed), each)
    assert writes == [5, 5], "the last two wait"
    waiting.write()
    assert writes == [5, 5, 2] and not waiting.studies
    add_results(tmp_path / "alone", made)
    assert (tables / RUNS).read_bytes() == (tmp_path / "alone" / RUNS).read_bytes()
    assert (tables / "summary.json").exists() and (tables / "README.md").exists()
