"""Stage `tabulate`: join runs and evaluations into results/<profile>/runs.csv and curves.csv. Takes 3 seconds.

These tables are committed: they are the record of the study, and all that the page reads.
"""

import csv

import stage
from params import EVALUATIONS, RESULTS, read_params, recipe_of, runs_of

from replication.errors import UserError
from replication.recipe import Data
from replication.study.results import curve_rows, run_row, write_study
from replication.training import read_curve, read_run

OFFICIAL = Data(name="cifar10", variant=None, fingerprint="official")


def main() -> None:
    params = read_params()
    paper = params.model_copy(
        update={"profile": "paper", "cifar": params.cifar.model_copy(update={"override": {}})}
    )
    with (EVALUATIONS / "cifar.csv").open(newline="") as file:
        scores = {(row["net"], int(row["seed"])): row for row in csv.DictReader(file)}
    runs, curves = [], []
    for run in runs_of(params, "cifar"):
        score = scores.get((run.net, run.seed))
        if score is None:
            raise UserError(
                f"{EVALUATIONS / 'cifar.csv'} has no {run.net}, seed {run.seed}; run `dvc repro evaluate`."
            )
        record, curve = read_run(run.folder), read_curve(run.folder)
        theirs = recipe_of(paper, "cifar", run.net, run.seed, OFFICIAL)
        runs.append(run_row(record, curve, float(score["top1_error"]), int(score["images"]), theirs))
        curves += curve_rows(record, curve)
    write_study(RESULTS / params.profile, runs, curves)
    print(f"tabulate: {len(runs)} runs in {RESULTS / params.profile}/runs.csv")


if __name__ == "__main__":
    stage.run(main)
