"""A replication of He, Zhang, Ren, Sun, "Deep Residual Learning for Image Recognition" (arXiv:1512.03385v1).

    report      figures, tables and the page as functions of results
    claims      the paper's claims, one function each
    study       results tables, fidelity, the rule of verdicts, comparisons, cost
    paper       the paper's own numbers, curves and claims, and others' numbers, as data, under our names
    training    the loop, the learning rate, resumable state, the supervised run, tracking
    evaluation  the error of a net, by the protocols of the paper; ensembles
    feed        what a net sees: batches, augmentation
    sources     where pixels come from, and what is official
    images      prepared images on disk: the store, the index, crops
    runs        the record of a run and its folder; without torch
    profiles    profiles and variants, and the recipes that they make
    tasks        one value a task: data sets, recipe, feed, objective, protocols
    nets        the architectures, in the paper's nouns

Imports go downward only, in this order; `recipe`, `files` and `errors` stand beneath them all.
"""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    """`replication.load`, found when it is asked for, so that records and profiles are read without torch."""
    if name == "load":
        return import_module("replication.loading").load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
