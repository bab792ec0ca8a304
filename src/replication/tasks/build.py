"""Build the net of a run: a net of the paper, with the task's own layers on top if it has some."""

from typing import Any

from torch import nn

from replication.config.recipe import Recipe
from replication.nets.by_name import build
from replication.nets.complexity import Complexity, Layer, complexity, layers
from replication.tasks import get_task


def build_net(recipe: Recipe, classes: int, seed: int = 0) -> nn.Module:
    """The net of a recipe with fresh weights."""
    return build(recipe.net, classes, seed=seed, **_options(recipe))


def count_net(recipe: Recipe, classes: int) -> Complexity:
    """Parameters of the net of a recipe, and its multiply-adds for one image."""
    return complexity(recipe.net, recipe.input_size, classes, **_options(recipe))


def list_layers(recipe: Recipe, classes: int) -> tuple[Layer, ...]:
    """The layers of the net of a recipe, in the order of the forward pass."""
    return layers(recipe.net, recipe.input_size, classes, **_options(recipe))


def _options(recipe: Recipe) -> dict[str, Any]:
    task = get_task(recipe.task)
    return recipe.net_options | ({"head": task.code("net").make_head(recipe)} if task.has_own_net else {})
