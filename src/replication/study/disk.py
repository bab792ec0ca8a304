"""What runs and their images take on a disk, before there are any."""

from replication.arms import arm_of
from replication.nets.complexity import complexity
from replication.recipe import Recipe
from replication.sources import Dataset


def kept(recipe: Recipe, dataset: Dataset) -> float:
    """GB that a run leaves: its weights, and the probabilities of the test images by each protocol in half precision.

    While it is trained its two resume states, of weights and momentum, take four times the weights.
    """
    arm = arm_of(recipe.arm)
    parameters = complexity(recipe.net, recipe.input_size, dataset.classes, **recipe.net_options).parameters
    answers = 0 if arm.boxes else dataset.classes * dataset.test_images * len(arm.protocols)
    return (4 * parameters + 2 * answers) / 1e9


def prepared(recipe: Recipe, dataset: Dataset) -> float:
    """GB of the prepared images of an arm; none where they are indexed and read where they lie."""
    side = recipe.test.shorter_side if arm_of(recipe.arm).photographs else recipe.input_size
    return 0.0 if dataset.indexed else (dataset.train_images + dataset.test_images) * 3 * side**2 / 1e9
