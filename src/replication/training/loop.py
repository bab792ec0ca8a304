"""The training loop."""

from collections.abc import Iterator

import torch

from replication.config.recipe import Recipe
from replication.runs.curve import ERROR, HELDOUT, LOSS, RATE, TEST, TRAIN, Point
from replication.tasks import Task, get_task
from replication.tasks.batches import Batches, Split
from replication.tasks.outcome import ErrorCount
from replication.training.backward import backward, gradient_norms
from replication.training.graphs import StepGraph, can_capture
from replication.training.processes import Processes, RunningAverages
from replication.training.schedule import has_reached_plateau, has_warmup, learning_rate
from replication.training.speed import compile_net
from replication.training.state import State, set_rate


def iterate(
    state: State,
    recipe: Recipe,
    batches: Batches,
    processes: Processes = Processes(),  # noqa: B008
    graphs: bool = False,
) -> Iterator[list[Point]]:
    """Train a net from its `state` to the end of its schedule; yields after each iteration.

    Between two iterations `state` is complete: it can be saved, and another call resumes from it bit for bit.

    Args:
        processes: this process among all that train this net; `batches` must be its share of them.
        graphs: use CUDA graphs where `can_capture` allows it.

    Yields:
        The new points of `state.curve`; none at most iterations.

    Raises:
        NonFiniteLoss: a loss since the last points is not finite.
    """
    schedule, logging = recipe.schedule, recipe.logging
    task = get_task(recipe.task)
    loss_function = task.code("loss").loss
    net, averages = processes.wrap(state.net).train(), RunningAverages(state.net, processes)
    if state.compiled:
        net = compile_net(net, batches.device)
    graph = None
    if graphs and can_capture(state.net, batches, processes):
        graph = StepGraph(net, state.optimizer, batches, loss_function, averages, processes)
    while state.iteration < schedule.iterations:
        rate = learning_rate(state.iteration, recipe, state.warmup_ended_at, state.dropped_at)
        set_rate(state.optimizer, rate, recipe.optimiser.rate_in_momentum)

        # Loss and errors are stored as they are: reading them here would wait for the device.
        if graph and graph.is_ready(rate):
            loss, wrong = graph.step(*batches.training(state.iteration))
        else:
            state.optimizer.zero_grad()
            loss, wrong = backward(net, batches, state.iteration, loss_function, averages, processes)
            state.optimizer.step()
        state.iteration += 1
        if state.iteration in (schedule.iterations // 10, schedule.iterations):
            state.gradient_norms[state.iteration] = gradient_norms(state.net)
        state.losses.append(loss)
        state.wrong.append(wrong)
        _adapt_schedule(state, recipe)

        # Record points of the curve.
        points: list[Point] = []
        last = state.iteration == schedule.iterations
        if last or state.iteration % logging.log_every == 0:
            state.check_finite()
            points += _summarise(state, rate, schedule.batch_size)
            if last or state.iteration % logging.evaluate_every == 0:
                points += _measure(state, batches, processes, task)
            state.curve += points
        yield points


def _adapt_schedule(state: State, recipe: Recipe) -> None:
    """End the warm-up once the error over its window is low (section 4.2); drop the rate on a plateau (3.4)."""
    plateau = recipe.schedule.plateau
    if has_warmup(recipe) and state.warmup_ended_at is None:
        warmup = recipe.warmup
        state.recent_wrong = [*state.recent_wrong, int(state.wrong[-1].item())][-warmup.window :]
        error = 100 * sum(state.recent_wrong) / (len(state.recent_wrong) * recipe.schedule.batch_size)
        if len(state.recent_wrong) == warmup.window and error < warmup.until_train_error_below:
            state.warmup_ended_at = state.iteration
    if plateau:
        state.window_wrong.append(state.wrong[-1])
        if len(state.window_wrong) == plateau.window:
            error = 100 * torch.stack(state.window_wrong).mean().item() / recipe.schedule.batch_size
            dropped = has_reached_plateau(state.window_error, error, state.dropped_at, plateau)
            if dropped:
                state.dropped_at.append(state.iteration)
            state.window_error, state.window_wrong = None if dropped else error, []


def _summarise(state: State, rate: float, batch_size: int) -> list[Point]:
    """Loss and error over the training batches since the last points, as seen while training (augmented)."""
    losses, wrong = torch.stack(state.losses).cpu(), torch.stack(state.wrong).cpu()  # mps has no fp64
    values = {
        RATE: round(rate, 10),
        LOSS: round(losses.double().mean().item(), 6),
        ERROR: round(100 * wrong.sum().item() / (len(wrong) * batch_size), 4),
    }
    state.losses, state.wrong = [], []
    return [Point(state.iteration, TRAIN, metric, value) for metric, value in values.items()]


def _measure(state: State, batches: Batches, processes: Processes, task: Task) -> list[Point]:
    """Test error, for the curve only: no model selection on test data. Held-out error, if images are held out."""
    counts: dict[Split, int] = {TEST: batches.test_count, HELDOUT: batches.heldout_count}
    points = []
    for split, images in counts.items():
        if images:
            part = task.code("loss").count_errors(state.net, batches, split)
            values = ErrorCount.merge(processes.gather(part)).metrics()
            points += [Point(state.iteration, split, metric, round(value, 4)) for metric, value in values.items()]
    return points
