"""MLflow from many machines: one tracking server on this one, as docs/machines.md starts it."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from replication.runs.curve import Point
from replication.tasks.cifar.recipe import CifarRecipe
from replication.tracking.live import LiveRun
from replication.tracking.mlflow_store import SETTINGS, Destination

PAGE = (Path(__file__).parents[2] / "docs/machines.md").read_text()
COMMAND = re.search(r"^MLFLOW_.* mlflow server .*", PAGE, flags=re.MULTILINE)[0]
CLIENTS, ITERATIONS = 8, 20


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """Its address, and its process group."""
    for key, value in SETTINGS.items():  # as the first `connect` sets them, for this test alone
        monkeypatch.setenv(key, value)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        ["bash", "-c", COMMAND.replace("5001", str(port))], cwd=tmp_path, start_new_session=True,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        for _ in range(600):
            assert process.poll() is None, process.stdout.read().decode()
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.slow
def test_eight_clients_at_once_lose_no_point_and_a_server_that_is_gone_costs_one_line(
    server: tuple[str, int], make_recipe: Callable[..., CifarRecipe], capsys: pytest.CaptureFixture[str]
) -> None:
    address, group = server
    curve = [
        Point(at, "train", metric, value)
        for at in range(1, ITERATIONS + 1)
        for metric, value in (("loss", at / 8), ("error", 50.0))
    ]
    trainings = [LiveRun(Destination(address, "many"), make_recipe(seed=seed)) for seed in range(CLIENTS)]

    def log_each_iteration(live: LiveRun) -> str | None:
        run = None
        for iteration in range(1, ITERATIONS + 1):
            run = live.log([point for point in curve if point.iteration <= iteration], run)
        return run

    with ThreadPoolExecutor(CLIENTS) as pool:
        runs = list(pool.map(log_each_iteration, trainings))
    client = MlflowClient(address)
    for run in runs:
        points = [(point.step, point.value) for point in client.get_metric_history(run, "loss")]
        assert sorted(points) == [(step, step / 8) for step in range(1, ITERATIONS + 1)]
        assert len(client.get_metric_history(run, "train/error")) == ITERATIONS
    assert capsys.readouterr() == ("", "")

    os.killpg(group, signal.SIGKILL)
    for _ in range(2):
        assert trainings[0].log(curve, runs[0]) == runs[0]
    trainings[0].end("KILLED")
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "MLflow" in told and "seed 0" in told
