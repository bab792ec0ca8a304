"""Print the addresses of each study's curves in the MLflow UI: `python -m pipeline.charts 5000`, called by `make ui`.

The root of the UI is another product's page, and a list of runs shows no curve. Before that, runs that were killed
(-9, a power cut) and not resumed are marked KILLED. Takes 3 seconds.
"""

import argparse
import socket

from pipeline import stage
from pipeline.params import TRACKING_URI, WORK
from replication.errors import UserError
from replication.files import describe_cause
from replication.tracking.mlflow_store import connect, mark_killed

CHARTS = "runs?workflowType=machine_learning&compareRunsMode=CHART"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("port", help="of the UI, 5000 say")
    parser.add_argument("--free", action="store_true", help="refuse a port that another program uses")
    options = parser.parse_args()
    port = options.port
    if options.free:
        require_free(port)
    try:
        client = connect(TRACKING_URI)
        mark_killed(client, WORK)
    except Exception as error:  # of MLflow, SQLAlchemy or sqlite
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UserError(f"MLflow's store {TRACKING_URI} cannot be used: {reason}", kind="unavailable") from error
    for experiment in client.search_experiments(order_by=["name"]):
        if client.search_runs([experiment.experiment_id], max_results=1):
            address = f"http://127.0.0.1:{port}/#/experiments/{experiment.experiment_id}/{CHARTS}"
            print(f"Curves of {experiment.name}: {address}")


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
