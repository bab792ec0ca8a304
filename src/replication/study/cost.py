"""What a run of the paper's protocol would cost."""

from replication.nets.complexity import complexity
from replication.paper import protocol

# Sustained arithmetic assumed of one GPU. An assumption for estimates: no GPU was measured in this project.
GPU_FLOP_PER_SECOND = 10e12
FORWARD_AND_BACKWARD = 3  # forward passes that one training step costs


def gpu_hours(net: str) -> float:
    """Estimated GPU hours of one ImageNet training of section 3.4: its multiply-adds at 10 TFLOP/s."""
    schedule = protocol("imagenet_training", "I5")
    images = schedule["max_iterations"] * schedule["batch"]
    flop = 2 * complexity(net, 224, 1000).macs * FORWARD_AND_BACKWARD * images
    return flop / GPU_FLOP_PER_SECOND / 3600
