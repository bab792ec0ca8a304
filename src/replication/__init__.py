"""A replication of He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition" (arXiv:1512.03385v1).

    report      figures, tables and the page as functions of results
    verdicts    the rule of verdicts, comparisons, the paper's claims, one function each
    cost        operations, hours, memory and disk of runs
    training    the loop, the learning rate, resumable state, the supervised run
    tracking    MLflow
    results     tables of results, fidelity, model cards
    paper       the paper's own numbers, curves and claims, and others' numbers, as data, under our names
    loading     `replication.load`: a trained net that takes images as they are
    evaluate    a run's net by the protocols of its task
    runs        the record of a run, its folder, its outcomes; read without torch
    tasks       one folder a task: recipe, feed, loss, evaluate
    data        where pixels come from, what is official; prepared images on disk
    nets        the architectures, in the paper's nouns
    config      recipe, profiles, validation

Imports go downward only, in this order; `files` and `errors` lie beneath them all.
"""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    """`replication.load`, found when it is asked for, so that records and profiles are read without torch."""
    if name == "load":
        return import_module("replication.loading").load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
