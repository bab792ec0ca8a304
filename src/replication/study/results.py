"""results/<profile>/<arm>/{runs,curves,evaluations}.csv: the record of a study, and the only input of the page."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from replication.errors import UserError
from replication.nets.names import depth_of
from replication.recipe import Recipe
from replication.study.fidelity import RANK, differences, fidelity
from replication.training import RunRecord

RUNS, CURVES, EVALUATIONS, SUMMARY = "runs.csv", "curves.csv", "evaluations.csv", "summary.json"
# The protocol of an arm's comparisons (sections 4.2 and 3.4): its error is the `test_error` of runs.csv.
HEADLINE = {"cifar": "single_view", "imagenet": "ten_crop"}
CURVE_POINTS = 64  # a curve of the page, as many as Figure 6 has
END_OF_TRAINING = 1 / 16  # share of the schedule over which the training error at the end is averaged


@dataclass(frozen=True)
class Study:
    """The results of one arm under one profile.

    `runs` has a row a run, `curves` a row a point, `evaluations` a row for each net (or ensemble), seed and protocol.
    """

    arm: str
    profile: str
    runs: pd.DataFrame
    curves: pd.DataFrame
    evaluations: pd.DataFrame

    @property
    def fidelity(self) -> str:
        """That of its best run."""
        return min(self.runs["fidelity"], key=RANK.__getitem__)

    @property
    def dataset(self) -> str:
        return str(self.runs["dataset"].iloc[0])

    @property
    def drops(self) -> tuple[float, ...]:
        """Where the learning rate drops, as shares of the schedule."""
        first = self.runs.iloc[0]
        return tuple(int(drop) / first["iterations"] for drop in str(first["drops"]).split())


def run_row(
    record: RunRecord, curve: list[dict[str, Any]], test_error: float, test_images: int, paper: Recipe
) -> dict[str, Any]:
    """A row of runs.csv.

    Args:
        curve: rows of the run's curve.csv.
        test_error: top-1 error of the last iteration over `test_images` images by the arm's `HEADLINE` protocol.
        paper: the recipe of the same net under profile `paper`.
    """
    recipe, origin = record.recipe, record.provenance
    machine = origin["machine"]
    return {
        "arm": recipe.arm,
        "net": recipe.net,
        "layers": depth_of(recipe.net),
        "seed": recipe.seed,
        "fidelity": fidelity(recipe, paper),
        "status": record.status,
        "dataset": recipe.data.name,
        "variant": recipe.data.variant,
        "test_error": round(test_error, 4),
        "test_images": test_images,
        "train_error": round(train_error_at_end(curve, recipe.schedule.iterations), 4),
        "test_error_at_best_heldout_error": test_error_at_best_heldout_error(curve),
        "parameters": record.parameters,
        "macs": record.macs,
        "iterations": recipe.schedule.iterations,
        "drops": " ".join(map(str, record.dropped_at)),
        "batch_size": recipe.schedule.batch_size,
        "warmup_ended_at": record.warmup_ended_at,
        "seconds": record.seconds,
        "images_per_second": record.images_per_second,
        "processes": record.processes,
        "starts": record.starts,
        "recipe_hash": record.recipe_hash,
        "data_sha256": recipe.data.fingerprint[:16],
        "commit": origin["commit"][:12] + ("+" if origin["dirty"] else ""),
        "date": origin["date"],
        "machine": f"{machine['cpu']}, {machine['cores']} cores, {machine['device']}",
        "torch": origin["versions"]["torch"],
        "differences": json.dumps([asdict(d) for d in differences(recipe, paper)], ensure_ascii=False),
    }


def train_error_at_end(curve: list[dict[str, Any]], iterations: int) -> float:
    """Training error in percent over the last sixteenth of the schedule, as seen while training (augmented batches).

    The paper does not say how its training error is measured; its curves look like running batches too.
    """
    start, covered, wrong, previous = iterations * (1 - END_OF_TRAINING), 0.0, 0.0, 0.0
    for row in curve:
        images = row["iteration"] - previous
        if row["iteration"] > start:
            covered, wrong = covered + images, wrong + images * row["train_error"]
        previous = row["iteration"]
    return wrong / covered


def test_error_at_best_heldout_error(curve: list[dict[str, Any]]) -> float | None:
    """Test error where the held-out error was least, under a name that says so; None if nothing was held out."""
    measured = [row for row in curve if row["heldout_error"] is not None]
    return min(measured, key=lambda row: row["heldout_error"])["test_error"] if measured else None


def curve_rows(record: RunRecord, curve: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of curves.csv: the training error averaged to about 64 points, and every test error."""
    name = {"arm": record.recipe.arm, "net": record.recipe.net, "seed": record.recipe.seed}
    step = -(-len(curve) // CURVE_POINTS)
    rows = []
    for first in range(0, len(curve), step):
        part = curve[first : first + step]
        error = sum(row["train_error"] for row in part) / len(part)
        rows.append(name | {"split": "train", "iteration": int(part[-1]["iteration"]), "error": round(error, 4)})
    for row in curve:
        if row["test_error"] is not None:
            rows.append(name | {"split": "test", "iteration": int(row["iteration"]), "error": row["test_error"]})
    return rows


def write_study(
    folder: Path, runs: list[dict[str, Any]], curves: list[dict[str, Any]], evaluations: list[dict[str, Any]]
) -> None:
    """Write the three tables, and summary.json: mean errors a net, the columns of `dvc exp show`."""
    folder.mkdir(parents=True, exist_ok=True)
    means = pd.DataFrame(runs).groupby("net", sort=False)["test_error"].mean().round(2)
    (folder / SUMMARY).write_text(json.dumps({"test_error": means.to_dict()}, indent=2) + "\n")
    for name, rows in ((RUNS, runs), (CURVES, curves), (EVALUATIONS, evaluations)):
        pd.DataFrame(rows).to_csv(folder / name, index=False, lineterminator="\n")


def read_studies(results: Path, arm: str) -> list[Study]:
    """All committed studies of an arm, the one nearest to the paper first: by fidelity, then photographs before
    digits, then length.

    Raises:
        UserError: there is none, or a table lacks a column.
    """
    studies = []
    for folder in sorted(path.parent for path in results.glob(f"*/{arm}/{RUNS}")):
        try:
            runs, curves, evaluations = (pd.read_csv(folder / name) for name in (RUNS, CURVES, EVALUATIONS))
        except (FileNotFoundError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
            raise UserError(f"{folder} is incomplete ({error}); make it with `dvc repro tabulate`.") from error
        missing = {"net", "seed", "fidelity", "test_error", "train_error", "differences"} - set(runs.columns)
        if missing:
            raise UserError(
                f"{folder / RUNS} lacks the column {min(missing)}; make it again with `dvc repro tabulate`."
            )
        studies.append(Study(arm, folder.parent.name, runs, curves, evaluations))
    if not studies:
        raise UserError(f"{results} has no study of the arm {arm}; make one with `dvc repro tabulate@{arm}`.")
    return sorted(studies, key=_nearness)


def _nearness(study: Study) -> tuple[int, bool, int]:
    return (
        RANK[study.fidelity],
        "digits" in set(study.runs["dataset"]),
        -int(study.runs["iterations"].max()),
    )
