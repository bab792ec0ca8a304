"""The tasks of the study. A new one is a file here, and what it names; nothing else compares a task's name."""

from replication.config.recipe import Recipe
from replication.errors import UserError
from replication.tasks.cifar import CIFAR
from replication.tasks.imagenet import IMAGENET
from replication.tasks.localization import LOCALIZATION
from replication.tasks.task import Metric, Protocol, Task, found

__all__ = ["TASKS", "Metric", "Protocol", "Task", "found", "step_of", "task_of"]

TASKS: dict[str, Task] = {task.name: task for task in (CIFAR, IMAGENET, LOCALIZATION)}


def task_of(name: str) -> Task:
    """A task by its name.

    Raises:
        UserError: there is none.
    """
    if name not in TASKS:
        raise UserError(f"there is no task {name!r}; choose one of {', '.join(TASKS)}.", kind="unknown")
    return TASKS[name]


def step_of(recipe: Recipe) -> Task:
    """What trains and tests a recipe: its task, or the task's second step."""
    task = task_of(recipe.task)
    return task.second if task.second and recipe.second_step else task
