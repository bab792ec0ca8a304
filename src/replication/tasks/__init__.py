"""The tasks of the study. A new one is a folder here, and a line below; nothing else compares a task's name."""

from replication.errors import UserError
from replication.tasks.cifar import CIFAR
from replication.tasks.detection import DETECTION
from replication.tasks.imagenet import IMAGENET
from replication.tasks.localization import LOCALIZATION
from replication.tasks.rcnn import RCNN
from replication.tasks.task import Metric, Protocol, Task

__all__ = ["TASKS", "Metric", "Protocol", "Task", "get_task"]

TASKS: dict[str, Task] = {task.name: task for task in (CIFAR, IMAGENET, LOCALIZATION, RCNN, DETECTION)}


def get_task(name: str) -> Task:
    """A task by its name.

    Raises:
        UserError: there is none.
    """
    if name not in TASKS:
        raise UserError(f"there is no task {name!r}; choose one of {', '.join(TASKS)}.", kind="unknown")
    return TASKS[name]
