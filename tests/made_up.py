"""Studies whose numbers are made up, for tests of statistics, claims and the page."""

import json

import pandas as pd

from replication.study.results import Study

PAPER = {
    "plain-20": (1.38, 9.69), "plain-32": (1.38, 10.08), "plain-44": (2.67, 11.42), "plain-56": (5.63, 13.23),
    "resnet-20": (0.67, 8.75), "resnet-32": (0.28, 7.51), "resnet-44": (0.19, 7.17), "resnet-56": (0.11, 6.97),
    "resnet-110": (0.06, 6.61), "plain-110": (70.0, 71.0),
}  # fmt: skip


def study(errors: dict[str, tuple[float, float]], seeds: int = 1, spread: float = 0.0, **columns: object) -> Study:
    """A study with these (training, test) errors; seeds differ by `spread`."""
    rows = [
        {
            "net": net, "seed": seed, "layers": int(net.split("-")[1]), "fidelity": "proxy", "status": "trained",
            "train_error": train, "test_error": test + spread * (seed - (seeds - 1) / 2), "test_images": 10_000,
            "iterations": 64_000, "batch_size": 128, "dataset": "cifar10", "differences": json.dumps([]),
        } | columns
        for net, (train, test) in errors.items() for seed in range(seeds)
    ]  # fmt: skip
    return Study("made-up", pd.DataFrame(rows), pd.DataFrame())
