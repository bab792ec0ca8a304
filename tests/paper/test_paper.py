"""The paper's data agrees with itself, so that a slip in copying would show."""

from pathlib import Path

import pytest

from replication.config.profiles import read_profile
from replication.nets.complexity import complexity
from replication.nets.names import EARLIER, NETS
from replication.paper import claim, claim_ids, curve, end_errors, figure, protocol, replications, table
from replication.tasks import TASKS

PROFILES = Path(__file__).parents[2] / "pipeline/profiles"
DEPTHS = (20, 32, 44, 56)


def test_table_6_has_the_papers_errors() -> None:
    own = {row["layers"]: row["error"] for row in table(6) if row["kind"] == "own"}
    assert own == {20: 8.75, 32: 7.51, 44: 7.17, 56: 6.97, 110: 6.43, 1202: 7.93}


@pytest.mark.parametrize("depth", [*DEPTHS, 110])
def test_figure_6_ends_at_table_6(depth: int) -> None:
    row = next(r for r in table(6) if r["kind"] == "own" and r["layers"] == depth)
    iteration, error = curve("fig6", "test", f"resnet-{depth}")[-1]
    assert iteration == pytest.approx(64_000, rel=0.01)
    assert error == pytest.approx(row.get("mean", row["error"]), abs=0.1)


def test_figure_1_shows_the_runs_of_figure_6() -> None:
    for net in ("plain-20", "plain-56"):
        assert curve("fig1", "test", net)[-1][1] == pytest.approx(curve("fig6", "test", net)[-1][1], abs=0.1)


def test_printed_sizes_are_those_of_our_nets() -> None:
    for row in table(6):
        if row["kind"] == "own":
            parameters = complexity(f"resnet-{row['layers']}", 32).parameters / 1e6
            assert parameters == pytest.approx(row["params_m"], abs=0.05 if row["params_m"] > 1 else 0.006)


@pytest.mark.parametrize(
    ("task", "net", "iterations", "drops"),
    [
        ("cifar", "resnet-20", protocol("cifar10", "C3")["stop_iter"], protocol("cifar10", "C3")["lr_drops_iter"]),
        (
            "imagenet",
            "resnet-50",
            protocol("imagenet_training", "I5")["max_iterations"],
            protocol("imagenet_training", "I6")["drops"],
        ),
    ],
)
def test_the_profile_paper_has_the_protocols_schedule(task: str, net: str, iterations: int, drops: list[int]) -> None:
    schedule = read_profile(PROFILES, "paper").recipe(TASKS[task], net).schedule
    assert (schedule.iterations, list(schedule.drops)) == (iterations, drops)


def test_the_profile_paper_has_the_optimiser_of_section_4_2() -> None:
    schedule, facts = (
        read_profile(PROFILES, "paper").recipe(TASKS["cifar"], "resnet-20").schedule,
        protocol("cifar10", "C3"),
    )
    assert (schedule.batch_size, schedule.learning_rate) == (facts["batch"], facts["lr_start"])


@pytest.mark.parametrize("number", [2, 3, 4, 5])
def test_each_row_of_section_4_1_names_a_net_that_can_be_built_or_none(number: int) -> None:
    rows = table(number)
    assert all(row["net"] is None or row["net"] in NETS or row["net"] in EARLIER for row in rows)
    if number < 5:
        assert all(row["net"] for row in rows if row["kind"] == "own")


def test_nets_of_the_paper_go_by_our_names() -> None:
    assert {row["net"]: row["top1"] for row in table(2)} == {
        "plain-18": 27.94, "resnet-18-A": 27.88, "plain-34": 28.54, "resnet-34-A": 25.03,
    }  # fmt: skip
    assert [row["net"] for row in table(3)] == [
        "vgg-16", "googlenet", None, "plain-34", "resnet-34-A", "resnet-34-B", "resnet-34-C", "resnet-50", "resnet-101",
        "resnet-152",
    ]  # fmt: skip
    assert [row["net"] for row in table(4) if row["kind"] == "comparator"] == [None] * 5, "ILSVRC entries, not nets"
    assert [row["net"] for row in table(6) if row["net"]] == [f"resnet-{d}" for d in (20, 32, 44, 56, 110, 1202)]
    assert figure(4)["digitised"]["val_at_5e4"]["resnet-18-A"] == 49.7, "Figure 4 has the nets of Table 2"
    assert figure(6)["digitised"]["test_final"]["resnet-20"] == 8.78
    assert curve("fig4", "test", "resnet-34-A") and curve("fig6r", "train", "resnet-1202")


@pytest.mark.parametrize("task", [TASKS["cifar"], TASKS["imagenet"]], ids=["cifar", "imagenet"])
def test_each_arm_has_the_papers_errors_at_the_end(task: object) -> None:
    ends = end_errors(task.section)
    assert set(ends["train"]) == set(ends["test"])
    for net in ends["test"]:
        task.check_net(net)


def test_claims_come_with_what_supports_them() -> None:
    assert claim("K02").support == ("F1", "F6 left")
    assert "several seeds" in claim("K14").caveat


def test_there_are_32_claims() -> None:
    assert claim_ids() == [f"K{number:02}" for number in range(1, 33)]


def test_others_measured_nets_of_section_4_2_and_say_by_what_statistic() -> None:
    for project in replications():
        assert project["statistic"] and set(project.get("std", {})) <= set(project["errors"])
        for net, error in project["errors"].items():
            TASKS["cifar"].check_net(net)
            assert 5 < error < 15, net
        assert "std" not in project or project["n"] >= 3
        for net, last in project.get("last_errors", {}).items():
            assert project["statistic"] == "best test epoch" and last >= project["errors"][net]


def test_a_net_that_the_paper_did_not_draw_has_no_curve() -> None:
    assert curve("fig6", "train", "plain-110") == []
    assert set(figure(6)["digitised"]["test_final"]) >= {f"plain-{d}" for d in DEPTHS}
