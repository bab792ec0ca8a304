"""What is measured of speed is written, read and shown as it was measured; benchmarks/gpu.py runs whole on a CPU."""

import datetime
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from checkout import PROJECT
from errors import refused

from benchmarks.gpu import close
from benchmarks.measure import CPU, by_turns, endless, losses, slug
from benchmarks.slices import Deadline
from benchmarks.speed import Found, rates_and_ratios, rows_of
from benchmarks.usual import cifar_resnet, usual_recipe
from replication.nets.complexity import complexity
from replication.report.benchmarks import RATE, RATIO, Measurement, benchmark_tables, read_benchmarks, write_benchmarks
from replication.report.html import render_item
from replication.training.progress import catch_stop_requests

MADE = {
    "date": datetime.date(2026, 11, 26), "commit": "0000000-dirty", "torch": "2.14.1",
    "processor": "Made-Up <Processor>", "cores": 2,
}  # fmt: skip


@pytest.fixture
def rows() -> list[Measurement]:
    found = [
        *rates_and_ratios(
            "resnet-20, whole run", {"usual": np.array([50.0, 10, 40]), "fp32": np.full(3, 100.0)}, "usual"
        ),
        Found("by depth", "resnet-20", "images/s", np.array([500.0])),
        Found("by depth", "resnet-20", "GiB", np.array([1.25])),
        Found("resnet-20, loop", "fp32, share of the peak", "percent", np.array([61.0, 62, 63])),
    ]
    return [rows_of(one, MADE) for one in found]


@pytest.mark.slow
def test_the_script_for_a_gpu_runs_whole_on_a_cpu() -> None:
    done = subprocess.run(
        [sys.executable, "benchmarks/gpu.py", "--tiny"], cwd=PROJECT, env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.findall(r"^  (right|WRONG) ", done.stdout, flags=re.MULTILINE) == ["right"] * 6
    assert re.search(r"^  usual recipe +[\d,]+ images/s +1\.00 x", done.stdout, flags=re.MULTILINE)
    assert re.search(r"^  torchvision +[\d,]+ images/s", done.stdout, flags=re.MULTILINE)
    assert len(re.findall(r"\d % of the (?:fp32|bf16) peak", done.stdout)) == 4
    paper = done.stdout.partition("The profile paper")[2]
    assert re.search(r"resnet-18-A +[\d,]+ images/s +[\d,.]+ (?:h|min) +\d+\.\d GiB", paper)


def test_its_check_tells_bf16_from_fp32() -> None:
    recipe = endless("resnet-20", train_images=200, bn_group=16, schedule={"batch_size": 32})
    fp32, bf16 = (losses(recipe.model_copy(update={"precision": p}), "cpu", 5) for p in ("fp32", "bf16"))
    assert close("", fp32, fp32)[1]
    assert not close("", bf16, fp32)[1]


@pytest.mark.parametrize("depth", [20, 110])
def test_the_usual_net_is_the_papers(depth: int) -> None:
    net = cifar_resnet(depth)
    assert sum(p.numel() for p in net.parameters()) == complexity(f"resnet-{depth}", 32).parameters
    assert net(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_the_usual_recipe_trains() -> None:
    images, labels = torch.randint(0, 256, (64, 3, 32, 32), dtype=torch.uint8), torch.arange(64) % 10
    rate = usual_recipe(8, (images, labels), (images[:10], labels[:10]), CPU, workers=0, batch=32)
    assert rate() > 0


def test_ways_are_measured_by_turns_after_one_round_that_does_not_count() -> None:
    order: list[str] = []

    def way(name: str) -> float:
        order.append(name)
        return float(len(order))

    found = by_turns({"a": lambda: way("a"), "b": lambda: way("b")}, 2)
    assert order == ["a", "b"] * 3
    assert {name: list(samples) for name, samples in found.items()} == {"a": [3, 5], "b": [4, 6]}


def test_a_ratio_is_the_median_of_the_rounds(rows: list[Measurement]) -> None:
    """Of 100 over 50, 10 and 40: 2, 10 and 2.5."""
    ratio = next(row for row in rows if row.unit == RATIO)
    assert (ratio.case, ratio.value, ratio.low, ratio.high, ratio.n) == ("fp32 / usual", 2.5, 2.25, 6.25, 3)
    assert [row.value for row in rows if row.unit == RATE] == [40, 100, 500]


def test_a_table_is_read_as_it_was_written_and_has_its_figure_beside_it(
    tmp_path: Path, rows: list[Measurement]
) -> None:
    write_benchmarks(tmp_path / "results/made-up.csv", rows)
    assert read_benchmarks(tmp_path / "results/made-up.csv") == rows
    picture = (tmp_path / "results/made-up.svg").read_text()
    assert "61 %" not in picture
    assert "62 %" in picture
    assert "2.50 ×" in picture


def test_the_page_names_the_processor_and_has_every_measurement(tmp_path: Path, rows: list[Measurement]) -> None:
    assert benchmark_tables(tmp_path) == []
    write_benchmarks(tmp_path / "made-up.csv", rows)
    part = render_item(*benchmark_tables(tmp_path))
    assert "Speed on Made-Up &lt;Processor&gt;" in part
    for words in (*(row.case for row in rows), "2.25", "6.25", "0000000-dirty", "benchmarks/results/made-up.csv"):
        assert words in part


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [(r"2\.5,", "-1,", "value"), ("cores", "kernels", "cores"), (r"\n.*", "", None), (",2\n", "\n", "cores")],
)
def test_a_damaged_table_is_named(tmp_path: Path, rows: list[Measurement], old: str, new: str, key: str | None) -> None:
    path = tmp_path / "made-up.csv"
    write_benchmarks(path, rows)
    path.write_text(re.sub(old, new, path.read_text(), flags=re.DOTALL))
    with refused("damaged", "make bench", file=path) as error:
        read_benchmarks(path)
    assert error.value.key == key


@pytest.mark.parametrize(
    ("processor", "name"),
    [
        ("AMD EPYC", "amd-epyc-2-cores"),
        ("Intel(R) Xeon(R) Processor @ 2.10GHz", "intel-xeon-2.10ghz-2-cores"),
        ("unknown", "unknown-2-cores"),
    ],
)
def test_a_machine_is_named_by_its_processor(processor: str, name: str) -> None:
    assert slug(processor, 2) == name


def run_minutes(project: Any, minutes: float, folder: str = "gpu-runs") -> str:
    command = [sys.executable, str(PROJECT / "benchmarks/gpu.py"), f"--minutes={minutes}", "--profile=tiny"]
    done = subprocess.run(
        [*command, "--nets", "resnet-8", "--device=cpu", f"--folder={folder}"], cwd=project.folder, text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, timeout=200, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_minutes_of_training_are_stopped_packed_continued_elsewhere_and_joined(project: Any) -> None:
    """The runs that were stopped and moved equal those that were never stopped, and `pipeline.join` takes them."""
    project.configure({"cifar": {"nets": ["resnet-8"]}}, schedule={"iterations": 30, "drops": [20]})
    run_minutes(project, 0.0)
    packed = project.folder / "gpu-runs.tar"
    with tarfile.open(packed) as archive:
        names = archive.getnames()
        assert not any(name.endswith("run.json") for name in names), "each call makes an iteration, at least"
        states = [Path(name) for name in names if "work" in Path(name).parts[:-1] and "before" not in name]
        assert [state.name for state in states] == ["state.pt"]
        shutil.rmtree(project.folder / "gpu-runs")
        archive.extractall(project.folder, filter="data")
    run_minutes(project, 5.0)
    run_minutes(project, 5.0, "whole")
    for seed in range(5):
        moved, whole = (project.folder / f"{name}/runs/cifar/resnet-8/seed-{seed}" for name in ("gpu-runs", "whole"))
        for file in ("net.safetensors", "curve.csv"):
            assert (moved / file).read_bytes() == (whole / file).read_bytes()
    assert not list((project.folder / "gpu-runs/work").iterdir())
    joined = project.run("join", "gpu-runs/runs/cifar/resnet-8/seed-0", "gpu-runs/runs/cifar/resnet-8/seed-1")
    assert joined.returncode == 0, joined.stderr
    rows = (project.folder / "results/tiny/cifar/runs.csv").read_text().splitlines()
    assert len(rows) == 3, "a header and two runs"


def test_a_training_is_asked_to_stop_at_the_first_iteration_after_its_deadline() -> None:
    with catch_stop_requests() as stops:
        Deadline(time.monotonic() + 100).value = 0.5
        assert not stops
        Deadline(time.monotonic() - 1).value = 0.5
        assert stops == [signal.SIGTERM]
