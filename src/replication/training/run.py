"""A supervised training: locked, resumable, with progress bar and tracking; and the run folder that it makes."""

import sys
import time
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from replication.config.recipe import Recipe
from replication.data.store import Images
from replication.files import make_read_error, remove_leftovers, require_regular, write_durably
from replication.nets.convert import read_published
from replication.runs.curve import ERROR, TEST, TRAIN, last_value
from replication.runs.folder import checkpoint, read_weights, write_run
from replication.runs.nets import load_started_from
from replication.runs.provenance import describe_start, provenance
from replication.runs.record import RunRecord, judge_status, run_name
from replication.tasks import get_task
from replication.tasks.batches import Batches
from replication.tasks.build import count_net
from replication.tracking.importer import environment_of
from replication.tracking.live import LiveRun
from replication.tracking.mlflow_store import Destination
from replication.training.loop import iterate
from replication.training.processes import Processes
from replication.training.progress import (
    Progress,
    Stopped,
    catch_stop_requests,
    lock_run,
    make_bar,
    report_failure,
    update_bar,
)
from replication.training.state import State

BACKBONE = "backbone"  # role of the run that initialises the first layers

__all__ = ["Stopped", "train", "train_run"]


def train(
    recipe: Recipe,
    batches: Batches,
    work: Path,
    live: LiveRun,
    save_seconds: float = 60,
    processes: Processes = Processes(),  # noqa: B008
    compiled: bool = False,
    backbone: Mapping[str, Tensor] | None = None,
    checkpoints: Collection[int] = (),
    origin: Mapping[str, Any] = MappingProxyType({}),
    progress: Progress | None = None,
    keeps_maps: bool = False,
) -> State:
    """Train a net to the end of its schedule; resume from the checkpoint in `work` if there is one.

    Args:
        backbone: weights of the trained net that the first layers are initialised from.
        checkpoints: iterations after which weights are also saved for the run folder, 0 for the initial ones.
        compiled: whether torch.compile makes its kernels; a resumed training keeps the setting of its first start.
        work: folder of the resume state, named by the recipe's hash. The caller deletes it.
        live: the run in MLflow, from the first save on; a shorter run is imported at its end.
        save_seconds: between two saves: the most that a kill -9 costs.
        processes: this process among all that train this net; `batches` must be its share of them. The first one
            shows, tracks and saves; the others only train.
        origin: machine and code of this start, for the history of the run; "code" is the digest of the code.
        progress: takes the share of the schedule that is done, for a supervisor that shows it; None: a bar is shown.
        keeps_maps: a net that recomputes the maps of its blocks keeps them instead; the bits are the same.

    Raises:
        Stopped: asked to stop; the checkpoint is saved.
        NonFiniteLoss: the loss is not finite; the last good checkpoint is kept.
        UserError: another process trains this run, or the checkpoint cannot be read.
    """
    processes.check(recipe)
    first, name, schedule = processes.rank == 0, run_name(recipe), recipe.schedule
    with lock_run(work, processes), catch_stop_requests() as stop, report_failure(recipe, work, live):
        state = State.start(recipe, batches.classes, batches.device, compiled, origin)
        if keeps_maps:
            state.net.keep_maps()
        if backbone:
            state.net.load_backbone(backbone)
        resumed = state.load(work, batches.device, schedule.iterations)
        processes.wait()
        saved_at = time.monotonic()
        if first and state.mlflow_run_id:
            state.mlflow_run_id = live.log(state.curve, state.mlflow_run_id)
        if first and not resumed:
            _save_checkpoint(state, work, checkpoints)
            state.save(work)
        with make_bar(state, recipe, is_visible=first and progress is None) as bar:
            if first and resumed:
                at_end = state.iteration == schedule.iterations
                done = f"already trained to its end; delete {work} to train it again"
                text = done if at_end else f"resumes at iteration {state.iteration:,}"
                bar.write(f"{name}: {text}", file=sys.stderr)
            for points in iterate(state, recipe, batches, processes):
                update_bar(bar, points, schedule.batch_size)
                if progress is not None:
                    progress.value = state.iteration / schedule.iterations
                if first:
                    _save_checkpoint(state, work, checkpoints)

                # Save, so that a crash costs a minute at most.
                last, now = state.iteration == schedule.iterations, time.monotonic()
                stopping = processes.any(bool(stop))
                if stopping or last or now - saved_at > save_seconds:
                    state.seconds, saved_at = state.seconds + now - saved_at, now
                    if first:
                        if state.mlflow_run_id or not (last or stopping):
                            state.mlflow_run_id = live.log(state.curve, state.mlflow_run_id)
                        state.save(work)
                if stopping and not last:
                    processes.wait()  # torchrun ends all processes once one ends, and the first may still be saving
                    raise Stopped(f"{name} stopped at iteration {state.iteration:,}; the same command resumes it.")
    return state


def _save_checkpoint(state: State, work: Path, checkpoints: Collection[int]) -> None:
    """Save the weights if this iteration is one of `checkpoints`; before the state is saved, so that none is lost."""
    if state.iteration in checkpoints:
        tensors = {key: value.contiguous().cpu() for key, value in state.net.state_dict().items()}
        write_durably(work / checkpoint(state.iteration), save(tensors))


def _load_checkpoints(work: Path, checkpoints: Collection[int], name: str) -> dict[int, dict[str, Tensor]]:
    """Load the saved checkpoints; warn about those that training has already passed.

    Raises:
        UserError: one is damaged.
    """
    weights, late = {}, []
    for iteration in checkpoints:
        path = work / checkpoint(iteration)
        try:
            if path.exists():
                weights[iteration] = load_file(require_regular(path))
            else:
                late.append(iteration)
        except (SafetensorError, OSError) as error:
            message = f"{path} cannot be read ({error}); delete {work} to train this run from its start."
            raise make_read_error(path, error, message) from error
    if late:
        iterations = ", ".join(f"{iteration:,}" for iteration in late)
        print(f"{name}: checkpoint {iterations} unavailable: training had already passed it.", file=sys.stderr)
    return weights


def train_run(
    folder: Path,
    recipe: Recipe,
    images: Images,
    device: torch.device,
    work: Path,
    destination: Destination | None = None,
    save_seconds: float = 60,
    compiled: bool = False,
    starts: Mapping[str, Path] = MappingProxyType({}),
    checkpoints: Collection[int] = (),
    code: str = "",
    progress: Progress | None = None,
    keeps_maps: bool = False,
) -> RunRecord | None:
    """Train one run and write its folder; under torchrun, with all its processes.

    The final checkpoint is kept: if the folder cannot be written (the disk is full), the next start writes it in
    seconds. The caller deletes it.

    Args:
        work: with the resume states of all runs, each in a folder named by its recipe's hash.
        destination: where MLflow keeps the run; None: not tracked.
        starts: folders of the runs that it starts from, by role; `backbone` gives the weights of the first layers, and
            can be a file of published ones.
        checkpoints: iterations after which weights are saved too, 0 for the initial ones.
        code: digest of the code that trains.
        progress, keeps_maps: see `train`.

    Returns:
        The record that was written; None in all processes but the first.

    Raises:
        Stopped: asked to stop; the checkpoint is saved.
        UserError: as `train` and `write_run` say.
    """
    processes, task = Processes.under_torchrun(device), get_task(recipe.task)
    batches = task.code("feed").make_batches(images, recipe, device, processes.rank, processes.count)
    used = {role: start for role, start in starts.items() if role != BACKBONE}
    batches.started_from = load_started_from(used, images, device)
    origin = provenance(device)
    remove_leftovers(folder)
    live = LiveRun(destination, recipe, environment_of(origin))
    backbone = _read_backbone(recipe.net, starts[BACKBONE]) if BACKBONE in starts else None
    try:
        state = train(
            recipe, batches, work / recipe.hash, live, save_seconds, processes, compiled, backbone, checkpoints,
            describe_start(origin, code), progress, keeps_maps,
        )  # fmt: skip
    except Stopped:
        processes.leave()
        raise
    processes.leave()
    if processes.rank > 0:
        return None
    record = _record(recipe, state, batches, processes, origin)
    checkpoint_weights = _load_checkpoints(work / recipe.hash, checkpoints, run_name(recipe))
    write_run(
        folder, record, state.curve, state.net.state_dict(), batches.mean, batches.class_names, checkpoint_weights
    )
    live.finish(folder)
    trained, tested = last_value(state.curve, TRAIN, ERROR), last_value(state.curve, TEST)
    errors = f"training error {trained:.2f} %, test error {tested:.2f} %"
    print(f"{run_name(recipe)}: {errors} ({task.protocols[0].label})")
    return record


def _read_backbone(net: str, path: Path) -> dict[str, Tensor]:
    """The weights of a run folder, or of a file that torchvision publishes."""
    return read_published(net, path) if path.is_file() else read_weights(path)


def _record(recipe: Recipe, state: State, batches: Batches, processes: Processes, origin: dict[str, Any]) -> RunRecord:
    schedule = recipe.schedule
    origin["machine"] |= {"threads": "+".join(map(str, state.threads)), "compiled": state.compiled}
    size = count_net(recipe, batches.classes)
    return RunRecord(
        recipe=recipe,
        status=judge_status(recipe, state.curve, batches.classes),
        parameters=size.parameters,
        macs=size.macs,
        warmup_ended_at=state.warmup_ended_at,
        dropped_at=state.dropped_at if schedule.plateau else list(schedule.drops),
        seconds=round(state.seconds, 1),
        images_per_second=round(schedule.iterations * schedule.batch_size / state.seconds, 1),
        starts=state.starts,
        history=state.history if "code" in state.history[0] else [],
        processes=processes.count,
        mlflow_run_id=state.mlflow_run_id,
        gradient_norms=state.gradient_norms,
        order_digests=batches.order_digests(),
        provenance=origin,
    )
