"""Stage `train`: train one net with one seed, and write runs/<arm>/<net>/seed-<n>/.

`python -m pipeline.train cifar resnet-56 0`. Killed at any moment and started again, it continues bit for bit. With
`processes` above 1 in params.yaml it starts that many under torchrun, one a GPU; on several nodes call torchrun
yourself. On 2 cores a CIFAR net takes 10 to 30 seconds in profile quick and 8 minutes (20 layers) to 27 (56) in cpu.
"""

import os
import shutil
import sys
from typing import NoReturn

import torch

from pipeline import stage
from pipeline.params import RUNS, TRACKING_URI, WORK, Params, Run, images_of, paper_recipe, read_params, recipe_of
from pipeline.provenance import provenance
from replication.errors import UserError
from replication.feed.batches import make_batches
from replication.nets.complexity import complexity
from replication.recipe import Data, Recipe
from replication.study.fidelity import fidelity
from replication.training import RunRecord, train, write_run
from replication.training.loop import Stopped
from replication.training.processes import Processes
from replication.training.state import State
from replication.training.tracking import Tracker

STUDY = "Deep residual learning"
NOT_READ = Data(name="not read yet", variant=None, fingerprint="")


def main() -> None:
    options = stage.arguments(__doc__, arm="cifar or imagenet", net="plain-20, resnet-110, …", seed="a whole number")
    if not options.seed.isdecimal():
        raise UserError(f"the seed is {options.seed!r}; it must be a whole number.")
    params, seed = read_params(), int(options.seed)
    if params.processes > 1 and "RANK" not in os.environ:
        launch(params, recipe_of(params, options.arm, options.net, seed, NOT_READ))
    folder = RUNS / options.arm / options.net / f"seed-{seed}"
    train_run(params, options.arm, Run(net=options.net, seed=seed, folder=folder))


def launch(params: Params, recipe: Recipe) -> NoReturn:
    """Become torchrun, which starts this script once for each process.

    Raises:
        UserError: the batch cannot be shared by so many, or there are fewer GPUs.
    """
    count = params.processes
    Processes(0, count).check(recipe)
    device = stage.choose_device(params.device)
    if device.type == "cuda" and torch.cuda.device_count() < count:
        raise UserError(
            f"params.yaml: processes: {count} need a GPU each, and this machine has {torch.cuda.device_count()}; "
            "lower it, or call torchrun on several nodes (README, GPUs)."
        )
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    os.execv(sys.executable, [sys.executable, *torchrun, "-m", "pipeline.train", *sys.argv[1:]])


def train_run(params: Params, arm: str, run: Run) -> None:
    """Train one run of an arm and write its folder."""
    device = stage.choose_device(params.device)
    processes = Processes.under_torchrun(device)
    images = images_of(params, arm)
    recipe = recipe_of(params, arm, run.net, run.seed, images.identity)
    batches = make_batches(images, recipe, device, processes.share)
    work = WORK / recipe.hash
    origin = provenance(device)
    tracker = _tracker(params, recipe, origin)
    try:
        state = train(recipe, batches, work, tracker, _save_seconds(), processes)
    except Stopped as stopped:
        print(stopped, file=sys.stderr)
        sys.exit(130)

    if processes.rank > 0:
        return
    stride = recipe.net_options.get("bottleneck_stride", "1x1")
    size = complexity(recipe.net, recipe.input_size, batches.classes, stride)
    last = state.curve[-1]
    record = RunRecord(
        recipe=recipe,
        recipe_hash=recipe.hash,
        profile=params.profile,
        status="diverged" if no_better_than_chance(state, recipe, batches.classes) else "trained",
        parameters=size.parameters,
        macs=size.macs,
        warmup_ended_at=state.warmup_ended_at,
        dropped_at=state.dropped_at if recipe.schedule.plateau else list(recipe.schedule.drops),
        seconds=round(state.seconds, 1),
        images_per_second=round(recipe.schedule.iterations * recipe.schedule.batch_size / state.seconds, 1),
        starts=state.starts,
        processes=processes.count,
        mlflow_run_id=tracker.run_id,
        provenance=origin,
    )
    write_run(run.folder, record, state.curve, state.net)
    final = {
        f"final_{key}": last[key] for key in ("train_error", "test_error", "heldout_error") if last[key] is not None
    }
    final |= {"images_per_second": record.images_per_second, "seconds": record.seconds}
    tracker.finish("FINISHED", final, {"status": record.status})
    shutil.rmtree(work)  # the run is whole: nothing is left to resume
    print(
        f"{recipe.net} · seed {recipe.seed}: training error {last['train_error']:.2f} %, "
        f"test error {last['test_error']:.2f} %"
    )


def no_better_than_chance(state: State, recipe: Recipe, classes: int) -> bool:
    """Whether the training error of the last tenth of the run is chance, within three standard errors."""
    chance = 100 * (1 - 1 / classes)
    rows = [row for row in state.curve if row["iteration"] > 0.9 * recipe.schedule.iterations]
    error = sum(row["train_error"] for row in rows) / len(rows)
    images = 0.1 * recipe.schedule.iterations * recipe.schedule.batch_size
    return error > chance - 3 * (chance * (100 - chance) / images) ** 0.5


def _tracker(params: Params, recipe: Recipe, origin: dict) -> Tracker:
    """The MLflow run of this training; REPLICATION_TRACKING is another store's address, or off."""
    uri = os.environ.get("REPLICATION_TRACKING", TRACKING_URI)
    flat = {}
    for key, value in recipe.model_dump().items():
        flat |= {f"{key}.{k}": v for k, v in value.items()} if isinstance(value, dict) else {key: value}
    tags = {
        "profile": params.profile,
        "arm": recipe.arm,
        "dataset": recipe.data.name if recipe.data.variant is None else f"{recipe.data.name} ({recipe.data.variant})",
        # A tag decides nothing, so neither the paper's profile nor `study` is a dependency of the stage.
        "fidelity": fidelity(recipe, paper_recipe(params, recipe.arm, recipe.net, recipe.seed)),
        "recipe_hash": recipe.hash,
        "commit": origin["commit"],
        "dirty": str(origin["dirty"]).lower(),
        "dvc_experiment": origin["dvc_experiment"],
        "machine": origin["machine"]["cpu"],
    }
    return Tracker(
        None if uri == "off" else uri, f"{STUDY} · {params.profile}", f"{recipe.net} · seed {recipe.seed}",
        flat, tags, WORK / "mlflow.lock",
    )  # fmt: skip


def _save_seconds() -> float:
    return float(os.environ.get("REPLICATION_SAVE_SECONDS", "60"))


if __name__ == "__main__":
    stage.run(main)
