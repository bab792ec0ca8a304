"""What a training minimises, cross entropy, and what its curve watches, the top-1 error."""

from replication.tasks.classification import cross_entropy_loss as loss
from replication.tasks.classification import watch_top1 as watch

__all__ = ["loss", "watch"]
