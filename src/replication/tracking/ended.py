"""Runs that have ended, as MLflow can take them: from their folders, or from the tables of a study."""

from collections.abc import Iterator
from pathlib import Path

from replication.results.schema import TRAINING
from replication.results.tables import CURVES, RUNS, SCORES, read_tables, run_of
from replication.runs.folder import read_curve, read_run
from replication.runs.outcome import read_scores
from replication.runs.provenance import in_columns
from replication.runs.record import training_score
from replication.tasks import Task
from replication.tracking.tracker import Ended


def ended_in_folder(folder: Path, scores: Path) -> Ended:
    """The run of a folder of runs/, and what it scored, if its folder of scores is there.

    Raises:
        UserError: a folder is damaged.
    """
    record, curve = read_run(folder), read_curve(folder)
    row = record.provenance | record.model_dump() | in_columns(record.provenance)
    scored = [*(read_scores(scores) if scores.exists() else []), training_score(record.recipe, curve)]
    return Ended(record.recipe, row, curve, scored, record.provenance["commit"], folder)


def ended_in_study(folder: Path, task: Task) -> Iterator[Ended]:
    """The runs of a study in results/, in the order of its tables. Their curves have the points of the page.

    Raises:
        UserError: a table is damaged.
    """
    recipes, tables = read_tables(folder, task)
    for row in tables[RUNS]:
        scores, points = ([of for of in tables[name] if run_of(of) == run_of(row)] for name in (SCORES, CURVES))
        curve = [{"iteration": point["iteration"], _column(point["protocol"]): point["error"]} for point in points]
        yield Ended(recipes[row["recipe"]], row, curve, scores, row["commit"].removesuffix("+"))


def _column(protocol: str) -> str:
    """The column of curve.csv, whose names the metrics of a training have."""
    return "train_error" if protocol == TRAINING else f"{protocol}_error"
