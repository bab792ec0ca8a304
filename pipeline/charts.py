"""Prepare the MLflow UI and print the address of each study's curves: `python -m pipeline.charts 5000`, by `make ui`.

Each study gets the paper's numbers of its nets as runs, with the paper's curves over the share of the schedule. Runs
that were killed (-9, a power cut) and not resumed are marked KILLED. Takes 5 seconds.
"""

import argparse
import json
import socket
from collections.abc import Sequence
from statistics import mode
from typing import TYPE_CHECKING, Any

from pipeline import stage
from pipeline.params import PROFILES, TRACKING_URI, WORK
from pipeline.plots import find_paper_curve
from replication.config.profiles import Profile, read_profile
from replication.errors import UserError
from replication.files import describe_cause
from replication.report.palette import look
from replication.runs.curve import ERROR, TEST, TRAIN, Point
from replication.tasks import Task, get_task
from replication.tracking.fields import GROUP
from replication.tracking.importer import REFERENCE, log_reference
from replication.tracking.mlflow_store import KIND, connect, explain_failure, mark_killed
from replication.verdicts.paper_study import make_paper_study

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient

VIEW = "means"  # key of the saved view
CHARTS = f"runs?workflowType=machine_learning&compareRunsMode=CHART&viewStateShareKey={VIEW}"
SECTIONS = {
    "Errors, %": {"test/error": "LINE", "train/error": "LINE", "error": "BAR"},
    "Training": {"loss": "LINE", "learning_rate": "LINE", "images_per_second": "BAR"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", help="of the UI, 5000 say")
    parser.add_argument("--free", action="store_true", help="refuse a port that another program uses")
    options = parser.parse_args()
    port = options.port
    if options.free:
        require_free(port)
    profile = read_profile(PROFILES, "paper")
    try:
        client = connect(TRACKING_URI)
        mark_killed(client, WORK)
    except Exception as error:  # of MLflow, SQLAlchemy or sqlite
        raise explain_failure(TRACKING_URI, error) from error
    for experiment in client.search_experiments(order_by=["name"]):
        if client.search_runs([experiment.experiment_id], max_results=1):
            log_paper(client, client.search_runs([experiment.experiment_id]), profile)
            runs = client.search_runs([experiment.experiment_id])
            for key, value in (KIND | {f"mlflow.sharedViewState.{VIEW}": json.dumps(make_view(runs))}).items():
                client.set_experiment_tag(experiment.experiment_id, key, value)
            address = f"http://127.0.0.1:{port}/#/experiments/{experiment.experiment_id}/{CHARTS}"
            print(f"Curves of {experiment.name}: {address}")


def make_view(runs: "Sequence[Run]") -> dict[str, Any]:
    """The state of the UI's list of runs: the mean of the seeds of each net, by charts and by its error.

    Args:
        runs: all of the experiment.
    """
    cards = [
        {"uuid": key, "metricKey": key, "selectedMetricKeys": [key], "metricSectionId": section, "type": kind}
        | {"deleted": False, "isGenerated": False, "lineSmoothness": 0, "xAxisKey": "step", "yAxisKey": "metric"}
        for section, charts in SECTIONS.items()
        for key, kind in charts.items()
    ]
    return {
        "groupBy": {"aggregateFunction": "average", "groupByKeys": [{"mode": "tag", "groupByData": GROUP}]},
        "groupsExpanded": {f"tag.{GROUP}.{run.data.tags[GROUP]}": False for run in runs},
        "runsHiddenMode": "SHOW_ALL",
        "selectedColumns": ["metrics.`error`", "metrics.`training_error`"],
        "orderByKey": "metrics.`error`",
        "orderByAsc": True,
        "compareRunSections": [{"uuid": name, "name": name, "display": True, "deleted": False} for name in SECTIONS],
        "compareRunCharts": cards,
    }


def log_paper(client: "MlflowClient", runs: "Sequence[Run]", profile: Profile) -> None:
    """Log what the paper prints of the nets of an experiment, where MLflow lacks it.

    Args:
        runs: all of the experiment.
        profile: the paper's.
    """
    ours = [run for run in runs if REFERENCE not in run.data.tags]
    task = get_task(ours[0].data.tags["task"])
    iterations = mode(int(run.data.params["schedule.iterations"]) for run in ours)
    missing = {run.data.params["net"] for run in ours} - {run.data.tags.get(REFERENCE) for run in runs}
    study = make_paper_study(task, profile)
    for net in sorted(missing & set(study.scores["net"])):
        rows = study.scores[study.scores["net"] == net]
        means = rows.groupby(["protocol", "metric"], as_index=False)["value"].mean()
        share = iterations / int(study.runs_of(net)["iterations"].max())
        curve = scale_curve(task, net, share)
        log_reference(client, ours[0].info.experiment_id, task, net, means.to_dict("records"), curve, look(net).light)


def scale_curve(task: Task, net: str, share: float) -> list[Point]:
    """The paper's curve of a net, its iterations times `share`."""
    points = []
    for split, metric in ((TRAIN, ERROR), (TEST, task.curve_metric.name)):
        by_iteration = {max(1, round(share * x)): y for x, y in find_paper_curve(task, split, net)}
        points += [Point(iteration, split, metric, y) for iteration, y in by_iteration.items()]
    return points


def require_free(port: str) -> None:
    """Refuse a port that another program listens on: its pages would open at the printed addresses.

    Raises:
        UserError: the port is taken, or no number.
    """
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise UserError(f"PORT is {port!r}; it must be a number from 1 to 65535.", key="PORT")
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", int(port)))
        except OSError as error:
            raise UserError(
                f"port {port} cannot be used ({describe_cause(error)}); choose another: make ui PORT=5050.",
                kind="busy",
                key="PORT",
            ) from error


if __name__ == "__main__":
    stage.run(main)
