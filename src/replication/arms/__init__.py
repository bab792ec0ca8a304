"""The arms of the study. A new one is a file here, and what it names; nothing else compares an arm's name."""

from replication.arms.arm import Arm, Metric, Protocol, found
from replication.arms.cifar import CIFAR
from replication.arms.imagenet import IMAGENET
from replication.arms.localization import LOCALIZATION
from replication.config.recipe import Recipe
from replication.errors import UserError

__all__ = ["ARMS", "Arm", "Metric", "Protocol", "arm_of", "found", "step_of"]

ARMS: dict[str, Arm] = {arm.name: arm for arm in (CIFAR, IMAGENET, LOCALIZATION)}


def arm_of(name: str) -> Arm:
    """An arm by its name.

    Raises:
        UserError: there is none.
    """
    if name not in ARMS:
        raise UserError(f"there is no task {name!r}; choose one of {', '.join(ARMS)}.", kind="unknown")
    return ARMS[name]


def step_of(recipe: Recipe) -> Arm:
    """What trains and tests a recipe: its arm, or the arm's second step."""
    arm = arm_of(recipe.arm)
    return arm.second if arm.second and recipe.second_step else arm
