"""The loss, cross entropy, and the error of the curve, top-1."""

from replication.tasks.classification import count_top1_errors as count_errors
from replication.tasks.classification import cross_entropy_loss as loss

__all__ = ["count_errors", "loss"]
