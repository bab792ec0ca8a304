"""Another evening: running again, running badly, running another profile, and being killed."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest
import torch
from evening import BACK, CPU, REPRO, Evening, new_evening

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory, shared_folder: Path) -> Evening:
    return new_evening(tmp_path_factory.mktemp("user"), shared_folder)


def test_nothing_is_done_twice(evening: Evening) -> None:
    assert "up to date" in evening.after(REPRO, "dvc repro")
    evening.checkout.run("python -c 'import sys; sys.path.insert(0, \"src\"); import replication.report'")
    assert "up to date" in evening.checkout.run("dvc status"), "importing the library must not dirty it"


def test_an_edit_that_changes_no_number_trains_nothing(evening: Evening) -> None:
    evening.after(REPRO, "dvc repro")
    library = evening.checkout.folder / "src/replication"
    evaluate = [f"tasks/{task}/evaluate.py" for task in ("cifar", "imagenet")]
    for name in ("data/sources/decode.py", *evaluate, "tracking/importer.py", "errors.py"):
        with (library / name).open("a", encoding="utf-8") as file:
            file.write("# a comment\n")
    printed = evening.checkout.run("dvc repro")
    ran = set(re.findall(r"Running stage '([\w@-]+)", printed))
    assert {"check", "prepare@cifar", "evaluate@cifar", "evaluate@imagenet"} <= ran
    assert not {stage for stage in ran if stage.startswith("train")}
    evening.checkout.run("git checkout src")


def test_what_was_reproduced_is_said_and_leaves_every_tracked_file_untouched(evening: Evening) -> None:
    evening.after(REPRO, "dvc repro")
    checkout = evening.checkout
    checkout.run("git add -A && git commit -qm 'The study of this evening'")
    checkout.run("rm -rf .work/runs .work/outcomes runs outcomes .dvc/cache")
    printed = checkout.run("dvc repro")
    assert "4 of 4 runs reproduce the recorded errors exactly." in printed
    assert checkout.run("git status --porcelain").split() in ([], ["M", "dvc.lock"])


def test_equal_results_give_an_identical_page(evening: Evening) -> None:
    evening.after(REPRO, "dvc repro")
    pages = [evening.checkout.folder / "reports/replication.html", evening.checkout.folder / "reports/replication.svg"]
    before = [page.read_bytes() for page in pages]
    evening.checkout.run("dvc repro -f -s report")
    assert [page.read_bytes() for page in pages] == before
    assert str(evening.checkout.folder) not in before[0].decode(), "the page names no folder of this machine"


@pytest.mark.parametrize(
    ("change", "remedies"),
    [("depth=15", ("depth", "14", "20")), ("profile=fast", ("params.yaml", "profile", "cpu-long", "paper"))],
)
def test_bad_params_are_refused_before_anything_runs(evening: Evening, change: str, remedies: tuple[str, ...]) -> None:
    evening.after(REPRO, "dvc repro")
    evening.checkout.run(BACK)
    failed = evening.checkout.attempt(f"dvc exp run -S {change}")
    assert failed.returncode != 0
    assert all(remedy in failed.stdout for remedy in remedies) and "Traceback" not in failed.stdout
    assert re.findall(r"Running stage '([\w-]+)", failed.stdout) == ["check"]


def test_another_profile_makes_a_study_beside_the_first(evening: Evening) -> None:
    evening.after(CPU)
    runs, scores = evening.results("cpu"), evening.results("cpu", table="scores")
    recipes = json.loads((evening.tables("cpu") / "recipes.json").read_text())
    assert recipes["base"]["data"]["name"] == "cifar10"
    assert recipes["base"]["data"]["pixels"] == "pixels or labels differ from the official ones (png)"
    assert len(evening.results("quick")) > 0, "the quick study stays"
    assert not (evening.checkout.folder / "data/imagenet/meta.json").exists(), "a task without nets needs no data"
    for net in runs["net"]:
        error = scores[(scores["net"] == net) & (scores["protocol"] == "single_view")]["value"].item()
        assert f"{error:.2f}" in evening.page()


def test_killed_with_dvc_and_run_again_it_continues(evening: Evening) -> None:
    evening.after(REPRO, "dvc repro")
    checkout = evening.checkout
    checkout.run(BACK)
    longer = "-S '++cifar.override.schedule.iterations=300'"
    process = subprocess.Popen(
        ["bash", "-c", f"exec dvc exp run {longer} train@cifar"],
        cwd=checkout.folder, env=checkout.environment | {"REPLICATION_SAVE_SECONDS": "0"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    while not any(torch.load(s)["iteration"] > 5 for s in (checkout.folder / ".work").glob("*/state.pt")):
        assert process.poll() is None, process.stdout.read().decode()
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(2)  # the workers notice that they are orphans, save and end
    checkout.run("rm -f .dvc/tmp/rwlock .dvc/tmp/lock")
    printed = checkout.run("dvc repro tabulate@cifar")
    assert re.search(r"plain-8 · seed 0: resumes at iteration [1-9]", printed)
    runs = [r for r in evening.mlflow_runs()["plain-8 · seed 0"] if r.data.params["schedule.iterations"] == "300"]
    assert [run.info.status for run in runs] == ["FINISHED"], "the resumed run continues its own MLflow run"
