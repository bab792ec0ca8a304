"""The loss, cross entropy, and the error of the curve, top-1."""

from replication.tasks.classification import cross_entropy_loss as loss
from replication.tasks.classification import watch_top1 as watch

__all__ = ["loss", "watch"]
