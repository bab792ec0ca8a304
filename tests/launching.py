"""What the tests of clusters and of several machines share."""

from pathlib import Path

import torch
from checkout import Checkout, make_checkout

# Saved often, so that a test need not wait to interrupt; one thread, so that every start makes the same bits.
ENVIRONMENT = {"REPLICATION_SAVE_SECONDS": "0.3", "OMP_NUM_THREADS": "1", "REPLICATION_TRACKING": "off"}
ITERATIONS = 300  # in small_launch.yaml: enough of them that what is seen training is still training when it is lost


def small_checkout(folder: Path) -> Checkout:
    """A checkout at the scale of small_launch.yaml. Its last stages are the tables, as the page takes long."""
    checkout = make_checkout(folder, "small_launch.yaml")
    checkout.run("dvc remove report && git add -A && git commit -qm 'A study without its page'")
    return checkout


def underway(scratch: Path) -> list[int]:
    """How far each training has come that has saved its state and is not yet in its second half."""
    saved = [torch.load(state)["iteration"] for state in scratch.glob("*/state.pt")]
    return [iteration for iteration in saved if 0 < iteration < ITERATIONS // 2]
