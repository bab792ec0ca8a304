"""Stage `tabulate`: add an arm's runs and scores to its tables, results/<profile>/<arm>/. Takes 3 seconds.

`python -m pipeline.tabulate cifar` (or imagenet, localization). These tables are committed: they are the record of the
study, and all that the page reads. Rows are added; those of other runs stay. Runs under an override, or on other pixels
than the official ones of the paper's data set, go to a folder of their own in it, named after that.
"""

from pipeline import stage
from pipeline.params import PROFILES, RESULTS, read_params
from pipeline.plan import RECIPES, Run, finished, planned
from replication.analyses.layers import read_responses
from replication.arms import arm_of
from replication.evaluation.scores import PICTURE, ensemble_rows, read_scores
from replication.files import write_durably
from replication.runs.folder import read_curve
from replication.sources import DATASETS
from replication.study.cards import write_card
from replication.study.labels import pixels_label, study_folder
from replication.study.results import Result, add_results, write_summary


def main() -> None:
    arm, params = arm_of(stage.arguments(__doc__, arm="cifar, imagenet or localization").arm), read_params()
    plan, of_arm = planned(RECIPES / arm.name / "study.json"), RESULTS / params.profile / arm.name
    runs = [Run(arm, path, seed) for path, seed in plan["runs"]]
    results = [
        Result(
            finished(run), read_curve(run.folder), read_scores(run.scores),
            read_responses(run.responses) if run.responses.exists() else (),
        )
        for run in runs
    ]  # fmt: skip
    if not results:
        of_arm.mkdir(parents=True, exist_ok=True)
        print(f"tabulate {arm.name}: no nets, so nothing to add")
        return
    scored = {(run.net, run.seed): run.scores for run in runs if run.path == run.net}
    ensembles = [
        row
        for nets in plan["ensembles"]
        for seed in sorted({run.seed for run in runs})
        if all((net, seed) in scored for net in nets)
        for row in ensemble_rows(nets, seed, [scored[net, seed] for net in nets], arm)
    ]
    if arm.boxes:
        from replication.evaluation.located import rows_of_seeds  # takes torch

        ensembles += rows_of_seeds([(finished(run).recipe, run.scores) for run in runs])
    folder = of_arm / study_folder(plan["label"], pixels_label(arm, results[0].record.recipe.data))
    add_results(folder, results, ensembles)
    write_summary(of_arm, arm, results, plan["depth"])
    write_card(folder, RESULTS, arm, PROFILES)
    if (runs[0].scores / PICTURE).exists() and DATASETS[results[0].record.recipe.data.name].shareable:
        write_durably(folder / PICTURE, (runs[0].scores / PICTURE).read_bytes())
    print(f"tabulate {arm.name}: {len(results)} runs added to {folder}/runs.csv")


if __name__ == "__main__":
    stage.run(main)
