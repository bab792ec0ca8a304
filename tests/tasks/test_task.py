"""The folder of each task has what `replication.tasks.task` says of it."""

from typing import Literal

import pytest

from replication.tasks import TASKS, Metric, Task


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_the_folder_of_a_task_follows_the_conventions(task: Task) -> None:
    feed, loss, evaluate = (task.code(part) for part in ("feed", "loss", "evaluate"))
    needed = [
        feed.make_batches, loss.loss, loss.count_errors, evaluate.OUTCOME.from_tensors, evaluate.OUTCOME.average,
        *evaluate.PROTOCOLS.values(), *getattr(evaluate, "COMPARED", {}).values(),
    ]  # fmt: skip
    needed += [evaluate.measure_layers] if task.measures_layers else []
    needed += [evaluate.draw_examples] if task.draws_examples else []
    needed += [task.code("net").make_head] if task.has_own_net else []
    assert all(callable(function) for function in needed)
    assert task.recipe.__module__ == f"{task.package}.recipe"
    assert task.recipe.model_fields["task"].annotation == Literal[task.name]


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_each_protocol_of_a_task_has_one_function(task: Task) -> None:
    evaluate, names = task.code("evaluate"), [protocol.name for protocol in task.protocols]
    functions = [*evaluate.PROTOCOLS, *getattr(evaluate, "COMPARED", {})]
    assert sorted(functions) == sorted(names) and len(set(names)) == len(names)
    assert names[0] in evaluate.PROTOCOLS, "the curve's"
    assert task.headline in names


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_the_images_of_a_task_are_prepared_for_it_or_for_another(task: Task) -> None:
    assert task.images_folder in TASKS and not TASKS[task.images_folder].shares_images_of


def test_the_worse_of_two_nets_has_the_larger_value_times_the_sign() -> None:
    error, overlap = Metric("top1_error", "top-1 error"), Metric("iou", "mean IoU", better="higher")
    assert (error.sign, overlap.sign) == (1, -1)
    assert error.sign * 9.0 > error.sign * 6.0 and overlap.sign * 40.0 > overlap.sign * 70.0
