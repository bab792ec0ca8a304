"""`make study JOBS=2`: trainings side by side, through DVC."""

import os
import shutil
import signal
import subprocess
import time

import pandas as pd
import pytest
from checkout import Checkout, make_checkout
from evening import STUDY
from small_study import merge

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

THREE_NETS = """
params:
  cifar:
    nets: [plain-8, plain-14]
    seeds: [0]
    override: {schedule: {iterations: 240, drops: []}, logging: {log_every: 24, evaluate_every: 120}}
  depth: 8
  imagenet: {nets: [], ensembles: []}
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    made = make_checkout(tmp_path_factory.mktemp("study") / "replication")
    three = made.folder.parent / "three.yaml"
    three.write_text(THREE_NETS, encoding="utf-8")
    merge(made.folder, three)
    return made


def test_a_ctrl_c_stops_all_and_the_same_command_continues_and_makes_the_study(checkout: Checkout) -> None:
    study = subprocess.Popen(
        ["bash", "-c", STUDY], cwd=checkout.folder, env=checkout.environment | {"REPLICATION_SAVE_SECONDS": "0"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while len(list(checkout.folder.glob(".work/*/state.pt"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(study.pid, signal.SIGINT)
    said, _ = study.communicate(timeout=60)
    assert study.returncode != 0
    assert "Traceback" not in said
    assert len(list(checkout.folder.glob(".work/*/state.pt"))) == 2, "two at a time"
    assert not list(checkout.folder.glob("runs/cifar/*/seed-0/run.json"))
    checkout.run(STUDY)
    logs = [path.read_text(encoding="utf-8") for path in (checkout.folder / ".work/study").glob("*.txt")]
    assert sum("continues from iteration" in log for log in logs) == 2
    runs = pd.read_csv(next(checkout.folder.glob("results/quick/cifar/*/runs.csv")))
    assert set(runs["net"]) == {"plain-8", "plain-14", "resnet-8"}
    assert set(runs["threads"].astype(str)) == {str((os.cpu_count() or 1) // 2)}
    assert "up to date" in checkout.run("dvc status")


def test_one_that_fails_is_named_and_the_others_are_trained(checkout: Checkout) -> None:
    checkout.run("sed -i 's/seeds: \\[0\\]/seeds: [1]/; s/^    - 0$/    - 1/' params.yaml")
    shutil.rmtree(checkout.folder / "runs/cifar/plain-8")
    (checkout.folder / "runs/cifar/plain-8").write_text("in the way", encoding="utf-8")
    done = checkout.attempt(STUDY)
    assert done.returncode != 0
    assert "1 of 3 trainings failed: cifar@plain-8-1;" in done.stdout
    for net in ("plain-14", "depth/resnet-8"):
        assert (checkout.folder / f"runs/cifar/{net}/seed-1/run.json").exists()


@pytest.mark.parametrize("jobs", ["0", "two", "1000", "1.5"])
def test_a_number_of_jobs_that_makes_no_sense_is_refused(checkout: Checkout, jobs: str) -> None:
    done = checkout.attempt(f"python -m pipeline.study {jobs}")
    assert done.returncode == 1
    assert f"JOBS is '{jobs}'; it must be a number of trainings at a time, from 1 to" in done.stdout
