"""Stage `report`: run the notebooks of reports/notebooks/ with papermill and join them to reports/replication.html.

Takes 20 seconds. The page is one file that loads nothing; equal results give equal bytes. Also writes
reports/replication.svg, the picture of the README, and reports/claims.json, verdicts counted for `dvc metrics`.
"""

import json
from pathlib import Path

from pipeline import stage
from pipeline.params import PROFILES, RESULTS, read_params
from replication.arms import ARMS
from replication.files import write_durably
from replication.profiles import read_profile
from replication.report.answer import main_setup
from replication.report.depth import depth_figure
from replication.report.first_screen import count_claims, first_screen
from replication.report.html import with_cards
from replication.report.notebooks import join, run
from replication.report.page import page
from replication.study.studies import read_studies

NOTEBOOKS = Path("reports/notebooks")
# In the order of the page; the first has the parameters.
PARTS = ("answer", "imagenet", "cifar", "detection", "localization", "record")
BENCHMARKS = Path("benchmarks/results")
PAGE = Path("reports/replication.html")
PICTURE = Path("reports/replication.svg")
CLAIMS = Path("reports/claims.json")


def main() -> None:
    parameters = {"results": RESULTS.resolve(), "profile": read_params().profile, "profiles": PROFILES.resolve()}
    parameters["benchmarks"] = BENCHMARKS.resolve()
    body = run(join([NOTEBOOKS / f"{name}.py" for name in PARTS]), parameters)
    paper = read_profile(PROFILES, "paper")
    by_arm = [read_studies(RESULTS, arm, paper, needed=False) for arm in ARMS.values()]
    studies = [study for of_arm in by_arm for study in of_arm]
    judged = [study for of_arm in by_arm for study in with_cards(of_arm, parameters["profile"])]
    write_durably(PAGE, page(first_screen(studies, paper, judged), body).encode())
    write_durably(CLAIMS, (json.dumps(count_claims(studies, paper), indent=2) + "\n").encode())
    write_durably(PICTURE, depth_figure(*main_setup(studies), standalone=True).encode())
    print(f"report: {PAGE}, {PAGE.stat().st_size / 1024:.0f} KiB")


if __name__ == "__main__":
    stage.run(main)
