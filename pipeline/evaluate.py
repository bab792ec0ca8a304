"""Stage `evaluate`: score every trained net of an arm by the paper's protocol, and write evaluations/<arm>.csv.

`python -m pipeline.evaluate cifar`: the net of the last iteration on the single original view (section 4.2). On 2
cores 10 seconds for the quick study; for CIFAR-10 about 5 (20 layers) to 15 seconds (56 layers) a net.
"""

import csv

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from pipeline import stage
from pipeline.params import EVALUATIONS, STORE, Params, Run, read_params, recipe_of, runs_of
from replication.data import Batches, Store, read_store
from replication.errors import UserError
from replication.evaluation import recompute_bn_statistics, top1_error
from replication.nets import build
from replication.training import read_run
from replication.training.run_folder import NET


def main() -> None:
    arm = stage.arguments(__doc__, arm="cifar").arm
    params, store = read_params(), read_store(STORE / arm)
    device = stage.choose_device(params.device)
    rows = [score(params, arm, run, store, device) for run in runs_of(params, arm)]
    EVALUATIONS.mkdir(exist_ok=True)
    with (EVALUATIONS / f"{arm}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["net", "seed", "protocol", "top1_error", "images"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def score(params: Params, arm: str, run: Run, store: Store, device: torch.device) -> dict[str, object]:
    """Score one run.

    Raises:
        UserError: its weights are missing, or it was trained under another recipe or on other pixels.
    """
    record = read_run(run.folder)
    recipe = recipe_of(params, arm, run.net, run.seed, store.identity)
    if record.recipe != recipe:
        raise UserError(
            f"{run.folder} was trained under another recipe or on other data; run `dvc repro` to train it again."
        )
    net = build(recipe.net, len(store.meta.classes), **recipe.shortcut.model_dump())
    try:
        net.load_state_dict(load_file(run.folder / NET))
    except (OSError, SafetensorError, RuntimeError) as error:
        raise UserError(
            f"{run.folder / NET} cannot be read ({error}); delete {run.folder} and run `dvc repro`."
        ) from error
    net.to(device, memory_format=torch.channels_last)
    batches = Batches(store, recipe, device)
    if recipe.bn_statistics == "recomputed":
        recompute_bn_statistics(net, batches)
    error = top1_error(net, batches, batches.test)
    print(f"{run.net} · seed {run.seed}: test error {error:.2f} %", flush=True)
    return {
        "net": run.net,
        "seed": run.seed,
        "protocol": "single view",
        "top1_error": round(error, 4),
        "images": len(batches.test[1]),
    }


if __name__ == "__main__":
    stage.run(main)
