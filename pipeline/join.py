"""Import runs from another machine or another clone. Not a stage.

`python -m pipeline.join FOLDER …`: each the folder of a run, with run.json, curve.csv and net.safetensors.
`python -m pipeline.join --by NAME FOLDER …`: runs of ours that somebody else made again.

Each run's recipe must be that of a profile here, and its data the prepared ones (data/<task>); other runs are refused.
The weights are evaluated again by the code of this checkout. Then rows are added to results/<profile>/<task>/, in
hundreds. On 2 cores it takes 10 to 20 seconds for a CIFAR net.

With --by the rows go to reruns.csv of the study instead. They enter no mean and no verdict. A rerun is accepted if it
lies in the 99 % prediction interval of our seeds, of which there must be three.
"""

import argparse
from pathlib import Path
from statistics import mean

from pipeline import stage
from pipeline.params import PROFILES, RESULTS, WORK, read_params
from pipeline.plan import PlannedRun, imported_start_folders
from replication.config.profiles import Profile, named, read_profile
from replication.data.store import Images
from replication.evaluate import evaluate_run
from replication.results.add import Result, add_results
from replication.results.card import write_card
from replication.results.fidelity import find_profile
from replication.results.labels import pixels_label, study_folder
from replication.results.reruns import Judged, add_reruns, refuse_incomparable
from replication.results.summary import summarise
from replication.runs.folder import read_curve, read_run
from replication.runs.outcome import score_rows
from replication.tasks import get_task
from replication.training.device import choose_device

MANY = 100  # runs that wait at most


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER")
    parser.add_argument("--by", metavar="NAME", help="who made these runs again")
    given, params = parser.parse_args(), read_params()
    device = choose_device(params.device, WORK)
    profiles = [read_profile(PROFILES, path.stem) for path in sorted(PROFILES.glob("*.yaml"))]
    folders = given.folders
    studies = [results_folder(folder, find_profile(read_run(folder).recipe, profiles, folder)) for folder in folders]
    if given.by is not None:
        for folder, tables in zip(folders, studies, strict=True):
            refuse_incomparable(tables, given.by, read_run(folder).recipe)
    images: dict[str, Images] = {}
    waiting = Waiting(given.by)
    try:
        for folder, tables in zip(folders, studies, strict=True):
            record = read_run(folder)
            task = get_task(record.recipe.task)
            if task.name not in images:
                images[task.name] = stage.images_of(params, task)
            run = PlannedRun(task, named(record.recipe.net, record.recipe.variant), record.recipe.seed)
            evaluation = evaluate_run(folder, images[task.name], device, imported_start_folders(run, record.recipe))
            scores = score_rows(evaluation.outcomes, task)
            waiting.add(
                tables, run, Result(record, read_curve(folder), scores, evaluation.responses, evaluation.precision)
            )
            errors = ", ".join(f"{row['protocol']} {row['metric']} {row['value']:.2f} %" for row in scores)
            print(f"{record.recipe.net} · seed {record.recipe.seed}: {errors}", flush=True)
    finally:  # what was evaluated before an error or a Ctrl-C is kept
        waiting.write()


def results_folder(folder: Path, profile: Profile) -> Path:
    """The tables that a run's folder is added to."""
    recipe = read_run(folder).recipe
    task = get_task(recipe.task)
    return RESULTS / profile.name / task.name / study_folder(pixels_label(task, recipe.data))


def describe_rerun(judged: Judged) -> str:
    """The verdict on a rerun, with the numbers that it rests on."""
    row, ours = judged.row, judged.ours
    line = f"{named(row['net'], row['variant'])} · seed {row['seed']} by {row['by']}: {row['value']:.2f} %, "
    line += f"ours {mean(ours):.2f} % (n = {len(ours)}): "
    if judged.p is None:
        return line + ("the same number" if judged.verdict == "equal" else "too few seeds of ours to tell")
    words = {"equal": "the same number", "accepted": "accepted", "outside": "outside the range of our seeds"}
    return line + f"{words[judged.verdict]}, p = {judged.p:.2g}"


class Waiting:
    """Evaluated runs that are not yet in the tables of their studies. To add each by itself would take a time that
    grows with the square of their number, as all tables of a study are read and written.

    Args:
        by: who made runs of ours again; None: they are runs of this project.
    """

    def __init__(self, by: str | None = None) -> None:
        self.by = by
        self.studies: dict[Path, dict[PlannedRun, Result]] = {}

    def add(self, tables: Path, run: PlannedRun, result: Result) -> None:
        """Add a run; writes those that wait once they are many, for a kill to lose few."""
        self.studies.setdefault(tables, {})[run] = result
        if sum(map(len, self.studies.values())) >= MANY:
            self.write()

    def write(self) -> None:
        """Add all runs that wait to the tables of their studies."""
        while self.studies:
            tables, results = self.studies.popitem()
            if self.by is not None:
                for judged in add_reruns(tables, self.by, list(results.values())):
                    print(describe_rerun(judged), flush=True)
                continue
            add_results(tables, list(results.values()))
            task = next(iter(results)).task
            if tables.name == task.name:  # a study of its own, not a part of one with other pixels
                summarise(tables, task)
            write_card(tables, RESULTS, task, PROFILES)
            print(f"{len(results)} added to {tables}", flush=True)


if __name__ == "__main__":
    stage.run(main)
