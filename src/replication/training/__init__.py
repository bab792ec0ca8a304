"""Training of one net: the loop, the learning rate, resumable state, the run folder, tracking."""

from replication.runs.folder import RunRecord, read_curve, read_run, write_run
from replication.training.loop import train
from replication.training.schedule import learning_rate, warms_up

__all__ = ["RunRecord", "learning_rate", "read_curve", "read_run", "train", "warms_up", "write_run"]
