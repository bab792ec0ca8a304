"""What tests of stopped trainings and of their saved states share."""

import os
import signal

import torch

from replication.training.state import State

# 30 iterations: points of the curve at 7, 14, 21, 28 and 30, so that most moments lie between two of them.
SHORT = {
    "schedule": {"iterations": 30, "drops": [15, 22]},
    "logging": {"log_every": 7, "evaluate_every": 14},
}


def stop() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def assert_same(resumed: State, whole: State) -> None:
    """Weights, batch-norm statistics, momentum, curve and warm-up agree bit for bit."""
    for key, value in whole.net.state_dict().items():
        assert torch.equal(resumed.net.state_dict()[key], value), key
    left, right = resumed.optimizer.state_dict(), whole.optimizer.state_dict()
    assert left["param_groups"] == right["param_groups"]
    assert left["state"].keys() == right["state"].keys()
    for number, values in right["state"].items():
        assert torch.equal(left["state"][number]["momentum_buffer"], values["momentum_buffer"])
    assert resumed.curve == whole.curve
    assert resumed.iteration == whole.iteration
    assert resumed.warmup_ended_at == whole.warmup_ended_at
