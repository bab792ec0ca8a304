"""Stage `report`: run the notebooks of reports/notebooks/ with papermill and join them to reports/replication.html.

Takes 20 seconds. The page is one file that loads nothing; equal results give equal bytes. Also writes
reports/replication.svg, the picture of the README, and reports/claims.json, verdicts counted for `dvc metrics`.
"""

import json
from pathlib import Path

from pipeline import stage
from pipeline.params import PROFILES, RESULTS, read_params
from pipeline.plan import OUTCOMES
from replication.arms import ARMS
from replication.errors import UserError
from replication.files import kind_of, regular, write_durably
from replication.profiles import read_profile
from replication.report.answer import claims_by_verdict
from replication.report.figures import depth_figure
from replication.report.html import shown
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
    compared = reproduced()
    body = run(join([NOTEBOOKS / f"{name}.py" for name in PARTS]), parameters)
    write_durably(PAGE, page(body).encode())
    paper = read_profile(PROFILES, "paper")
    studies = {arm.name: read_studies(RESULTS, arm, paper, needed=False) for arm in ARMS.values()}
    claims = claims_by_verdict([shown(of_arm, parameters["profile"]) for of_arm in studies.values()])
    write_durably(CLAIMS, (json.dumps(claims, indent=2) + "\n").encode())
    picture = depth_figure(studies["cifar"][0]).replace(
        "<svg ", '<svg color="#77777d" ', 1
    )  # legible on light and on dark
    write_durably(PICTURE, picture.encode())
    print(f"\n{compared}\nOpen {PAGE}\n")


def reproduced() -> str:
    """How the runs of params.yaml, as the stages made or found them, compare with what was recorded of them."""
    made = []
    for name in ARMS:
        file = OUTCOMES / f"{name}.json"
        try:
            made += json.loads(regular(file).read_text(encoding="utf-8"))["runs"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            told = f"{file} is missing or damaged; delete it and run `dvc repro tabulate@{name}`."
            raise UserError(told, kind=kind_of(error), file=file) from error
    old = [of for of in made if of["comparison"] != "new"]
    equal, within = (sum(of["comparison"] == kind for of in old) for kind in ("equal", "within"))
    lines = [f"{len(made) - len(old)} new runs."] if len(old) < len(made) else []
    if old:
        line = f"{equal} of {len(old)} runs reproduce the recorded errors exactly"
        lines.append(f"{line}, {within} more lie in the range of the recorded seeds." if within else f"{line}.")
    words = {"outside": "outside the range of the recorded seeds", "other": "not the same"}
    for of in old:
        if of["comparison"] in words:
            errors = f"{of['error']:.2f} %, recorded {of['recorded']:.2f} %"
            lines.append(f"  {of['name']} · seed {of['seed']}: {errors}: {words[of['comparison']]}")
    return "\n".join(lines)


if __name__ == "__main__":
    stage.run(main)
