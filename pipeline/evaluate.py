"""Stage `evaluate`: test the trained nets of a task, and write outcomes/<task>/<net>[/<variant>]/seed-<n>/.

    python -m pipeline.evaluate cifar                all runs that params.yaml names
    python -m pipeline.evaluate cifar resnet-56 0    one of them

Run it after `train`. Each net is tested by all protocols of its task: section 4.2 by the single original view; 4.1 by
centre crop, 10 crops and fully convolutionally at five scales. The responses of the layers of CIFAR nets are measured
too (Figure 7). Probabilities are kept for ensembles. On 2 cores it takes seconds for CIFAR-10 and minutes for Tiny
ImageNet. Outcomes in the store are not measured again. Where a task tests all seeds of a net together (detection), only
the first form does so, after all runs.
"""

from pathlib import Path

from pipeline import code, machine, run_store, stage
from pipeline.params import WORK, read_params
from pipeline.plan import (
    OUTCOMES,
    Ensemble,
    PlannedRun,
    digest_weights,
    list_ensembles,
    parse_run,
    plan_of,
    read_finished,
    recipe_of,
)
from pipeline.workers import Job, run_jobs
from replication.errors import UserError
from replication.files import sha256
from replication.nets.names import depth_of
from replication.runs.folder import NET
from replication.tasks import Task, get_task
from replication.training.progress import Progress


def main() -> None:
    options = stage.task_or_run(__doc__)
    task = get_task(options.task)
    with code.guard_code(f"evaluate-{task.name}") as digest:
        if options.net:
            run = parse_run(task.name, options.net, options.seed)
            if not entry_of(run, digest).exists():
                evaluate_one(run, digest)
            run_store.take(entry_of(run, digest), run.outcome)
        else:
            evaluate_all(task, digest)


def evaluate_all(task: Task, digest: str) -> None:
    """Evaluate the runs of a task that the store lacks, and fill outcomes/<task>/.

    Raises:
        UserError: some evaluations failed; the others are kept.
    """
    params, plan = read_params(), plan_of(task)
    entries = {run: entry_of(run, digest) for run in plan.runs}
    missing = [run for run in plan.runs if not entries[run].exists()]
    jobs = [Job(run.title, evaluate_one, (run, digest), depth_of(run.net)) for run in missing]
    failed = run_jobs(jobs, machine.slots(params, plan.threads, len(jobs))) if jobs else []
    targets = {run.outcome: entries[run] for run in plan.runs if run.title not in failed}
    for ensemble in list_ensembles(task, [run for run in plan.runs if run.title not in failed]):
        targets[ensemble.outcome] = run_store.outcome_entry([run.folder for run in ensemble], digest)
        if not targets[ensemble.outcome].exists():
            evaluate_ensemble(ensemble, targets[ensemble.outcome])
    run_store.fill(OUTCOMES / task.name, targets)
    if failed:
        raise UserError(
            f"{len(failed)} of {len(plan.runs)} evaluations of {task.name} failed: {', '.join(failed)}. The reasons "
            "are above; the other evaluations are kept. Run the same command again.",
            kind="failed",
        )
    print(f"evaluate {task.name}: {len(missing)} nets tested, {len(plan.runs) - len(missing)} taken from the store")


def entry_of(run: PlannedRun, digest: str) -> Path:
    """The store's folder for the outcome of a run."""
    starts = run_store.stored_start_folders(run, recipe_of(run))
    return run_store.outcome_entry([*starts.values(), run.folder], digest)


def evaluate_one(run: PlannedRun, digest: str, _progress: Progress | None = None) -> None:
    """Evaluate the net of a run in this process, and put the outcome into the store."""
    from replication.evaluate import evaluate_run
    from replication.runs.outcome import score_rows, write_evaluation
    from replication.training.device import choose_device

    code.require_unchanged(f"evaluate-{run.task.name}")
    params, record, task = read_params(), read_finished(run), run.task
    machine.use_threads(plan_of(task).threads)
    images, device = stage.images_of(params, task), choose_device(params.device, WORK)
    evaluation = evaluate_run(run.folder, images, device, run_store.stored_start_folders(run, record.recipe))
    write_evaluation(entry_of(run, digest), evaluation, task, sha256(run.folder / NET))
    values = {row["protocol"]: row["value"] for row in reversed(score_rows(evaluation.outcomes, task))}
    text = ", ".join(f"{name} {values[name]:.2f} {task.metric.unit}" for name in evaluation.outcomes)
    print(f"{run.title}: {task.metric.label} {text}")


def evaluate_ensemble(ensemble: Ensemble, entry: Path) -> None:
    """Evaluate the nets of several runs together in this process, and put the outcome into the store."""
    from replication import evaluate
    from replication.runs.outcome import write_evaluation
    from replication.training.device import choose_device

    params, task = read_params(), ensemble[0].task
    machine.use_threads(plan_of(task).threads)
    folders = [run.folder for run in ensemble]
    evaluation = evaluate.evaluate_ensemble(folders, stage.images_of(params, task), choose_device(params.device))
    write_evaluation(entry, evaluation, task, digest_weights(ensemble))
    print(f"{ensemble.title}: tested together", flush=True)


if __name__ == "__main__":
    stage.run(main)
