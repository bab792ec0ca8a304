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
from evening import AGAIN, CPU, PAGE, PROJECT, README, Evening, new_evening

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory, shared_folder: Path) -> Evening:
    return new_evening(tmp_path_factory.mktemp("user"), AGAIN, shared_folder)


def test_nothing_is_done_twice(evening: Evening) -> None:
    assert "up to date" in evening.after("dvc repro")
    evening.checkout.run("python -c 'import sys; sys.path.insert(0, \"src\"); import replication.report'")
    assert "up to date" in evening.checkout.run("dvc status"), "importing the library must not dirty it"


def test_an_edit_that_changes_no_number_trains_nothing(evening: Evening) -> None:
    evening.after("dvc repro")
    library = evening.checkout.folder / "src/replication"
    for name in ("sources/decode.py", "evaluation/views.py", "training/tracking.py", "runs/provenance.py", "errors.py"):
        with (library / name).open("a") as file:
            file.write("# a comment\n")
    changed = json.loads(evening.checkout.run("dvc status --json"))
    tests = {"score-cifar", "score-depth", "score-imagenet", "analyse-cifar", "analyse-depth"}
    assert {stage.partition("@")[0] for stage in changed} == {"prepare", *tests}
    evening.checkout.run("git checkout src")


def test_equal_results_give_an_identical_page(evening: Evening) -> None:
    evening.after("dvc repro")
    pages = [evening.checkout.folder / "reports/replication.html", evening.checkout.folder / "reports/replication.svg"]
    before = [page.read_bytes() for page in pages]
    evening.checkout.run("dvc repro -f -s report")
    assert [page.read_bytes() for page in pages] == before
    assert str(evening.checkout.folder) not in before[0].decode(), "the page names no folder of this machine"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("depth=15", "resnet-15: a CIFAR net has 6n+2 layers (section 4.2); the nearest depths are 14 and 20."),
        ("profile=fast", "params.yaml: profile: there is no 'fast'; choose one of cpu, cpu-long, paper, quick."),
    ],
)
def test_bad_params_are_refused_in_one_sentence_before_anything_runs(
    evening: Evening, change: str, sentence: str
) -> None:
    evening.after("dvc repro")
    evening.checkout.run("git show HEAD:params.yaml > params.yaml")
    failed = evening.checkout.attempt(f"dvc exp run -S {change}")
    assert failed.returncode != 0
    assert sentence in failed.stdout and "Traceback" not in failed.stdout
    assert re.findall(r"Running stage '([\w-]+)", failed.stdout) == ["check"]


def test_another_profile_makes_a_study_beside_the_first(evening: Evening) -> None:
    evening.after(PAGE)
    runs, scores = evening.results("cpu"), evening.results("cpu", table="scores")
    recipes = json.loads((evening.tables("cpu") / "recipes.json").read_text())
    assert recipes["base"]["data"]["name"] == "cifar10"
    assert recipes["base"]["data"]["pixels"] == "pixels or labels differ from the official ones (png)"
    assert len(evening.results("quick")) > 0, "the quick study stays"
    assert not re.search("Running stage '(train-imagenet|score-imagenet)", evening.printed[CPU])
    assert not (evening.checkout.folder / "data/imagenet/meta.json").exists(), "an arm without nets needs no data"
    for net in runs.loc[runs["net"].str.startswith("resnet"), "net"]:
        error = scores[(scores["net"] == net) & (scores["protocol"] == "single_view")]["value"].item()
        assert f'<td class="here">{error:.2f}</td>' in evening.page()


def test_killed_with_dvc_and_run_again_it_continues(evening: Evening) -> None:
    evening.after("dvc repro")
    checkout = evening.checkout
    checkout.run("git show HEAD:params.yaml > params.yaml")
    longer = "-S '++cifar.override.schedule.iterations=300'"
    process = subprocess.Popen(
        ["bash", "-c", f"exec dvc exp run {longer} train-cifar@plain-8-0"],
        cwd=checkout.folder, env=checkout.environment | {"REPLICATION_SAVE_SECONDS": "0"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    while not any(torch.load(s)["iteration"] > 5 for s in (checkout.folder / ".work").glob("*/state.pt")):
        assert process.poll() is None, process.stdout.read().decode()
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    checkout.run("rm -f .dvc/tmp/rwlock .dvc/tmp/lock")
    printed = checkout.run("dvc repro train-cifar@plain-8-0")
    assert re.search(r"plain-8 · seed 0: continues from iteration [1-9]", printed)
    runs = [r for r in evening.mlflow_runs()["plain-8 · seed 0"] if r.data.params["schedule.iterations"] == "300"]
    assert [run.info.status for run in runs] == ["FINISHED"], "the resumed run continues its own MLflow run"


def test_what_the_readme_calls_a_file_is_there() -> None:
    top = re.findall(r"^    ([\w./<>-]+)  ", README, flags=re.MULTILINE)
    library = re.findall(r"^        ([\w.]+/?)  ", README, flags=re.MULTILINE)
    assert top and library, "the README's own lines were found"
    for path in top:
        assert (PROJECT / path.replace("<profile>", "quick")).exists(), path
    for path in library:
        assert (PROJECT / "src/replication" / path).exists(), path
