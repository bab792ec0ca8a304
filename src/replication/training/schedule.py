"""The learning rate as a pure function of the iteration (section 4.2)."""

from replication.nets import depth_of
from replication.recipe import Recipe


def learning_rate(iteration: int, recipe: Recipe, warmup_ended_at: int | None = None) -> float:
    """Rate of the optimiser step number `iteration`, counted from 0.

    1. Start at `schedule.learning_rate`.
    2. Multiply by `drop_factor` from each drop on: with a drop at 32000, step 31999 is the last at the old rate.
    3. A net deep enough to warm up stays at `warmup.learning_rate` until its warm-up has ended. The paper ends it by
       a condition on the training error, so the loop observes when, and passes it in as `warmup_ended_at`
       (None: not yet). The drops stay where they are, and a warm-up never lifts the rate.
    """
    schedule, warmup = recipe.schedule, recipe.warmup
    rate = schedule.learning_rate * schedule.drop_factor ** sum(iteration >= drop for drop in schedule.drops)
    if warms_up(recipe) and (warmup_ended_at is None or iteration < warmup_ended_at):
        return min(rate, warmup.learning_rate)
    return rate


def warms_up(recipe: Recipe) -> bool:
    """Whether the net starts with a warm-up: 110 layers and more in the paper."""
    return depth_of(recipe.net) >= recipe.warmup.from_depth
