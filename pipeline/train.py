"""Stage `train`: train the runs of a task side by side, and write runs/<task>/<net>[/<variant>]/seed-<n>/.

    python -m pipeline.train cifar                all runs that params.yaml names
    python -m pipeline.train cifar resnet-56 0    one of them, in this process

Run it after `check` and `prepare`. Runs in the store are copied (`pipeline.run_store`). A stopped or killed training
resumes bit for bit. On a CPU the runs share the cores: 4 runs on 16 cores have 4 threads each. The profile's `threads`
fixes that number, `jobs` of params.yaml how many train at once. On GPUs each trains on its own. With `processes` above
1, that many processes train one net at a time under torchrun; a Slurm job distributes them over its nodes.
"""

import os
import shutil
import sys

from pipeline import code, machine, run_store, stage
from pipeline.params import WORK, BaseParams, read_params
from pipeline.plan import RUNS, Plan, PlannedRun, parse_run, plan_of, published_weights, recipe_of
from pipeline.workers import Job, run_jobs
from replication.errors import UserError
from replication.nets.names import depth_of
from replication.runs.folder import checkpoint
from replication.tasks import Task, get_task
from replication.training.progress import Progress


def main() -> None:
    options = stage.task_or_run(__doc__)
    task = get_task(options.task)
    with code.guard_code(f"train-{task.name}") as digest:
        if options.net:
            run = parse_run(task.name, options.net, options.seed)
            entry = run_store.run_entry(recipe_of(run).hash, digest)
            if run_store.is_usable(entry, plan_of(task).threads):
                run_store.delete_resume_state(recipe_of(run))  # a killed process left it
            else:
                train_one(run, digest)
            if os.environ.get("RANK", "0") == "0":  # under torchrun the first process alone has written it
                run_store.take(entry, run.folder)
                warn_of_checkpoints([run], read_params())
        else:
            train_all(task, digest)


def train_all(task: Task, digest: str) -> None:
    """Train the runs of a task that the store lacks, and fill runs/<task>/ with all of them.

    Raises:
        UserError: some runs failed; the others are kept.
    """
    params, plan = read_params(), plan_of(task)
    entries = {run: run_store.run_entry(recipe_of(run).hash, digest) for run in plan.runs}
    missing = [run for run in plan.runs if not run_store.is_usable(entries[run], plan.threads)]
    for run in plan.runs:
        if run not in missing:
            run_store.delete_resume_state(recipe_of(run))  # a killed process left it
    for run in missing:
        shutil.rmtree(entries[run], ignore_errors=True)  # trained on another number of threads
    failed = _train(missing, digest, params, plan) if missing else []
    run_store.fill(RUNS / task.name, {run.folder: entries[run] for run in plan.runs if run.title not in failed})
    if failed:
        raise UserError(
            f"{len(failed)} of {len(plan.runs)} runs of {task.name} failed: {', '.join(failed)}. The reasons are "
            "above; the other runs are kept. Run the same command again.",
            kind="failed",
        )
    warn_of_checkpoints(plan.runs, params)
    print(f"train {task.name}: {len(missing)} runs trained, {len(plan.runs) - len(missing)} taken from the run store")


def _train(missing: list[PlannedRun], digest: str, params: BaseParams, plan: Plan) -> list[str]:
    jobs = []
    for run in missing:
        schedule = recipe_of(run).schedule
        cost = depth_of(run.net) * schedule.iterations * schedule.batch_size
        jobs.append(Job(run.title, train_one, (run, digest), cost))
    return run_jobs(jobs, machine.slots(params, plan.threads, len(jobs)))


def train_one(run: PlannedRun, digest: str, progress: Progress | None = None) -> None:
    """Train a run in this process, and put it into the store.

    Args:
        digest: of the code that trains.
        progress: receives the finished share; None: a bar is shown.
    """
    from pipeline.launch.torchrun import torchrun
    from pipeline.mlflow_destination import destination_of, study_of
    from replication.training.device import choose_device
    from replication.training.processes import is_under_torchrun
    from replication.training.run import Stopped, train_run
    from replication.training.speed import choose_compilation

    code.require_unchanged(f"train-{run.task.name}")
    params, recipe = read_params(), recipe_of(run)
    save_seconds = stage.seconds("REPLICATION_SAVE_SECONDS", 60)
    machine.use_threads(plan_of(run.task).threads)
    images = stage.images_of(params, run.task)
    starts = run_store.stored_start_folders(run, recipe) | published_weights(run, recipe.values)
    device = choose_device(params.device, WORK)
    if params.processes > 1 and not is_under_torchrun():
        torchrun("pipeline.train", [run.task.name, run.name, str(run.seed)], params.processes, recipe, device)
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(WORK / "compiled"))
    classes = len(run.task.class_names(images.meta.classes))
    compiled = choose_compilation(params.compile, recipe, classes, device)
    keeps_maps = machine.can_keep_maps(recipe, classes, device)
    destination, checkpoints = destination_of(recipe, study_of(params, recipe)), params.section(run.task).checkpoints
    try:
        record = train_run(
            run_store.run_entry(recipe.hash, digest), recipe, images, device, WORK, destination, save_seconds, compiled,
            starts, checkpoints, digest, progress, keeps_maps,
        )  # fmt: skip
    except Stopped as stopped:
        if os.environ.get("LOCAL_RANK", "0") == "0":  # under torchrun all of them stop at the same iteration
            print(stopped, file=sys.stderr)
        sys.exit(130)
    if record:
        run_store.delete_resume_state(recipe)


def warn_of_checkpoints(runs: list[PlannedRun], params: BaseParams) -> None:
    """Warn about checkpoints that were requested after the training."""
    for run in runs:
        late = [at for at in params.section(run.task).checkpoints if not (run.folder / checkpoint(at)).exists()]
        if late:
            missing = ", ".join(map(str, late))
            print(f"warning: {run.title} was trained without the checkpoints {missing}", file=sys.stderr)


if __name__ == "__main__":
    stage.run(main)
