"""Print the addresses of each study's curves in the MLflow UI: `python -m pipeline.charts 5000`, called by `make ui`.

The root of the UI is another product's page, and a list of runs shows no curve. Before that, runs that were killed
(-9, a power cut) and not resumed are marked KILLED. Takes 3 seconds.
"""

from pipeline import stage
from pipeline.params import TRACKING_URI, WORK
from replication.tracking.mlflow_store import connect, mark_killed

CHARTS = "runs?workflowType=machine_learning&compareRunsMode=CHART"


def main() -> None:
    port = stage.arguments(__doc__, port="of the UI, 5000 say").port
    client = connect(TRACKING_URI)
    mark_killed(client, WORK)
    for experiment in client.search_experiments(order_by=["name"]):
        if client.search_runs([experiment.experiment_id], max_results=1):
            address = f"http://127.0.0.1:{port}/#/experiments/{experiment.experiment_id}/{CHARTS}"
            print(f"Curves of {experiment.name}: {address}")


if __name__ == "__main__":
    stage.run(main)
