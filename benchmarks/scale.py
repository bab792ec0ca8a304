"""How `dvc repro` grows with the number of runs: `python -m benchmarks.scale`, or with `--runs 300`.

Clones this checkout into a temporary folder, plans many runs of section 4.2, and puts made-up runs and outcomes into
the run store. Then it times the stages, which take all runs from there, and a `dvc repro` that has nothing to do. It
prints seconds for half of the runs and for all: a ratio of two is linear. 3,000 runs take some five minutes and 2 GB.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STAGES = ("check", "train@cifar", "evaluate@cifar", "tabulate@cifar")
NETS = [f"{kind}-{6 * n + 2}" for n in range(1, 40) for kind in ("plain", "resnet") if 6 * n + 2 not in (50, 152)][:30]

# Runs in the clone, whose code makes the runs and names their entries.
FILL = """
import torch
from benchmarks.page import PROVENANCE
from pipeline import code, run_store
from pipeline.evaluate import entry_of
from pipeline.plan import plan_of, recipe_of
from replication.tasks.build import count_net
from replication.tasks.cifar import CIFAR
from replication.tasks.classification import ClassOutcome
from replication.runs.outcome import Evaluation, write_evaluation
from replication.files import sha256
from replication.runs.curve import Point
from replication.runs.folder import NET, write_run
from replication.runs.record import RunRecord

labels = torch.arange(360) % 10
probabilities = torch.eye(10)[labels]
machine = PROVENANCE["machine"] | {"threads": "1"}
with code.guard_code("train-cifar") as training, code.guard_code("evaluate-cifar") as evaluation:
    for run in plan_of(CIFAR).runs:
        recipe = recipe_of(run)
        entry = run_store.run_entry(recipe.hash, training)
        if entry.exists():
            continue
        last, logging = recipe.schedule.iterations, recipe.logging
        curve = [
            Point(at, "train", "error", 100 / at) for at in range(logging.log_every, last + 1, logging.log_every)
        ] + [
            Point(at, "test", "top1_error", 50 / at)
            for at in range(logging.evaluate_every, last + 1, logging.evaluate_every)
        ]
        size = count_net(recipe, 10)
        record = RunRecord(
            recipe=recipe, status="trained", parameters=size.parameters, macs=size.macs, warmup_ended_at=None,
            dropped_at=list(recipe.schedule.drops), seconds=10.0, images_per_second=900.0, starts=1, processes=1,
            mlflow_run_id=None, provenance=PROVENANCE | {"machine": machine},
        )
        weights = {"weights": torch.full((1000,), float(run.seed + 1000 * size.parameters))}
        write_run(entry, record, curve, weights, torch.zeros(1, 3, 16, 16), [str(n) for n in range(10)])
        run_store.take(entry, run.folder)
        measured = Evaluation({"single_view": ClassOutcome(probabilities, labels)})
        write_evaluation(entry_of(run, evaluation), measured, CIFAR, weights=sha256(run.folder / NET))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3000)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "replication"
        subprocess.run(["git", "clone", "-q", ".", str(clone)], check=True)
        call = Calls(clone)
        seconds = [call.time_study(count) for count in (runs // 2, runs)]
    print(f"\n{'seconds':16} {runs // 2:>8} {runs:>8}  ratio")
    for stage, half in seconds[0].items():
        print(f"{stage:16} {half:8.1f} {seconds[1][stage]:8.1f}  {seconds[1][stage] / half:.2f}")


class Calls:
    """Commands in the clone."""

    def __init__(self, clone: Path):
        self.clone = clone
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        where = os.pathsep.join([str(clone / "src"), str(clone)])
        self.environment = os.environ | {"PATH": path, "PYTHONPATH": where, "REPLICATION_TRACKING": "off"}

    def run(self, *command: str) -> float:
        """Seconds that a command takes."""
        start = time.perf_counter()
        subprocess.run(command, cwd=self.clone, env=self.environment, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - start

    def time_study(self, runs: int) -> dict[str, float]:
        """Seconds of each stage, of all together, and of a `dvc repro` that has nothing to do."""
        self.plan(runs)
        self.run("dvc", "repro", "check", "prepare@cifar")
        self.run(sys.executable, "-c", FILL)
        self.run("git", "checkout", "-q", "results")
        seconds = {stage: self.run("dvc", "repro", "-s", "-f", stage) for stage in STAGES}
        seconds["all"] = sum(seconds.values())
        seconds["nothing to do"] = self.run("dvc", "repro", "tabulate@cifar")
        return seconds

    def plan(self, runs: int) -> None:
        """Let params.yaml name so many runs."""
        from ruamel.yaml import YAML

        yaml, path = YAML(), self.clone / "params.yaml"
        params = yaml.load(path.read_text(encoding="utf-8"))
        params["cifar"] |= {"nets": NETS, "seeds": list(range(runs // len(NETS)))}
        params["imagenet"] |= {"nets": [], "ensembles": []}
        params["depth"] = 20
        with path.open("w", encoding="utf-8") as file:
            yaml.dump(params, file)


if __name__ == "__main__":
    main()
