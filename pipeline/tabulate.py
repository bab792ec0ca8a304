"""Stage `tabulate`: join an arm's runs and evaluations into results/<profile>/<arm>/*.csv. Takes 3 seconds.

`python -m pipeline.tabulate cifar` (or imagenet). These tables are committed: they are the record of the study, and
all that the page reads.
"""

import csv

from pipeline import stage
from pipeline.params import EVALUATIONS, RESULTS, paper_recipe, read_params, runs_of
from replication.errors import UserError
from replication.study.results import HEADLINE, curve_rows, run_row, write_study
from replication.training import read_curve, read_run


def main() -> None:
    arm = stage.arguments(__doc__, arm="cifar or imagenet").arm
    params, scored = read_params(), EVALUATIONS / f"{arm}.csv"
    with scored.open(newline="") as file:
        evaluations = list(csv.DictReader(file))
    headline = {(row["net"], int(row["seed"])): row for row in evaluations if row["protocol"] == HEADLINE[arm]}
    runs, curves = [], []
    for run in runs_of(params, arm):
        score = headline.get((run.net, run.seed))
        if score is None:
            raise UserError(f"{scored} has no {run.net}, seed {run.seed}; run `dvc repro evaluate`.")
        record, curve = read_run(run.folder), read_curve(run.folder)
        theirs = paper_recipe(params, arm, run.net, run.seed)
        runs.append(run_row(record, curve, float(score["top1_error"]), int(score["images"]), theirs))
        curves += curve_rows(record, curve)
    folder = RESULTS / params.profile / arm
    write_study(folder, runs, curves, evaluations)
    print(f"tabulate: {len(runs)} runs in {folder}/runs.csv")


if __name__ == "__main__":
    stage.run(main)
