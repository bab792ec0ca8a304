"""A reader with the README and docs/: the commands there, as they stand.

Real DVC, real MLflow on sqlite, real notebooks, in a checkout of its own at the scale of tests/small.yaml. Tests share
a reader's checkout, and each types the commands that it needs.
"""

import io
import json
import os
import re
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow
import pyarrow.parquet
from checkout import PROJECT, Checkout, make_checkout
from filelock import FileLock
from mlflow.entities import Run
from mlflow.tracking import MlflowClient
from PIL import Image

PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
BLOCKS = [block for page in PAGES for block in re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), flags=re.DOTALL)]
COMMANDS = list(dict.fromkeys(line.split("  #")[0].strip() for block in BLOCKS for line in block.splitlines()))


def written(text: str) -> str:
    """The one command of README and docs that has this text."""
    (command,) = [command for command in COMMANDS if text in command]
    return command


REPRO = "make repro"
DEPTH, SEEDS, VARIANT = written("-S depth=110"), written("seeds=[3,4]"), written("three-times-longer")
WARMUP, BOXES, TEMP = written("no-warmup"), written("localization.nets"), written("--temp")
DETECTION = written("detection.nets")
QUEUE, START, SHOW = written("--queue"), written("dvc queue start"), written("dvc exp show")
CPU, CPU_IMAGENET = "dvc exp run -S profile=cpu -S 'imagenet.nets=[]'", "dvc exp run -S profile=cpu -S 'cifar.nets=[]'"
BACK, PLAN, PRUNE = written("git checkout HEAD -- params.yaml"), written("make plan"), written("make prune")
JOIN_BY = written("pipeline.join --by")
PROCESSES, TORCHRUN, JOIN = written("processes=8"), written("torchrun"), written("pipeline.join elsewhere")
CHECK, TRAIN, EVALUATE = written("check prepare@cifar"), written("pipeline.train cifar"), written("pipeline.evaluate")
SUBMIT, OVER_NODES, COMMIT = written("submit.sh --cpus"), written("--nodes=2 --cpus"), written("git commit")
JOIN_ITEMS, COPY = written("launch/join.sh"), [command for command in COMMANDS if "rsync" in command]


@dataclass
class Evening:
    """A reader who types commands of README and docs/."""

    checkout: Checkout
    cifar10: Path
    printed: dict[str, str] = field(default_factory=dict)

    def after(self, *commands: str) -> str:
        """Type some commands, each once and each with the shipped params; returns what the last one printed."""
        where = {"REPLICATION_CIFAR10_SOURCE": "parquet", "REPLICATION_CIFAR10_ROOT": str(self.cifar10)}
        for command in commands:
            if command not in self.printed:
                self.checkout.run(BACK)
                self.printed[command] = self.checkout.run(command, **where)
                if command == START:  # it returns at once, and works on in the background
                    self.printed[command] += self._wait_for_queue()
        return self.printed[commands[-1]]

    def _wait_for_queue(self) -> str:
        for _ in range(300):
            status = self.checkout.run("dvc queue status")
            if "Success" in status or "Failed" in status:
                return status
            time.sleep(1)
        raise AssertionError(f"the queue did not end:\n{status}")

    def tables(self, profile: str = "quick", task: str = "cifar") -> Path:
        """The folder of the tables that the reader's runs went to: by the override, if there is one."""
        (folder,) = (self.checkout.folder / f"results/{profile}/{task}").glob("logging.*=*/runs.csv")
        return folder.parent

    def results(self, profile: str = "quick", task: str = "cifar", table: str = "runs") -> pd.DataFrame:
        return pd.read_csv(self.tables(profile, task) / f"{table}.csv")

    def error(self, net: str) -> float:
        """The headline error of a CIFAR net of the quick study, seed 0."""
        scores = self.results(table="scores")
        own = (scores["net"] == net) & (scores["seed"] == 0) & (scores["variant"] == "default")
        return scores[own & (scores["protocol"] == "single_view")]["value"].item()

    def page(self) -> str:
        return (self.checkout.folder / "reports/replication.html").read_text()

    def mlflow_runs(self) -> dict[str, list[Run]]:
        """All runs by their names, the last first."""
        client = MlflowClient(f"sqlite:///{self.checkout.folder}/mlflow.db")
        found: dict[str, list[Run]] = {}
        for run in client.search_runs([experiment.experiment_id for experiment in client.search_experiments()]):
            found.setdefault(run.info.run_name, []).append(run)
        return found


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


def new_evening(folder: Path, shared_folder: Path) -> Evening:
    """A reader with a checkout of their own in `folder`.

    The first command is `make repro`. It runs once for all readers, in `shared_folder`; each gets a copy of the result.
    """
    made = shared_folder / "evening"
    printed = made / "printed.json"
    with FileLock(shared_folder / "evening.lock"):
        if not printed.exists():
            shutil.rmtree(made, ignore_errors=True)  # left by a reader who failed
            made.mkdir()
            cifar10_in_one_colour_a_class(made / "cifar10")
            one = Evening(make_checkout(made / "replication"), made / "cifar10")
            printed.write_text(json.dumps(one.after(REPRO)), encoding="utf-8")
    cache = str(made / "replication/.dvc/cache")  # DVC replaces files of its cache and never changes them

    def copy(file: str, to: str) -> str:
        if file.startswith(cache):
            os.link(file, to)
            return to
        return shutil.copy2(file, to)

    shutil.copytree(made / "replication", folder / "replication", symlinks=True, copy_function=copy)
    before = {REPRO: json.loads(printed.read_text("utf-8"))}
    return Evening(Checkout(folder / "replication"), made / "cifar10", before)
