"""What a training minimises, task by task (`Task.objective`)."""

from torch import Tensor
from torch.nn.functional import cross_entropy


def classification(scores: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
    """Cross entropy of `scores` [n, classes], before the softmax, with `truth` [n].

    Returns:
        The sum of the images' losses, in fp32, and how many images get another class than their own; scalars.
    """
    return cross_entropy(scores.float(), truth, reduction="sum"), (scores.detach().argmax(1) != truth).sum()
