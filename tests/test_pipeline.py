"""The pipeline as a user runs it: real DVC, real MLflow on sqlite, in a checkout of its own, at a small scale.

The tests go in order and share one checkout, as one user's evening would.
"""

import ast
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
from checkout import PROJECT, Checkout, make_checkout
from mlflow.tracking import MlflowClient
from ruamel.yaml import YAML
from test_page import CHROMIUM

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return make_checkout(tmp_path_factory.mktemp("user") / "replication")


@pytest.fixture(scope="module")
def reproduced(checkout: Checkout) -> str:
    """What the first `make repro` printed."""
    return checkout.run("make repro")


def mlflow_runs(checkout: Checkout) -> dict[str, list]:
    client = MlflowClient(f"sqlite:///{checkout.folder}/mlflow.db")
    study = client.get_experiment_by_name("Deep residual learning · quick")
    found: dict[str, list] = {}
    for run in client.search_runs([study.experiment_id]):
        found.setdefault(run.info.run_name, []).append(run)
    return found


def results(checkout: Checkout) -> pd.DataFrame:
    return pd.read_csv(checkout.folder / "results/quick/runs.csv")


def test_make_repro_ends_by_saying_where_the_page_is(checkout: Checkout, reproduced: str) -> None:
    assert "reports/replication.html" in reproduced.splitlines()[-3]
    assert "make ui" in reproduced.splitlines()[-2]
    assert (checkout.folder / "reports/replication.html").exists()
    assert sorted(results(checkout)["net"]) == ["plain-8", "resnet-8"]
    assert not list((checkout.folder / ".work").glob("*/state.pt")), "resume states are deleted on success"


def test_every_number_carries_what_it_was_made_with(checkout: Checkout, reproduced: str) -> None:
    commit = checkout.run("git rev-parse HEAD").strip()
    for _, run in results(checkout).iterrows():
        assert commit.startswith(run["commit"])
        assert re.fullmatch(r"[0-9a-f]{16}", run["recipe_hash"])
        assert re.fullmatch(r"[0-9a-f]{16}", run["data_sha256"])
        assert run["fidelity"] == "proxy" and "scikit-learn" in run["variant"]
        assert "cores" in run["machine"]


def test_the_headline_is_the_last_iteration(checkout: Checkout, reproduced: str) -> None:
    curves = pd.read_csv(checkout.folder / "results/quick/curves.csv")
    for _, run in results(checkout).iterrows():
        curve = curves[(curves["net"] == run["net"]) & (curves["split"] == "test")]
        assert curve["iteration"].max() == 24
        assert run["test_error"] == pytest.approx(curve.loc[curve["iteration"].idxmax(), "error"], abs=0.6)


def test_mlflow_has_a_run_a_net_with_recipe_curve_and_tags(checkout: Checkout, reproduced: str) -> None:
    runs = mlflow_runs(checkout)
    assert set(runs) == {"plain-8 · seed 0", "resnet-8 · seed 0"}
    (run,) = runs["resnet-8 · seed 0"]
    assert run.info.status == "FINISHED"
    assert run.data.params["schedule.iterations"] == "24" and run.data.params["net"] == "resnet-8"
    assert run.data.tags["profile"] == "quick" and run.data.tags["fidelity"] == "proxy"
    assert run.data.tags["commit"] == checkout.run("git rev-parse HEAD").strip()
    client = MlflowClient(f"sqlite:///{checkout.folder}/mlflow.db")
    history = client.get_metric_history(run.info.run_id, "train_error")
    assert [point.step for point in history] == list(range(2, 25, 2))
    assert 5 <= len(run.data.metrics) <= 12


def test_nothing_is_done_twice(checkout: Checkout, reproduced: str) -> None:
    assert "up to date" in checkout.run("dvc repro")
    checkout.run("python -c 'import replication.report'")
    assert "up to date" in checkout.run("dvc status"), "importing the library must not dirty it"


def test_equal_results_give_an_identical_page(checkout: Checkout, reproduced: str) -> None:
    pages = [checkout.folder / "reports/replication.html", checkout.folder / "reports/replication.svg"]
    before = [page.read_bytes() for page in pages]
    checkout.run("dvc repro -f -s report")
    assert [page.read_bytes() for page in pages] == before
    assert str(checkout.folder) not in before[0].decode(), "the page names no folder of this machine"


def test_a_depth_that_is_not_6n_2_is_refused_before_anything_runs(checkout: Checkout, reproduced: str) -> None:
    failed = checkout.attempt("dvc exp run -S depth=15")
    assert failed.returncode != 0
    assert "resnet-15: a CIFAR net has 6n+2 layers (section 4.2); the nearest depths are 14 and 20." in failed.stdout
    assert "Traceback" not in failed.stdout
    assert "train" not in re.findall(r"Running stage '([\w-]+)", failed.stdout)
    checkout.run("git checkout -q params.yaml dvc.lock; git status --porcelain")


def test_dvc_exp_run_trains_one_more_net_and_no_other(checkout: Checkout, reproduced: str) -> None:
    checkout.run("git add -A && git commit -qm 'Results of the first study'")
    printed = checkout.run("dvc exp run -S depth=14")
    assert "Running stage 'train-depth'" in printed
    assert "Running stage 'train@" not in printed
    assert set(results(checkout)["net"]) == {"plain-8", "resnet-8", "resnet-14"}
    page = (checkout.folder / "reports/replication.html").read_text()
    assert "not in the paper" in page and "ResNet-14" in page


def test_an_override_is_part_of_the_recipe(checkout: Checkout, reproduced: str) -> None:
    printed = checkout.run("dvc exp run -S depth=8 -S 'cifar.nets=[resnet-8]' -S '+cifar.override.train_images=1400'")
    assert "Running stage 'train@cifar-resnet-8-0'" in printed
    (row,) = results(checkout).to_dict("records")
    assert row["net"] == "resnet-8"
    assert row["test_error_at_best_heldout_error"] >= 0, "37 images are held out now"
    checkout.run("git checkout -q . && dvc checkout -q")


def test_an_experiment_in_a_temporary_copy_tracks_and_resumes_here(checkout: Checkout, reproduced: str) -> None:
    checkout.run("dvc exp run --temp -n in-a-copy -S depth=20")
    (run,) = mlflow_runs(checkout)["resnet-20 · seed 0"]
    assert run.data.tags["dvc_experiment"] == "in-a-copy"
    assert run.info.status == "FINISHED"


def test_a_queued_experiment_is_run_by_a_worker(checkout: Checkout, reproduced: str) -> None:
    checkout.run("dvc exp run --queue -n queued -S depth=26")
    checkout.run("dvc queue start -j 1")
    for _ in range(240):
        status = checkout.run("dvc queue status")
        if "Success" in status or "Failed" in status:
            break
        time.sleep(1)
    assert "Success" in status, checkout.run("dvc queue logs queued")
    assert "resnet-26 · seed 0" in mlflow_runs(checkout)


def test_dvc_exp_show_has_a_column_a_net(checkout: Checkout, reproduced: str) -> None:
    table = pd.read_csv(pd.io.common.StringIO(checkout.run("dvc exp show --csv 2>/dev/null")))
    assert {"Experiment", "depth", "test_error.resnet-8", "test_error.resnet-26"} <= set(table.columns)
    queued = table[table["Experiment"] == "queued"].iloc[0]
    assert queued["depth"] == 26 and queued["test_error.resnet-26"] > 0


def test_killed_with_dvc_and_run_again_it_continues(checkout: Checkout, reproduced: str) -> None:
    slower = "-S depth=8 -S '+cifar.override.schedule.iterations=400'"
    process = subprocess.Popen(
        ["bash", "-c", f"exec dvc exp run -f {slower} train@cifar-plain-8-0"],
        cwd=checkout.folder, env=checkout.environment | {"REPLICATION_SAVE_SECONDS": "0"},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    for _ in range(1200):
        if list((checkout.folder / ".work").glob("*/state.pt")) or process.poll() is not None:
            break
        time.sleep(0.1)
    time.sleep(1)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    checkout.run("rm -f .dvc/tmp/rwlock .dvc/tmp/lock")
    printed = checkout.run("dvc repro train@cifar-plain-8-0")
    assert re.search(r"plain-8 · seed 0: continues from iteration \d+", printed)
    runs = [run for run in mlflow_runs(checkout)["plain-8 · seed 0"] if run.data.params["schedule.iterations"] == "400"]
    assert [run.info.status for run in runs] == ["FINISHED"], "the resumed run continues its own MLflow run"
    checkout.run("git checkout -q . && dvc checkout -q")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("profile=fast", "there is no 'fast'; choose one of cpu, cpu-long, paper, quick"),
        ("'cifar.nets=[resnet-20,plain-34]'", "plain-34 is the name of an ImageNet net"),
        ("'cifar.seeds=[0,0]'", "cifar.seeds names 0 twice"),
        ("'+cifar.override.optimizer.momentum=0.5'", "optimizer: no such key"),
        ("'+cifar.override.schedule.learning_rate=-1'", "schedule.learning_rate"),
        ("data.cifar10.source=kaggle", "data.cifar10.source"),
    ],
)
def test_bad_params_are_one_sentence_that_names_the_key(
    checkout: Checkout, reproduced: str, change: str, sentence: str
) -> None:
    checkout.run(f"dvc exp run --dry -S {change} >/dev/null 2>&1; true")
    failed = checkout.attempt("python -m pipeline.check")
    assert failed.returncode == 1
    assert sentence in failed.stdout
    assert "Traceback" not in failed.stdout
    assert len(failed.stdout.strip().splitlines()) == 1
    checkout.run("git checkout -q params.yaml")


@pytest.fixture
def mlflow_ui(checkout: Checkout, reproduced: str) -> Iterator[str]:
    """`make ui` on a free port; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        ["make", "ui", f"PORT={port}"], cwd=checkout.folder, env=checkout.environment, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


@pytest.mark.skipif(CHROMIUM is None, reason="no browser: install Debian's chromium to test the MLflow UI")
def test_the_mlflow_ui_shows_every_run(checkout: Checkout, mlflow_ui: str) -> None:
    from playwright.sync_api import sync_playwright

    study = MlflowClient(f"sqlite:///{checkout.folder}/mlflow.db").get_experiment_by_name(
        "Deep residual learning · quick"
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1500, "height": 900})
        page.goto(f"{mlflow_ui}/#/experiments/{study.experiment_id}/runs?workflowType=machine_learning")
        page.get_by_text("resnet-8 · seed 0").first.wait_for(timeout=60_000)
        assert page.get_by_text("plain-8 · seed 0").count() >= 1
        browser.close()


def test_make_ui_without_runs_says_what_to_do(checkout: Checkout, reproduced: str) -> None:
    checkout.run("mv mlflow.db away.db")
    failed = checkout.attempt("make ui")
    checkout.run("mv away.db mlflow.db")
    assert failed.returncode != 0 and "There are no runs yet: make repro makes some." in failed.stdout


def test_stages_list_the_params_that_their_scripts_read() -> None:
    """DVC does not see what a script reads: a param that is read and not listed would give stale numbers."""
    stages = YAML(typ="safe").load((PROJECT / "dvc.yaml").read_text())["stages"]
    reads = {"read_profile": {"profile"}, "recipe_of": {"profile"}, "runs_of": {"cifar", "depth"}}
    reads |= {"runs_of_depth": reads["runs_of"], "paper_recipe": {"profile"}}
    for name, stage in stages.items():
        script = re.search(r"pipeline\.(\w+)", stage["cmd"])[1]
        tree = ast.parse((PROJECT / f"pipeline/{script}.py").read_text())
        used: set[str] = set()
        for node in ast.walk(tree):
            if (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "params") or (
                isinstance(node, ast.Attribute) and ast.unparse(node.value) == "read_params()"
            ):
                used.add(node.attr)
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                used |= reads.get(node.func.id, set())
        used -= {"device", "model_copy"}  # neither changes what a stage means
        listed = {p.split(".")[0].replace("${item", "cifar") for p in stage.get("params", []) if isinstance(p, str)}
        assert used <= listed, f"{name} reads {sorted(used - listed)} and does not list it"
        profiles = [key for p in stage.get("params", []) if isinstance(p, dict) for key in p]
        if {"read_profile", "recipe_of"} & {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}:
            assert "pipeline/profiles/${profile}.yaml" in profiles, f"{name} reads the profile and does not list it"


def test_imports_go_downward_only() -> None:
    order = ["report", "study", "training", "evaluation", "data", "nets"]
    for rank, package in enumerate(order):
        for file in (PROJECT / "src/replication" / package).rglob("*.py"):
            for above in order[:rank]:
                assert f"replication.{above}" not in file.read_text(), f"{file.name} of {package} imports {above}"


def test_no_file_names_this_machine() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    home = str(PROJECT.parent)
    for name in listed.split():
        path = PROJECT / name
        if path.suffix in {".py", ".yaml", ".toml", ".md", ".csv", ".json", ".html", ".txt"} and path.exists():
            assert home not in path.read_text(), name
    assert Path(PROJECT / ".dvc/config").read_text().count("analytics = false") == 1
