"""Studies whose numbers are made up, for tests of statistics, claims and the page."""

import json

import pandas as pd

from replication.nets.names import depth_of
from replication.study.results import HEADLINE, Study

PAPER = {
    "plain-20": (1.38, 9.69), "plain-32": (1.38, 10.08), "plain-44": (2.67, 11.42), "plain-56": (5.63, 13.23),
    "resnet-20": (0.67, 8.75), "resnet-32": (0.28, 7.51), "resnet-44": (0.19, 7.17), "resnet-56": (0.11, 6.97),
    "resnet-110": (0.06, 6.61), "plain-110": (70.0, 71.0),
}  # fmt: skip
# 10-crop top-1 errors of tables 2 and 3; training errors of Figure 4 where it has them, else made up.
PAPER_IMAGENET = {
    "plain-18": (31.46, 27.94), "plain-34": (32.56, 28.54), "resnet-18-A": (29.96, 27.88),
    "resnet-34-A": (24.97, 25.03), "resnet-34-B": (24.5, 24.52), "resnet-34-C": (24.2, 24.19),
    "resnet-50": (22.0, 22.85), "resnet-101": (20.0, 21.75), "resnet-152": (19.0, 21.43),
}  # fmt: skip
OF_ARM = {
    "cifar": {"dataset": "cifar10", "iterations": 64_000, "batch_size": 128, "test_images": 10_000},
    "imagenet": {"dataset": "imagenet", "iterations": 600_000, "batch_size": 256, "test_images": 50_000},
}


def study(
    errors: dict[str, tuple[float, float]],
    seeds: int = 1,
    spread: float = 0.0,
    arm: str = "cifar",
    top5: float = 0.25,
    **columns: object,
) -> Study:
    """A study with these (training, test) errors; seeds differ by `spread`, top-5 is `top5` times the top-1 error."""
    rows = [
        {
            "arm": arm, "net": net, "seed": seed, "layers": depth_of(net), "fidelity": "proxy", "status": "trained",
            "train_error": train, "test_error": test + spread * (seed - (seeds - 1) / 2),
            "differences": json.dumps([]),
        } | OF_ARM[arm] | columns
        for net, (train, test) in errors.items() for seed in range(seeds)
    ]  # fmt: skip
    protocols = [HEADLINE[arm], *(["fully_convolutional"] if arm == "imagenet" else [])]
    evaluations = [
        {
            "net": row["net"], "seed": row["seed"], "protocol": protocol, "images": row["test_images"],
            "top1_error": row["test_error"] - (3 if protocol == "fully_convolutional" else 0),
            "top5_error": top5 * row["test_error"],
        }
        for row in rows for protocol in protocols
    ]  # fmt: skip
    curves = pd.DataFrame(columns=["net", "seed", "split", "iteration", "error"])
    return Study(arm, "made-up", pd.DataFrame(rows), curves, pd.DataFrame(evaluations))


def with_curves(found: Study, points: list[tuple[float, float]]) -> Study:
    """The study with a curve for each run and split: (share of the schedule, points above the final error)."""
    rows = [
        {
            "net": run["net"], "seed": run["seed"], "split": split,
            "iteration": round(share * run["iterations"]), "error": run[f"{split}_error"] + above,
        }
        for run in found.runs.to_dict("records") for split in ("train", "test") for share, above in points
    ]  # fmt: skip
    return Study(found.arm, found.profile, found.runs, pd.DataFrame(rows), found.evaluations)
