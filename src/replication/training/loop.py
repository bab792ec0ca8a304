"""The training loop: all of it, in the order in which it happens."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from replication.data import Batches
from replication.errors import UserError
from replication.evaluation import top1_error
from replication.evaluation.error import autocast
from replication.recipe import Recipe
from replication.training.schedule import learning_rate, warms_up
from replication.training.state import NonFiniteLoss, State
from replication.training.tracking import Tracker


class Stopped(Exception):
    """Training was asked to stop (Ctrl-C, SIGTERM); its state is saved."""


def train(
    recipe: Recipe, batches: Batches, classes: int, work: Path, tracker: Tracker, save_seconds: float = 60
) -> State:
    """Train a net to the end of its schedule, from the state in `work` if there is one.

    Args:
        work: folder of the resume state, to be named by the recipe's hash; the caller deletes it once the run is safe.
        save_seconds: how much work a kill -9 may cost.

    Raises:
        Stopped: asked to stop; the state is saved.
        NonFiniteLoss: the loss is not finite; the last good state is kept.
        UserError: another process trains this run, or the state cannot be read.
    """
    schedule, logging = recipe.schedule, recipe.logging
    work.mkdir(parents=True, exist_ok=True)
    with _only_process(work), _stop_requests() as stop:
        state = State.start(recipe, classes, batches.device)
        resumed = state.load(work, batches.device)
        state.mlflow_run_id = tracker.start(state.mlflow_run_id)
        state.net.train()
        bar = tqdm(
            total=schedule.iterations, initial=state.iteration, desc=f"{recipe.net} · seed {recipe.seed}", unit="it",
            mininterval=0.5 if sys.stderr.isatty() else 30, dynamic_ncols=True,
        )  # fmt: skip
        if resumed:
            bar.write(
                f"{recipe.net} · seed {recipe.seed}: continues from iteration {state.iteration:,}",
                file=sys.stderr,
            )
        tracked = len(state.curve)
        clock = saved_at = time.monotonic()

        def save() -> None:
            nonlocal tracked, saved_at, clock
            now = time.monotonic()
            state.seconds, clock, saved_at = state.seconds + now - clock, now, now
            tracker.log(state.curve[tracked:])
            tracked = len(state.curve)
            state.save(work)

        try:
            if not resumed:
                save()  # so that even a run killed at once continues its own MLflow run
            while state.iteration < schedule.iterations:
                # Set the rate of this iteration.
                rate = learning_rate(state.iteration, recipe, state.warmup_ended_at)
                for parameters in state.optimizer.param_groups:
                    parameters["lr"] = rate

                # Sum the gradient over the batch-norm groups (the GPUs of the paper) of the batch.
                images, labels = batches.training(state.iteration)
                loss = wrong = torch.zeros((), device=batches.device)
                state.optimizer.zero_grad()
                for group, truth in zip(images.split(recipe.bn_group), labels.split(recipe.bn_group), strict=True):
                    with autocast(batches):
                        scores = state.net(group)
                    group_loss = cross_entropy(scores.float(), truth, reduction="sum") / schedule.batch_size
                    group_loss.backward()
                    loss = loss + group_loss.detach()
                    wrong = wrong + (scores.detach().argmax(1) != truth).sum()

                # Step, and remember loss and errors without waiting for the device.
                state.optimizer.step()
                state.iteration += 1
                state.losses.append(loss)
                state.wrong.append(wrong)
                if warms_up(recipe) and state.warmup_ended_at is None:
                    _end_warmup_when_learning(state, recipe)

                # Record a row of the curve.
                last = state.iteration == schedule.iterations
                if last or state.iteration % logging.log_every == 0:
                    state.check_finite()
                    row = _row(state, rate, schedule.batch_size)
                    if last or state.iteration % logging.evaluate_every == 0:
                        row |= _test_errors(state, batches)
                    state.curve.append(row)
                    bar.set_postfix_str(
                        f"error {row['train_error']:.1f} %, rate {rate:g}, {_speed(bar, recipe)}",
                        refresh=False,
                    )
                bar.update()

                # Save, so that nothing that may come costs more than a minute.
                if stop or last or time.monotonic() - saved_at > save_seconds:
                    save()
                if stop and not last:
                    raise Stopped(
                        f"{recipe.net} · seed {recipe.seed} stopped at iteration {state.iteration:,}; "
                        "the same command continues from there."
                    )
        except NonFiniteLoss as error:
            tracker.finish("FAILED")
            raise NonFiniteLoss(
                f"{recipe.net} · seed {recipe.seed}: {error}; the last good state is kept in {work}. "
                "Lower schedule.learning_rate or set precision to fp32."
            ) from error
        except BaseException as error:
            tracker.finish("KILLED" if isinstance(error, Stopped | KeyboardInterrupt) else "FAILED")
            raise
        finally:
            bar.close()
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


def _test_errors(state: State, batches: Batches) -> dict[str, float]:
    """Test error, for the curve only: it selects nothing. Held-out error, if images are held out."""
    errors = {"test_error": round(top1_error(state.net, batches, batches.test), 4)}
    if len(batches.heldout[1]):
        errors["heldout_error"] = round(top1_error(state.net, batches, batches.heldout), 4)
    return errors


def _end_warmup_when_learning(state: State, recipe: Recipe) -> None:
    """End the warm-up once the training error over the last window is below its bound (80 % in the paper)."""
    warmup = recipe.warmup
    state.recent_wrong = [*state.recent_wrong, int(state.wrong[-1].item())][-warmup.window :]
    error = 100 * sum(state.recent_wrong) / (len(state.recent_wrong) * recipe.schedule.batch_size)
    if len(state.recent_wrong) == warmup.window and error < warmup.until_train_error_below:
        state.warmup_ended_at = state.iteration


def _speed(bar: tqdm, recipe: Recipe) -> str:
    seconds = bar.format_dict["elapsed"]
    return f"{(bar.n - bar.initial) * recipe.schedule.batch_size / seconds:.0f} images/s" if seconds else ""


@contextmanager
def _stop_requests() -> Iterator[list[int]]:
    """A list that is no longer empty once SIGINT or SIGTERM came; a second one of them acts at once."""
    requests: list[int] = []

    def request(number: int, _: object) -> None:
        requests.append(number)
        signal.signal(number, previous[number])

    previous = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield requests
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


@contextmanager
def _only_process(work: Path) -> Iterator[None]:
    """Killing DVC leaves its child training; a second start must not write into the same state."""
    try:
        with FileLock(work / "lock", timeout=0):
            yield
    except Timeout as error:
        raise UserError(
            f"another process is training this run (it holds {work / 'lock'}); wait for it, or stop it, and run again."
        ) from error
