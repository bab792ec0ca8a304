"""The stages train, evaluate and tabulate on a tiny data set, as `dvc repro` calls them: whole lists of runs."""

import csv
import json
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(600)

TWO = {"cifar": {"nets": ["plain-8", "resnet-8/no-warmup"], "seeds": [0, 1]}, "depth": 8}
RUNS = {f"{net}/seed-{seed}" for net in ("plain-8", "resnet-8", "resnet-8/no-warmup") for seed in (0, 1)}
SHORT = {"iterations": 8, "drops": []}
VARIANT = {"no-warmup": {"why": "a test", "warmup": {"from_depth": 1000}}}


@pytest.fixture
def study(project: Any) -> Any:
    """Six short runs: a plain net, a variant, and the net of `depth`, with two seeds."""
    project.configure(TWO, schedule=SHORT, variants=VARIANT)
    return project


def run(project: Any, stage: str, *arguments: str, **environment: str) -> str:
    done = project.run(stage, *arguments, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def folders(project: Any, kind: str) -> set[str]:
    root = project.folder / kind / "cifar"
    return {path.relative_to(root).as_posix() for path in root.rglob("seed-*")}


def rows(project: Any, table: str) -> list[dict[str, str]]:
    with (project.folder / "results/tiny/cifar" / table).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_list_is_trained_tested_and_tabulated(study: Any) -> None:
    assert "6 runs trained, 0 taken" in run(study, "train", "cifar")
    assert folders(study, "runs") == RUNS
    assert "6 nets tested" in run(study, "evaluate", "cifar")
    assert folders(study, "outcomes") == RUNS
    run(study, "tabulate", "cifar")
    assert {(row["net"], row["variant"], row["seed"]) for row in rows(study, "runs.csv")} == {
        (net, variant, seed)
        for net, variant in (("plain-8", "default"), ("resnet-8", "default"), ("resnet-8", "no-warmup"))
        for seed in "01"
    }
    assert {row["threads"] for row in rows(study, "runs.csv")} == {"1"}, (
        "a thread each, as there are more runs than cores"
    )
    made = json.loads((study.folder / "outcomes/cifar.json").read_text())["runs"]
    assert [of["comparison"] for of in made] == ["new"] * 6
    assert not list((study.folder / ".work").glob("*/state.pt")), "resume states go when the store has the run"


@pytest.mark.slow
def test_what_the_store_has_is_not_made_again(study: Any) -> None:
    run(study, "train", "cifar")
    before = {path: path.read_bytes() for path in (study.folder / "runs").rglob("net.safetensors")}
    shutil.rmtree(study.folder / "runs")
    study.configure(TWO | {"depth": 14}, schedule=SHORT, variants=VARIANT)
    assert "2 runs trained, 4 taken" in run(study, "train", "cifar")
    assert folders(study, "runs") == {name.replace("resnet-8/seed", "resnet-14/seed") for name in RUNS}
    assert all(path.read_bytes() == old for path, old in before.items() if path.exists())
    run(study, "evaluate", "cifar")
    shutil.rmtree(study.folder / "outcomes")
    assert "0 nets tested, 6 taken" in run(study, "evaluate", "cifar")


@pytest.mark.slow
def test_one_run_by_hand_is_found_by_the_list(study: Any) -> None:
    run(study, "train", "cifar", "resnet-8/no-warmup", "1")
    assert folders(study, "runs") == {"resnet-8/no-warmup/seed-1"}
    assert "5 runs trained, 1 taken" in run(study, "train", "cifar")


@pytest.mark.slow
def test_other_code_trains_anew(study: Any) -> None:
    run(study, "train", "cifar")
    plan = study.folder / "recipes/code/train-cifar.json"
    study.folder.joinpath("src").unlink()
    shutil.copytree(
        Path(__file__).parents[1] / "src", study.folder / "src", ignore=shutil.ignore_patterns("*.egg-info")
    )
    loop = study.folder / "src/replication/training/loop.py"
    loop.write_text(loop.read_text(encoding="utf-8") + "\n# edited\n", encoding="utf-8")
    refused = study.run("train", "cifar")
    assert refused.returncode == 1 and "loop.py" in refused.stderr and "dvc repro" in refused.stderr
    before = plan.read_text()
    run(study, "check")
    assert plan.read_text() != before
    assert "6 runs trained, 0 taken" in run(study, "train", "cifar")


@pytest.mark.slow
def test_threads_that_the_profile_fixes_are_kept_to(study: Any) -> None:
    run(study, "train", "cifar")
    profile = study.folder / "pipeline/profiles/tiny.yaml"
    profile.write_text(profile.read_text(encoding="utf-8") + "threads: 2\n", encoding="utf-8")
    run(study, "check")
    assert "6 runs trained" in run(study, "train", "cifar")
    record = json.loads((study.folder / "runs/cifar/plain-8/seed-0/run.json").read_text())
    assert record["provenance"]["machine"]["threads"] == "2" and record["history"][0]["threads"] == 2


@pytest.mark.slow
def test_one_that_fails_is_named_and_the_others_are_kept(study: Any) -> None:
    run(study, "train", "cifar", "plain-8", "1")
    (entry,) = (study.folder / ".work/runs").iterdir()
    shutil.rmtree(entry)
    entry.write_text("in the way", encoding="utf-8")
    shutil.rmtree(study.folder / "runs")
    failed = study.run("train", "cifar")
    assert failed.returncode == 1 and "Traceback" not in failed.stderr
    assert "1 of 6" in failed.stderr and "plain-8 · seed 1" in failed.stderr.splitlines()[-2]
    assert folders(study, "runs") == RUNS - {"plain-8/seed-1"}


@pytest.mark.slow
def test_stopped_in_the_middle_both_resume(study: Any) -> None:
    study.configure(TWO | {"jobs": 2}, schedule={"iterations": 400, "drops": []}, variants=VARIANT)
    process = study.start("train", "cifar", REPLICATION_SAVE_SECONDS="0")
    deadline = time.monotonic() + 100
    while len(list(study.folder.glob(".work/*/state.pt"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in err
    states = list(study.folder.glob(".work/*/state.pt"))
    assert len(states) == 2, "two at a time"
    study.configure(TWO | {"jobs": 2}, schedule={"iterations": 400, "drops": []}, variants=VARIANT)
    printed = run(study, "train", "cifar")
    assert printed.count("resumes at iteration") == 2
    starts = [json.loads(path.read_text())["starts"] for path in (study.folder / "runs").rglob("run.json")]
    assert sorted(starts) == [1, 1, 1, 1, 2, 2]


@pytest.mark.slow
def test_equal_numbers_leave_the_record_untouched(study: Any) -> None:
    for stage in ("train", "evaluate", "tabulate"):
        run(study, stage, "cifar")
    tables = study.folder / "results/tiny/cifar"
    record = tables / "runs.csv"
    old = record.read_text().replace(rows(study, "runs.csv")[0]["date"], "2020-01-01")
    record.write_text(old, encoding="utf-8")
    before = {path: path.read_bytes() for path in tables.iterdir()}
    for folder in (".work/runs", ".work/outcomes", "runs", "outcomes"):
        shutil.rmtree(study.folder / folder)
    for stage in ("train", "evaluate", "tabulate"):
        run(study, stage, "cifar")
    assert {path: path.read_bytes() for path in tables.iterdir()} == before
    made = json.loads((study.folder / "outcomes/cifar.json").read_text())["runs"]
    assert [of["comparison"] for of in made] == ["equal"] * 6 and made[0]["made"]["date"] > "2020-01-01"


@pytest.mark.slow
def test_prune_keeps_what_params_name(study: Any) -> None:
    run(study, "train", "cifar")
    run(study, "evaluate", "cifar")
    study.configure({"cifar": {"nets": ["plain-8"], "seeds": [0]}, "depth": 8}, schedule=SHORT, variants=VARIANT)
    run(study, "prune")
    assert len(list((study.folder / ".work/runs").iterdir())) == 2
    assert "0 runs trained, 2 taken" in run(study, "train", "cifar")
