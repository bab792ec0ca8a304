"""The learning rate as a pure function of the iteration (sections 3.4 and 4.2)."""

from collections.abc import Sequence

from replication.config.recipe import Plateau, Recipe
from replication.nets.names import depth_of


def learning_rate(
    iteration: int, recipe: Recipe, warmup_ended_at: int | None = None, dropped_at: Sequence[int] = ()
) -> float:
    """Rate of the optimiser step number `iteration`, counted from 0.

    1. Start at `schedule.learning_rate`.
    2. Multiply by `drop_factor` from each drop on: with a drop at 32000, step 31999 is the last at the old rate. Where
       the recipe drops the rate on plateaus, the loop observes them, and passes them in as `dropped_at`.
    3. A net deep enough to warm up stays at `warmup.learning_rate` until its warm-up has ended. The paper ends it by
       a condition on the training error, so the loop observes when, and passes it in as `warmup_ended_at`
       (None: not yet). The drops stay where they are, and a warm-up never lifts the rate.
    """
    schedule = recipe.schedule
    drops = dropped_at if schedule.plateau else schedule.drops
    rate = schedule.learning_rate * schedule.drop_factor ** sum(iteration >= drop for drop in drops)
    if has_warmup(recipe) and (warmup_ended_at is None or iteration < warmup_ended_at):
        return min(rate, recipe.warmup.learning_rate)
    return rate


def has_warmup(recipe: Recipe) -> bool:
    """Whether the net starts with a warm-up: CIFAR nets of 110 layers and more in the paper."""
    return recipe.warmup is not None and depth_of(recipe.net) >= recipe.warmup.from_depth


def has_reached_plateau(before: float | None, now: float, dropped_at: Sequence[int], plateau: Plateau) -> bool:
    """Whether the rate drops after a window with training error `now`, % ("when the error plateaus", section 3.4).

    Args:
        before: error of the window before, None if there is none at the same rate.
    """
    return before is not None and before - now < plateau.points and len(dropped_at) < plateau.most
