"""Stage `tabulate`: join runs and evaluations into results/<profile>/runs.csv and curves.csv. Takes 3 seconds.

These tables are committed: they are the record of the study, and all that the page reads.
"""

import csv

from pipeline import stage
from pipeline.params import EVALUATIONS, RESULTS, paper_recipe, read_params, runs_of
from replication.errors import UserError
from replication.study.results import curve_rows, run_row, write_study
from replication.training import read_curve, read_run


def main() -> None:
    params = read_params()
    with (EVALUATIONS / "cifar.csv").open(newline="") as file:
        scores = {(row["net"], int(row["seed"])): row for row in csv.DictReader(file)}
    runs, curves = [], []
    for run in runs_of(params, "cifar"):
        score = scores.get((run.net, run.seed))
        if score is None:
            raise UserError(f"{EVALUATIONS / 'cifar.csv'} has no {run.net}, seed {run.seed}; run `dvc repro evaluate`.")
        record, curve = read_run(run.folder), read_curve(run.folder)
        theirs = paper_recipe(params, "cifar", run.net, run.seed)
        runs.append(run_row(record, curve, float(score["top1_error"]), int(score["images"]), theirs))
        curves += curve_rows(record, curve)
    write_study(RESULTS / params.profile, runs, curves)
    print(f"tabulate: {len(runs)} runs in {RESULTS / params.profile}/runs.csv")


if __name__ == "__main__":
    stage.run(main)
