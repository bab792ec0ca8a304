"""An evening with the README: what a user sees after each of its commands, experiments and the MLflow UI included."""

import io
import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from evening import (
    BOXES,
    COMMANDS,
    DEPTH,
    DETECTION,
    QUEUE,
    REPRO,
    SEEDS,
    SHOW,
    START,
    TEMP,
    VARIANT,
    WARMUP,
    Evening,
    new_evening,
)
from mlflow.tracking import MlflowClient
from playwright.sync_api import sync_playwright
from test_page import CHROMIUM

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory, shared_folder: Path) -> Evening:
    return new_evening(tmp_path_factory.mktemp("user"), shared_folder)


def test_the_readme_has_the_commands_that_the_project_promises() -> None:
    assert COMMANDS[:2] == ["make repro", "make test"]
    assert {"dvc repro", "dvc exp run -S depth=110", "make ui"} <= set(COMMANDS)


def test_make_repro_makes_the_study_and_its_page(evening: Evening) -> None:
    assert "reports/replication.html" in "".join(evening.after(REPRO).splitlines()[-4:])
    assert (evening.checkout.folder / "reports/replication.html").exists()
    assert sorted(evening.results()["net"]) == ["plain-8", "resnet-20"]
    assert sorted(evening.results(task="imagenet")["net"]) == ["plain-18", "resnet-18-A"]
    assert not list((evening.checkout.folder / ".work").glob("*/state.pt")), "resume states are deleted on success"


def test_every_number_carries_what_it_was_made_with(evening: Evening) -> None:
    evening.after(REPRO)
    commit = evening.checkout.run("git rev-parse HEAD").strip()
    for task in ("cifar", "imagenet"):
        recipes = json.loads((evening.tables(task=task) / "recipes.json").read_text())
        for _, run in evening.results(task=task).iterrows():
            assert commit.startswith(run["commit"]) and int(run["threads"]) > 0 and "cores" in run["machine"]
            assert run["recipe"] in recipes["runs"] and re.fullmatch(r"[0-9a-f]{32}", run["mlflow_run_id"])
        assert recipes["base"]["data"]["name"] == "digits" and len(recipes["base"]["data"]["fingerprint"]) == 16


def test_the_headline_is_the_last_iteration(evening: Evening) -> None:
    evening.after(REPRO)
    curves, scores = evening.results(table="curves"), evening.results(table="scores")
    for net in ("plain-8", "resnet-20"):
        curve = curves[(curves["net"] == net) & (curves["split"] == "test")]
        assert curve["iteration"].max() == 24
        scored = scores[(scores["net"] == net) & (scores["protocol"] == "single_view")]["value"].item()
        assert scored == pytest.approx(curve.loc[curve["iteration"].idxmax(), "value"], abs=1e-3)


def test_imagenet_nets_and_their_ensemble_are_scored_by_the_three_protocols(evening: Evening) -> None:
    evening.after(REPRO)
    scored = evening.results(task="imagenet", table="scores")
    scored = scored[scored["protocol"] != "training"]
    protocols = ["centre_crop", "ten_crop", "fully_convolutional"]
    nets = ["plain-18", "resnet-18-A", "plain-18 + resnet-18-A"]
    table = scored.pivot(index=["net", "protocol"], columns="metric", values="value")
    assert set(table.index) == {(net, protocol) for net in nets for protocol in protocols}
    assert (table["top5_error"] <= table["top1_error"]).all() and (scored["images"] == 360).all()
    curves = evening.results(task="imagenet", table="curves")
    for net in nets[:2]:
        last = curves[(curves["net"] == net) & (curves["split"] == "test")].iloc[-1]
        assert last["iteration"] == 4
        assert last["value"] == pytest.approx(table.loc[(net, "centre_crop"), "top1_error"], abs=1e-3)


def test_mlflow_has_a_run_a_net_with_recipe_curve_and_tags(evening: Evening) -> None:
    evening.after(REPRO)
    runs = evening.mlflow_runs()
    assert set(runs) >= {"plain-8 · seed 0", "resnet-20 · seed 0"}
    run = runs["resnet-20 · seed 0"][-1]
    assert run.info.status == "FINISHED"
    assert run.data.params["schedule.iterations"] == "24" and run.data.params["net"] == "resnet-20"
    assert run.data.tags["profile"] == "quick" and run.data.tags["fidelity"] == "proxy"
    assert run.data.tags["mlflow.source.git.commit"] == evening.checkout.run("git rev-parse HEAD").strip()
    client = MlflowClient(f"sqlite:///{evening.checkout.folder}/mlflow.db")
    history = client.get_metric_history(run.info.run_id, "train/error")
    assert [point.step for point in history] == list(range(2, 25, 2))
    assert 5 <= len(run.data.metrics) <= 12


def test_dvc_exp_run_trains_one_more_net_and_no_other(evening: Evening) -> None:
    printed = evening.after(DEPTH)
    ran = re.findall(r"Running stage '([\w@-]+)", printed)
    assert sorted(ran) == ["check", "evaluate@cifar", "report", "tabulate@cifar", "train@cifar"]
    assert "1 runs trained, 2 taken" in printed, "no other task, no other net"
    assert "new runs" in printed
    assert set(evening.results()["net"]) == {"plain-8", "resnet-20", "resnet-110"}, "those before it stay"
    assert evening.mlflow_runs()["resnet-110 · seed 0"][0].info.status == "FINISHED"
    assert f"{evening.error('resnet-110'):.2f}" in evening.page()
    again = evening.checkout.run(DEPTH)
    assert "Running stage 'train" not in again, "what is there is not made again"


def test_more_seeds_are_added_and_give_mean_and_spread(evening: Evening) -> None:
    evening.after(SEEDS)
    scores = evening.results(table="scores")
    own = scores[(scores["net"] == "resnet-20") & (scores["protocol"] == "single_view")]
    errors = own["value"]
    assert own["seed"].tolist() == [0, 3, 4]
    assert f"{errors.mean():.2f} ± {errors.std():.2f}" in evening.page()


def test_a_variant_is_a_run_of_its_own(evening: Evening) -> None:
    evening.after(VARIANT, WARMUP)
    runs = evening.results().set_index(["net", "variant"])
    wanted = {("plain-8", "default"), ("plain-20", "three-times-longer"), ("resnet-110", "no-warmup")}
    assert wanted <= set(runs.index)
    assert "plain-20 · three-times-longer · seed 0" in evening.mlflow_runs()
    assert "three-times-longer" in evening.page()


def test_an_override_in_a_temporary_copy_is_tracked_here(evening: Evening) -> None:
    evening.after(TEMP)
    (run,) = [r for r in evening.mlflow_runs()["resnet-20 · seed 0"] if r.data.params["train_images"] == "1400"]
    assert run.data.tags["dvc_experiment"] and run.info.status == "FINISHED"
    assert "heldout/error" in run.data.metrics, "37 images are held out"


def test_a_queued_experiment_is_run_by_a_worker(evening: Evening) -> None:
    assert "Success" in evening.after(QUEUE, START), evening.checkout.run("cat .dvc/tmp/exps/celery/*.out")
    assert "resnet-14 · seed 0" in evening.mlflow_runs()


def test_dvc_exp_show_has_a_column_a_net(evening: Evening) -> None:
    evening.after(DEPTH, QUEUE, START)
    shown = evening.after(SHOW)
    assert "top1_error.resnet-110" in shown and "depth" in shown
    assert not re.search(r"src/|recipes/|runs/", shown), "files that a stage depends on are left out"
    table = pd.read_csv(io.StringIO(evening.checkout.run("dvc exp show --csv 2>/dev/null")))
    (queued,) = table[(table["depth"] == 14) & table["top1_error.resnet-14"].notna()].to_dict("records")
    assert float(queued["top1_error.resnet-20"]) > 0


def test_localization_and_r_cnn_are_added_by_their_lists_of_nets(evening: Evening) -> None:
    """As docs/experiments.md says; its nets start from those of section 4.1, and the page has its table."""
    printed = evening.after(BOXES)
    assert "Running stage 'train@localization'" in printed
    assert "Running stage 'train@imagenet'" not in printed, "the net that it starts from is there"
    for task, protocol, metric in (
        ("localization", "oracle_centre", "pcr_error"),
        ("rcnn", "predicted_dense", "rcnn_error"),
    ):
        scores = evening.results(task=task, table="scores").set_index(["protocol", "metric"])["value"]
        assert f"{scores[protocol, metric]:.2f}" in evening.page()


def test_detection_is_added_by_its_list_of_nets(evening: Evening) -> None:
    assert "Running stage 'train@imagenet'" not in evening.after(DETECTION), "the nets that it starts from are there"
    assert set(evening.results(task="detection")["net"]) == {"plain-18", "resnet-18-A"}
    scores = evening.results(task="detection", table="scores").set_index(["net", "protocol", "metric"])["value"]
    assert f"{100 - scores['plain-18', 'voc_area', 'map_error']:.2f}" in evening.page()


@pytest.mark.skipif(CHROMIUM is None, reason="no browser: install Debian's chromium to test the MLflow UI")
def test_the_mlflow_ui_shows_every_run(evening: Evening, mlflow_ui: str) -> None:
    client = MlflowClient(f"sqlite:///{evening.checkout.folder}/mlflow.db")
    study = client.get_experiment(evening.mlflow_runs()["plain-8 · seed 0"][0].info.experiment_id)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1500, "height": 900})
        printed = evening.checkout.run(f"python -m pipeline.charts {mlflow_ui.rpartition(':')[2]}")
        page.goto(re.search(rf"Curves of {re.escape(study.name)}: (\S+)", printed)[1])
        page.get_by_text("train/error").first.wait_for(timeout=150_000)
        page.get_by_text("Group: plain-8").first.wait_for()  # its seeds are one line
        page.get_by_text("Group: paper: resnet-20").first.wait_for()
        page.get_by_text("Group: resnet-20").first.wait_for(timeout=150_000)  # the mean of its seeds
        fresh = browser.new_page(viewport={"width": 1500, "height": 900})  # one that has not opened the saved view
        fresh.goto(f"{mlflow_ui}/#/experiments/{study.experiment_id}/runs?workflowType=machine_learning")
        fresh.get_by_text("resnet-20 · seed 0").first.wait_for(timeout=150_000)
        assert fresh.get_by_text("plain-8 · seed 0").count() >= 1
        assert "Curves of cpu · imagenet · bf16: " in printed, "the committed studies too"
        browser.close()


@pytest.fixture
def mlflow_ui(evening: Evening) -> Iterator[str]:
    """`make ui` on a free port, after `make runs`; gives its address."""
    assert "cpu · cifar: resnet-20 · seed 2\n" in evening.after(REPRO, "make runs")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        ["make", "ui", f"PORT={port}"],
        cwd=evening.checkout.folder, env=evening.checkout.environment, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        for _ in range(600):
            assert process.poll() is None, process.stdout.read().decode()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def test_make_ui_without_runs_says_what_to_do(evening: Evening) -> None:
    database = evening.checkout.folder / "mlflow.db"
    away = database.rename(database.with_name("away.db")) if database.exists() else None
    failed = evening.checkout.attempt("make ui")
    if away:
        away.rename(database)
    assert failed.returncode != 0 and "There are no runs yet: make repro makes some, make runs imports" in failed.stdout
