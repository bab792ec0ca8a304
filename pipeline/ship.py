"""Put the net of a run into weights/, which comes with the repository. Not a stage.

`python -m pipeline.ship cpu-long FOLDER`: the folder of a run of a classifier that results/cpu-long/ has. Writes
weights/<net>.safetensors, one net of a kind: a net that is there is replaced; then README.md and SHA256SUMS of weights/
for all of them. Needs the images that it was tested on. Takes 20 seconds. `make verify-weights` scores what is there.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from pipeline import stage
from pipeline.params import RESULTS, BaseParams, read_params
from replication.config.recipe import Recipe
from replication.data.store import Images
from replication.errors import UserError
from replication.files import check_whole, seal, sha256
from replication.loading import WEIGHTS, Ready, load, read_about
from replication.results.tables import RUNS, SCORES, read_tables
from replication.runs.folder import NET, REMAKE, read_run
from replication.tasks import get_task

HEAD = """# Trained nets

One net of a kind, after the last iteration of its run, with its mean image and the names of its classes. `make
verify-weights` scores each on the official test images, in fp32. The test error is the recorded one, in the arithmetic
of the run (bf16 for cpu-long).

```python
import replication

net = replication.load("resnet-20")  # uint8 images [n, 3, 32, 32] → probabilities [n, 10]
```

| net | study | seed | test error, % | wrong in fp32 | trained by commit | sha256 |
|---|---|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Recorded:
    """The test error of a run, percent, and where it is from."""

    study: str
    recipe: Recipe
    error: float
    commit: str


def main() -> None:
    options = stage.arguments(__doc__, study="cpu-long, cpu, …", folder="of a run")
    folder = Path(options.folder)
    recipe = read_run(folder).recipe
    task = get_task(recipe.task)
    file = check_whole(folder, NET, REMAKE)
    about = read_about(file) | {"task": task.name, "recipe": recipe.hash, "study": options.study, "seed": recipe.seed}
    if task.has_own_net or recipe.variant != "default":
        raise UserError(
            f"{folder} holds {recipe.net} ({recipe.variant}) of the task {task.name}; only classifiers with the recipe "
            "of their profile are shipped.",
            kind="conflict",
            file=folder,
        )
    recorded = read_recorded(about)
    net = load(folder)
    about["wrong"] = count_errors(net, read_official(read_params(), recorded))
    shipped = WEIGHTS / f"{recipe.net}.safetensors"
    WEIGHTS.mkdir(exist_ok=True)
    save_file(load_file(file), shipped, metadata={"about": json.dumps(about)})
    (WEIGHTS / "README.md").write_text(HEAD + "".join(map(_row, sorted(WEIGHTS.glob("*.safetensors")))))
    seal(WEIGHTS)
    print(f"{shipped}: {recipe.net} of {options.study}, seed {recipe.seed}, {recorded.error:.2f} % test error")


def read_recorded(about: Mapping[str, Any]) -> Recorded:
    """What results/ has of a shipped net.

    Raises:
        UserError: results/ has no such run, or another one by this name.
    """
    task = get_task(about["task"])
    folder = RESULTS / about["study"] / task.name
    recipes, tables = read_tables(folder, task)
    name = {"net": about["net"], "variant": "default", "seed": about["seed"]}
    runs = [row for row in tables[RUNS] if row.items() >= (name | {"recipe": about["recipe"]}).items()]
    protocol = task.protocols[0]
    wanted = name | {"protocol": protocol.name, "metric": protocol.metrics[0].name}
    scores = [row["value"] for row in tables[SCORES] if row.items() >= wanted.items()]
    if not (runs and scores):
        raise UserError(
            f"{folder / RUNS} has no run of {about['net']} with seed {about['seed']} and recipe {about['recipe']}; add "
            "it with `python -m pipeline.join FOLDER`, then ship it.",
            kind="missing",
            file=folder / RUNS,
        )
    recipe, commit = recipes[about["recipe"]], runs[0]["commit"]
    return Recorded(about["study"], recipe, scores[0], commit)


def read_official(params: BaseParams, recorded: Recorded) -> Images:
    """The prepared images of a run.

    Raises:
        UserError: they are missing, or others are prepared.
    """
    task, data = get_task(recorded.recipe.task), recorded.recipe.data
    images = stage.images_of(params, task)
    if images.meta.identity != data:
        raise UserError(
            f"data/{task.images_folder} holds {images.meta.name} ({images.meta.pixels}), not {data.name} "
            f"({data.pixels}); set `profile: {recorded.study}` in params.yaml and run `dvc repro prepare@{task.name}`.",
            kind="conflict",
            key="profile",
        )
    return images


@torch.inference_mode()
def count_errors(net: Ready, images: Images) -> int:
    """On how many test images the likeliest class of a net, in fp32, is not theirs."""
    guesses = torch.cat([net(chunk).argmax(1) for chunk in images.test_images.split(500)])
    return int((guesses != images.test_labels).sum())


def _row(file: Path) -> str:
    about = read_about(file)
    run = read_recorded(about)
    cells = [
        about["net"],
        run.study,
        about["seed"],
        f"{run.error:.2f}",
        about["wrong"],
        run.commit,
        f"`{sha256(file)[:16]}…`",
    ]
    return f"| {' | '.join(map(str, cells))} |\n"


if __name__ == "__main__":
    stage.run(main)
