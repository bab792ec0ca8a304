"""Table 6 and the table of replications, on made-up studies whose numbers are known."""

import re
from pathlib import Path

from made_up import joined, study
from reading import cells, row_of, rows

from replication import paper
from replication.report.benchmarks import BY_DEPTH, Measurement, write_benchmarks
from replication.report.cifar import replications_table, table_6
from replication.report.html import render_item


def test_table_6_sets_mean_std_and_n_beside_the_papers_statistic() -> None:
    row = row_of(table_6([study({"resnet-20": (1.0, 8.9)}, seeds=3, spread=0.1)]), "ResNet", "20")
    *_, printed, parameters, error, n, fidelity = row
    assert (printed.words, parameters.words, n.words, fidelity.tag) == ("8.75", "269,722", "3", "proxy")
    assert (error.text, error.small, error.kind) == ("8.90 ± 0.10", "best 8.80", "here")
    assert error.link == "runs-made-up-cifar-resnet-20"


def test_a_net_that_was_not_run_leads_to_the_command_that_runs_it() -> None:
    table = table_6([study({"resnet-20": (1.0, 8.9)})])
    assert [cell.link for row in table.open.rows for cell in row.cells if cell.kind == "absent"] == ["fill"] * 5
    assert rows(table.open)["ResNet-20"] == ["8.75", "8.90"]


def test_a_net_of_the_reader_gets_a_row_of_its_own() -> None:
    words = [cell.words for cell in row_of(table_6([study({"resnet-26": (1.0, 8.0)})]), "ResNet", "26")]
    assert "366,938" in words and "8.00" in words
    assert not any(row.cells[1].words == "26" for row in table_6([study({"resnet-20": (1, 9)})]).rows)


def test_a_run_at_chance_stays_in_the_table_and_is_marked() -> None:
    chance, learned = (
        row_of(table_6([study({"resnet-110": (90, 90)}, status=status)]), "ResNet", "110")[-3]
        for status in ("chance", "trained")
    )
    assert chance.text == learned.text == "90.00" and chance.small and not learned.small


def test_runs_of_variants_do_not_stand_in_the_table() -> None:
    found = joined(study({"resnet-110": (1, 6.5)}), study({"resnet-110": (1, 12.0)}, variant="no-warmup"))
    words = [cell.words for cell in row_of(table_6([found]), "ResNet", "110")]
    assert "12.00" not in words and "6.50" in words


def test_what_1202_layers_cost_stands_below_table_6_where_it_was_measured(tmp_path: Path) -> None:
    made = {"benchmark": BY_DEPTH, "case": "resnet-1202", "low": 1, "high": 9, "n": 3, "threads": 2, "cores": 2}
    made |= {"date": "2026-01-02", "commit": "abc", "torch": "2.14.1", "processor": "a CPU"}
    usual = study({"resnet-20": (1, 9)})
    assert "a CPU, 2 threads" not in table_6([usual], tmp_path).notes
    measured = [made | {"unit": unit, "value": value} for unit, value in (("images/s", 1.6), ("GiB", 2.0))]
    write_benchmarks(tmp_path / "a-cpu.csv", [Measurement.model_validate(row) for row in measured])
    notes = table_6([usual], tmp_path).notes
    assert re.search(r"80 seconds.*2\.0 GiB.*a CPU, 2 threads", notes), "128 images at 1.6 a second"
    assert "7.93" in notes and "6.18" in notes


def test_the_paper_others_and_ours_stand_in_one_table() -> None:
    ours = study({"resnet-20": (1, 8.9), "plain-56": (5, 13.0)}, seeds=3, spread=0.1)
    table = replications_table([ours])
    found = rows(table)
    assert found["paper"][-9:-1] == ["9.69", "13.23", "8.75", "7.51", "7.17", "6.97", "6.61 ± 0.16", "7.93"]
    assert {project["name"] for project in paper.replications()} <= found.keys()
    assert "9.78 ± 0.13" in found["nabla0001/resnet"]
    best, last = (found[name] for name in found if name.startswith("a-martyn/resnet"))
    assert "12.76" in best and "13.07" in last, "its best test epochs, and the last ones of the same runs"
    (here,) = (row for name, row in cells(table).items() if ours.name in name)
    assert {"13.00 ± 0.10", "8.90 ± 0.10", "–", "proxy"} <= {cell.words for cell in here}
    assert len([cell for cell in here if cell.link]) == 2, "what was run leads to its runs"


def test_the_html_of_table_6_carries_its_cells() -> None:
    found = study({"resnet-20": (1.0, 8.9)}, seeds=3, spread=0.1)
    assert '<a href="#runs-made-up-cifar-resnet-20">8.90 ± 0.10</a>' in render_item(table_6([found]))
