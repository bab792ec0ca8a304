"""An evening with the README: every command in it, as it stands and in its order, and what a user sees after each.

Real DVC, real MLflow on sqlite, real notebooks, a real browser, in a checkout of its own at the scale of
tests/small.yaml. The tests share that checkout, and each runs the README as far as it needs.
"""

import io
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest
import torch
from checkout import PROJECT, Checkout, make_checkout
from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from PIL import Image
from playwright.sync_api import sync_playwright
from test_page import CHROMIUM

README = (PROJECT / "README.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
COMMANDS = [line.split("  #")[0].strip() for block in BLOCKS for line in block.splitlines()]
RUN_ELSEWHERE = {"make test": "this very run", "make ui": "test_the_mlflow_ui_shows_every_run"}

DEPTH, SEEDS, TEMP, QUEUE, START, SHOW = [c for c in COMMANDS if c.startswith(("dvc exp", "dvc queue"))][:6]
CPU = "dvc exp run -S profile=cpu tabulate@cifar"
PAGE = "dvc repro -s report"

pytestmark = pytest.mark.timeout(600)


@dataclass
class Evening:
    """A reader who types the README's commands one after the other."""

    checkout: Checkout
    cifar10: Path
    printed: dict[str, str] = field(default_factory=dict)

    def after(self, command: str) -> str:
        """Go on to `command`; returns what it printed. Each starts from the shipped params."""
        for earlier in COMMANDS[: COMMANDS.index(command) + 1]:
            if earlier in self.printed or earlier in RUN_ELSEWHERE:
                continue
            if earlier != PAGE:  # which goes on with what the command before it chose
                self.checkout.run("git show HEAD:params.yaml > params.yaml")
            if earlier == START:  # it returns at once, and works on in the background
                self.printed[earlier] = self.checkout.run(earlier) + self._wait_for_queue()
            else:
                where = {"REPLICATION_CIFAR10_SOURCE": "parquet", "REPLICATION_CIFAR10_ROOT": str(self.cifar10)}
                self.printed[earlier] = self.checkout.run(earlier, **where)
        return self.printed[command]

    def _wait_for_queue(self) -> str:
        for _ in range(300):
            status = self.checkout.run("dvc queue status")
            if "Success" in status or "Failed" in status:
                return status
            time.sleep(1)
        raise AssertionError(f"the queue did not end:\n{status}")

    def results(self, profile: str = "quick", arm: str = "cifar", table: str = "runs") -> pd.DataFrame:
        return pd.read_csv(self.checkout.folder / f"results/{profile}/{arm}/{table}.csv")

    def page(self) -> str:
        return (self.checkout.folder / "reports/replication.html").read_text()

    def mlflow_runs(self, study: str = "quick") -> dict[str, list[Run]]:
        client = MlflowClient(f"sqlite:///{self.checkout.folder}/mlflow.db")
        experiment = client.get_experiment_by_name(f"Deep residual learning · {study}")
        found: dict[str, list[Run]] = {}
        for run in client.search_runs([experiment.experiment_id]):
            found.setdefault(run.info.run_name, []).append(run)
        return found


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Evening:
    folder = tmp_path_factory.mktemp("user")
    return Evening(make_checkout(folder / "replication"), cifar10_in_one_colour_a_class(folder / "cifar10"))


def cifar10_in_one_colour_a_class(folder: Path) -> Path:
    """60,000 images in CIFAR-10's layout, as parquet."""
    folder.mkdir()
    encoded = []
    for label in range(10):
        buffer = io.BytesIO()
        Image.fromarray(np.full((32, 32, 3), 25 * label, np.uint8)).save(buffer, "PNG")
        encoded.append({"bytes": buffer.getvalue(), "path": None})
    for split, count in (("train", 50_000), ("test", 10_000)):
        labels = [i % 10 for i in range(count)]
        table = pyarrow.table({"img": [encoded[label] for label in labels], "label": labels})
        pyarrow.parquet.write_table(table, folder / f"{split}-00000-of-00001.parquet")
    return folder


def test_the_readme_has_the_commands_that_the_project_promises() -> None:
    assert COMMANDS[:2] == ["make repro", "make test"]
    for promised in ("dvc repro", "dvc exp run -S depth=110", CPU, PAGE, "make ui"):
        assert promised in COMMANDS


def test_make_repro_ends_by_saying_where_the_page_is(evening: Evening) -> None:
    last = evening.after("make repro").splitlines()[-3:]
    assert "reports/replication.html" in last[0] and "make ui" in last[1]
    assert (evening.checkout.folder / "reports/replication.html").exists()
    assert sorted(evening.results()["net"]) == ["plain-8", "resnet-20", "resnet-8"]
    assert sorted(evening.results(arm="imagenet")["net"]) == ["plain-18", "resnet-18-A"]
    assert not list((evening.checkout.folder / ".work").glob("*/state.pt")), "resume states are deleted on success"


def test_every_number_carries_what_it_was_made_with(evening: Evening) -> None:
    evening.after("make repro")
    commit = evening.checkout.run("git rev-parse HEAD").strip()
    for _, run in pd.concat([evening.results(), evening.results(arm="imagenet")]).iterrows():
        assert commit.startswith(run["commit"])
        assert re.fullmatch(r"[0-9a-f]{16}", run["recipe_hash"])
        assert re.fullmatch(r"[0-9a-f]{16}", run["data_sha256"])
        assert run["fidelity"] == "proxy" and "scikit-learn" in run["variant"]
        assert "cores" in run["machine"]


def test_the_headline_is_the_last_iteration(evening: Evening) -> None:
    evening.after("make repro")
    curves = evening.results(table="curves")
    for _, run in evening.results().iterrows():
        curve = curves[(curves["net"] == run["net"]) & (curves["split"] == "test")]
        assert curve["iteration"].max() == 24
        assert run["test_error"] == pytest.approx(curve.loc[curve["iteration"].idxmax(), "error"], abs=1e-3)


def test_imagenet_nets_and_their_ensemble_are_scored_by_the_three_protocols(evening: Evening) -> None:
    evening.after("make repro")
    scored = evening.results(arm="imagenet", table="evaluations")
    protocols = ["centre_crop", "ten_crop", "fully_convolutional"]
    assert [tuple(row) for row in scored[["net", "protocol"]].to_numpy()] == [
        (net, protocol) for net in ("plain-18", "resnet-18-A", "plain-18 + resnet-18-A") for protocol in protocols
    ]
    assert (scored["top5_error"] <= scored["top1_error"]).all() and (scored["images"] == 360).all()
    runs, curves = evening.results(arm="imagenet").set_index("net"), evening.results(arm="imagenet", table="curves")
    for net in runs.index:
        own = scored[scored["net"] == net].set_index("protocol")["top1_error"]
        assert runs.loc[net, "test_error"] == own["ten_crop"]
        last = curves[(curves["net"] == net) & (curves["split"] == "test")].iloc[-1]
        assert last["iteration"] == 4 and last["error"] == pytest.approx(own["centre_crop"], abs=0.6)


def test_mlflow_has_a_run_a_net_with_recipe_curve_and_tags(evening: Evening) -> None:
    evening.after("make repro")
    runs = evening.mlflow_runs()
    assert set(runs) >= {"plain-8 · seed 0", "resnet-8 · seed 0"}
    run = runs["resnet-8 · seed 0"][-1]
    assert run.info.status == "FINISHED"
    assert run.data.params["schedule.iterations"] == "24" and run.data.params["net"] == "resnet-8"
    assert run.data.tags["profile"] == "quick" and run.data.tags["fidelity"] == "proxy"
    assert run.data.tags["commit"] == evening.checkout.run("git rev-parse HEAD").strip()
    client = MlflowClient(f"sqlite:///{evening.checkout.folder}/mlflow.db")
    history = client.get_metric_history(run.info.run_id, "train_error")
    assert [point.step for point in history] == list(range(2, 25, 2))
    assert 5 <= len(run.data.metrics) <= 12


def test_nothing_is_done_twice(evening: Evening) -> None:
    assert "up to date" in evening.after("dvc repro")
    evening.checkout.run("python -c 'import sys; sys.path.insert(0, \"src\"); import replication.report'")
    assert "up to date" in evening.checkout.run("dvc status"), "importing the library must not dirty it"


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


def test_dvc_exp_run_trains_one_more_net_and_no_other(evening: Evening) -> None:
    printed = evening.after(DEPTH)
    assert "Running stage 'train-depth'" in printed
    assert "Running stage 'train@" not in printed
    results = evening.results().set_index("net")
    assert set(results.index) == {"plain-8", "resnet-8", "resnet-110"}
    assert evening.mlflow_runs()["resnet-110 · seed 0"][0].info.status == "FINISHED"
    row = re.search(r"<td>ResNet</td><td>110</td>.*?</tr>", evening.page(), flags=re.DOTALL)[0]
    assert f'<td class="here">{results.loc["resnet-110", "test_error"]:.2f}' in row


def test_three_seeds_give_mean_and_spread(evening: Evening) -> None:
    evening.after(SEEDS)
    errors = evening.results()["test_error"]
    assert len(errors) == 3
    assert f"{errors.mean():.2f} ± {errors.std():.2f}" in evening.page()


def test_an_override_in_a_temporary_copy_is_tracked_here(evening: Evening) -> None:
    evening.after(TEMP)
    (run,) = [r for r in evening.mlflow_runs()["resnet-8 · seed 0"] if r.data.params["train_images"] == "1400"]
    assert run.data.tags["dvc_experiment"] and run.info.status == "FINISHED"
    assert "heldout_error" in run.data.metrics, "37 images are held out"


def test_a_queued_experiment_is_run_by_a_worker(evening: Evening) -> None:
    assert "Success" in evening.after(START), evening.checkout.run("cat .dvc/tmp/exps/celery/*.out")
    assert "resnet-14 · seed 0" in evening.mlflow_runs()


def test_dvc_exp_show_has_a_column_a_net(evening: Evening) -> None:
    assert "test_error.resnet-110" in evening.after(SHOW)
    table = pd.read_csv(io.StringIO(evening.checkout.run("dvc exp show --csv 2>/dev/null")))
    (queued,) = table[(table["depth"] == 14) & table["test_error.resnet-14"].notna()].to_dict("records")
    assert float(queued["test_error.resnet-8"]) > 0


@pytest.mark.skipif(CHROMIUM is None, reason="no browser: install Debian's chromium to test the MLflow UI")
def test_the_mlflow_ui_shows_every_run(evening: Evening, mlflow_ui: str) -> None:
    client = MlflowClient(f"sqlite:///{evening.checkout.folder}/mlflow.db")
    study = client.get_experiment_by_name("Deep residual learning · quick")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1500, "height": 900})
        page.goto(f"{mlflow_ui}/#/experiments/{study.experiment_id}/runs?workflowType=machine_learning")
        page.get_by_text("resnet-8 · seed 0").first.wait_for(timeout=60_000)
        assert page.get_by_text("plain-8 · seed 0").count() >= 1
        browser.close()


def test_another_profile_makes_a_study_beside_the_first(evening: Evening) -> None:
    evening.after(PAGE)
    results = evening.results("cpu")
    assert set(results["dataset"]) == {"cifar10"}
    assert set(results["fidelity"]) == {"proxy"}, "pixels that no checksum vouches for are never called official"
    assert set(results["variant"]) == {"unverified copy (png)"}
    assert len(evening.results("quick")) > 0, "the quick study stays"
    assert "Running stage 'train-imagenet" not in evening.printed[CPU], "one arm needs no data of the other"
    for net, error in zip(results["net"], results["test_error"], strict=True):
        assert f"{net} · seed 0: {error:.2f} %" in evening.page() or net.startswith("plain")


def test_killed_with_dvc_and_run_again_it_continues(evening: Evening) -> None:
    evening.after("dvc repro")
    checkout = evening.checkout
    checkout.run("git show HEAD:params.yaml > params.yaml")
    longer = "-S '++cifar.override.schedule.iterations=300'"
    process = subprocess.Popen(
        ["bash", "-c", f"exec dvc exp run {longer} train@cifar-plain-8-0"],
        cwd=checkout.folder, env=checkout.environment | {"REPLICATION_SAVE_SECONDS": "0"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    while not any(torch.load(s)["iteration"] > 5 for s in (checkout.folder / ".work").glob("*/state.pt")):
        assert process.poll() is None, process.stdout.read().decode()
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    checkout.run("rm -f .dvc/tmp/rwlock .dvc/tmp/lock")
    printed = checkout.run("dvc repro train@cifar-plain-8-0")
    assert re.search(r"plain-8 · seed 0: continues from iteration [1-9]", printed)
    runs = [r for r in evening.mlflow_runs()["plain-8 · seed 0"] if r.data.params["schedule.iterations"] == "300"]
    assert [run.info.status for run in runs] == ["FINISHED"], "the resumed run continues its own MLflow run"


@pytest.fixture
def mlflow_ui(evening: Evening) -> Iterator[str]:
    """`make ui` on a free port; gives its address."""
    evening.after("make repro")
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
    assert failed.returncode != 0 and "There are no runs yet: make repro makes some." in failed.stdout


def test_what_the_readme_calls_a_file_is_there() -> None:
    top = re.findall(r"^    ([\w./<>-]+)  ", README, flags=re.MULTILINE)
    library = re.findall(r"^        ([\w.]+/?)  ", README, flags=re.MULTILINE)
    assert len(top) == 8 and len(library) == 8, "the README's own lines were found"
    for path in top:
        assert (PROJECT / path.replace("<profile>", "quick")).exists(), path
    for path in library:
        assert (PROJECT / "src/replication" / path).exists(), path
