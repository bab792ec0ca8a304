"""How a trained net is scored: the error on a single view, and the test protocols of section 3.4."""

from replication.evaluation.error import recompute_bn_statistics, top1_error
from replication.evaluation.protocols import (
    PROTOCOLS,
    Scores,
    average,
    centre_crop,
    fully_convolutional,
    slide,
    ten_crop,
)

__all__ = [
    "PROTOCOLS", "Scores", "average", "centre_crop", "fully_convolutional", "recompute_bn_statistics", "slide",
    "ten_crop", "top1_error",
]  # fmt: skip
