"""The error of a net."""

from replication.evaluation.error import recompute_bn_statistics, top1_error

__all__ = ["recompute_bn_statistics", "top1_error"]
