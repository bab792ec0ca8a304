"""Import runs from another machine or another clone. Not a stage.

`python -m pipeline.join FOLDER …`: each the folder of a run, with run.json, curve.csv and net.safetensors.

Each run's recipe must be that of a profile here, and its data the prepared ones (data/<task>); other runs are refused.
The weights are evaluated again by the code of this checkout. Then rows are added to results/<profile>/<task>/. On 2
cores it takes 10 to 20 seconds for a CIFAR net.
"""

import argparse
from pathlib import Path

from pipeline import stage
from pipeline.params import PROFILES, RESULTS, read_params
from pipeline.plan import Run, start_folders
from replication.config.profiles import named, read_profile
from replication.evaluate import evaluate_run
from replication.results.add import Result, add_results
from replication.results.card import write_card
from replication.results.fidelity import find_profile
from replication.results.labels import pixels_label, study_folder
from replication.results.summary import summarise
from replication.runs.folder import read_curve, read_run
from replication.runs.outcome import score_rows
from replication.tasks import get_task
from replication.training.device import choose_device


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    params = read_params()
    device = choose_device(params.device)
    profiles = [read_profile(PROFILES, path.stem) for path in sorted(PROFILES.glob("*.yaml"))]
    folders = parser.parse_args().folders
    matches = [(folder, find_profile(read_run(folder).recipe, profiles, folder)) for folder in folders]
    for folder, profile in matches:
        record = read_run(folder)
        task = get_task(record.recipe.task)
        images = stage.images_of(params, task)
        run = Run(task, named(record.recipe.net, record.recipe.variant), record.recipe.seed)
        evaluation = evaluate_run(folder, images, device, start_folders(run, record.recipe))
        scores = score_rows(evaluation.outcomes, task)
        task_folder = RESULTS / profile.name / task.name
        tables = task_folder / study_folder(pixels_label(task, record.recipe.data))
        add_results(tables, [Result(record, read_curve(folder), scores, evaluation.responses)])
        if tables == task_folder:
            summarise(tables, task)
        write_card(tables, RESULTS, task, PROFILES)
        errors = ", ".join(f"{row['protocol']} {row['metric']} {row['value']:.2f} %" for row in scores)
        print(f"{record.recipe.net} · seed {record.recipe.seed}: {errors}: added to {tables}", flush=True)


if __name__ == "__main__":
    stage.run(main)
