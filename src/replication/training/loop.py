"""The training loop: all of it, in the order in which it happens."""

from pathlib import Path

import torch
from torch.nn.functional import cross_entropy

from replication.evaluation.error import autocast, wrong_top1
from replication.feed.batches import Batches
from replication.recipe import Recipe
from replication.training.processes import Processes, RunningAverages
from replication.training.progress import Progress, Stopped, only_process, stop_requests
from replication.training.schedule import learning_rate, reached_plateau, warms_up
from replication.training.state import State
from replication.training.tracking import Tracker

__all__ = ["Stopped", "train"]


def train(
    recipe: Recipe,
    batches: Batches,
    work: Path,
    tracker: Tracker,
    save_seconds: float = 60,
    processes: Processes = Processes(),  # noqa: B008
) -> State:
    """Train a net to the end of its schedule, from the state in `work` if there is one.

    Args:
        work: folder of the resume state, to be named by the recipe's hash; the caller deletes it once the run is safe.
        save_seconds: how much work a kill -9 may cost.
        processes: this process among all that train this net; `batches` must be its share of them.

    Raises:
        Stopped: asked to stop; the state is saved.
        NonFiniteLoss: the loss is not finite; the last good state is kept.
        UserError: another process trains this run, or the state cannot be read.
    """
    processes.check(recipe)
    schedule, logging = recipe.schedule, recipe.logging
    with only_process(work, processes), stop_requests() as stop:
        state = State.start(recipe, batches.classes, batches.device)
        state.load(work, batches.device)
        processes.wait()
        net, averages = processes.wrap(state.net).train(), RunningAverages(state.net, processes)
        with Progress(state, recipe, work, tracker, processes) as progress:
            while state.iteration < schedule.iterations:
                # Set the rate of this iteration.
                rate = learning_rate(state.iteration, recipe, state.warmup_ended_at, state.dropped_at)
                for parameters in state.optimizer.param_groups:
                    parameters["lr"] = rate

                # Sum the gradient over the batch-norm groups (the GPUs of the paper) of the batch.
                images, labels = batches.training(state.iteration)
                groups = list(zip(images.split(recipe.bn_group), labels.split(recipe.bn_group), strict=True))
                loss = wrong = torch.zeros((), device=batches.device)
                state.optimizer.zero_grad()
                averages.start()
                for number, (group, truth) in enumerate(groups, start=1):
                    with processes.group(net, last=number == len(groups)):
                        with autocast(batches):
                            scores = net(group)
                        group_loss = cross_entropy(scores.float(), truth, reduction="sum") / schedule.batch_size
                        (group_loss * processes.count).backward()  # as the processes' gradients are averaged
                    loss = loss + group_loss.detach()
                    wrong = wrong + (scores.detach().argmax(1) != truth).sum()
                averages.join(len(groups))

                # Step, and remember loss and errors without waiting for the device.
                state.optimizer.step()
                state.iteration += 1
                loss, wrong = processes.total(torch.stack([loss, wrong]))
                state.losses.append(loss)
                state.wrong.append(wrong)
                _watch_training_error(state, recipe)

                # Record a row of the curve.
                last, row = state.iteration == schedule.iterations, None
                if last or state.iteration % logging.log_every == 0:
                    state.check_finite()
                    row = _row(state, rate, schedule.batch_size)
                    if last or state.iteration % logging.evaluate_every == 0:
                        row |= _test_errors(state, batches, processes)
                    state.curve.append(row)
                progress.step(row)

                # Save, so that nothing that may come costs more than a minute.
                stopping = processes.any(bool(stop))
                if stopping or last or progress.seconds_since_save() > save_seconds:
                    progress.save()
                if stopping and not last:
                    processes.wait()  # torchrun ends all once one has left, and the first may still be saving
                    raise progress.stopped()
    return state


def _row(state: State, rate: float, batch_size: int) -> dict[str, float | None]:
    """Loss and error over the training batches since the last row, as seen while training (augmented)."""
    losses, wrong = torch.stack(state.losses), torch.stack(state.wrong)
    row = {
        "iteration": state.iteration,
        "learning_rate": round(rate, 10),
        "train_loss": round(losses.double().mean().item(), 6),
        "train_error": round(100 * wrong.sum().item() / (len(wrong) * batch_size), 4),
        "test_error": None,
        "heldout_error": None,
    }
    state.losses, state.wrong = [], []
    return row


def _test_errors(state: State, batches: Batches, processes: Processes) -> dict[str, float]:
    """Test error, for the curve only: it selects nothing. Held-out error, if images are held out."""
    errors = {}
    for split, count in (("test", batches.test_count), ("heldout", batches.heldout_count)):
        if count:
            wrong = processes.total(wrong_top1(state.net, batches, split))
            errors[f"{split}_error"] = round(100 * wrong.item() / count, 4)
    return errors


def _watch_training_error(state: State, recipe: Recipe) -> None:
    """End the warm-up once the error over its window is low (section 4.2); drop the rate on a plateau (3.4)."""
    plateau = recipe.schedule.plateau
    if warms_up(recipe) and state.warmup_ended_at is None:
        warmup = recipe.warmup
        state.recent_wrong = [*state.recent_wrong, int(state.wrong[-1].item())][-warmup.window :]
        error = 100 * sum(state.recent_wrong) / (len(state.recent_wrong) * recipe.schedule.batch_size)
        if len(state.recent_wrong) == warmup.window and error < warmup.until_train_error_below:
            state.warmup_ended_at = state.iteration
    if plateau:
        state.window_wrong.append(state.wrong[-1])
        if len(state.window_wrong) == plateau.window:
            error = 100 * torch.stack(state.window_wrong).mean().item() / recipe.schedule.batch_size
            dropped = reached_plateau(state.window_error, error, state.dropped_at, plateau)
            if dropped:
                state.dropped_at.append(state.iteration)
            state.window_error, state.window_wrong = None if dropped else error, []
