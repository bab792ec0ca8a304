"""Stage `report`: run the notebooks of reports/notebooks/ with papermill and join them to reports/replication.html.

Takes 20 seconds. The page is one file that loads nothing; equal results give equal bytes. Also writes
reports/replication.svg, the picture of the README, and reports/claims.json, verdicts counted for `dvc metrics`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline import code, stage
from pipeline.params import PROFILES, RESULTS, read_params
from pipeline.plan import OUTCOMES
from replication.config.profiles import read_profile
from replication.errors import UserError
from replication.files import kind_of, regular, write_durably
from replication.nets.names import depth_of
from replication.report.answer import main_setup
from replication.report.depth import depth_figure
from replication.report.first_screen import count_claims, first_screen
from replication.report.html import with_cards
from replication.report.notebooks import join, run
from replication.report.page import page
from replication.results.studies import read_studies
from replication.tasks import TASKS

NOTEBOOKS = Path("reports/notebooks")
# In the order of the page; the first has the parameters.
PARTS = ("answer", "imagenet", "cifar", "detection", "localization", "record")
BENCHMARKS = Path("benchmarks/results")
PAGE = Path("reports/replication.html")
PICTURE = Path("reports/replication.svg")
CLAIMS = Path("reports/claims.json")


def main() -> None:
    compared = reproduced()
    with code.unchanged("report"):
        write_page()
    print(f"\n{compared}\nOpen {PAGE}\n")


def write_page() -> None:
    """Make the page, the picture and the counts of the results as they are."""
    parameters = {"results": RESULTS.resolve(), "profile": read_params().profile, "profiles": PROFILES.resolve()}
    parameters["benchmarks"] = BENCHMARKS.resolve()
    body = run(join([NOTEBOOKS / f"{name}.py" for name in PARTS]), parameters)
    paper = read_profile(PROFILES, "paper")
    by_arm = [read_studies(RESULTS, task, paper, needed=False) for task in TASKS.values()]
    studies = [study for task_folder in by_arm for study in task_folder]
    judged = [study for task_folder in by_arm for study in with_cards(task_folder, parameters["profile"])]
    write_durably(PAGE, page(first_screen(studies, paper, judged), body).encode())
    write_durably(CLAIMS, (json.dumps(count_claims(studies, paper), indent=2) + "\n").encode())
    write_durably(PICTURE, depth_figure(*main_setup(studies), standalone=True).encode())


def reproduced() -> str:
    """How the runs of params.yaml, as the stages made or found them, compare with what was recorded of them."""
    made = []
    for name in TASKS:
        file = OUTCOMES / f"{name}.json"
        try:
            made += json.loads(regular(file).read_text(encoding="utf-8"))["runs"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            message = f"{file} is missing or damaged; delete it and run `dvc repro tabulate@{name}`."
            raise UserError(message, kind=kind_of(error), file=file) from error
    old = [of for of in made if of["comparison"] != "new"]
    equal, within = (sum(of["comparison"] == kind for of in old) for kind in ("equal", "within"))
    lines = [f"{len(made) - len(old)} new runs."] if len(old) < len(made) else []
    if old:
        line = f"{equal} of {len(old)} runs reproduce the recorded errors exactly"
        line += f", {within} more lie in the range of the recorded seeds." if within else "."
        lines.append(f"{line}   {pair_in_words(made)}")
    words = {"outside": "outside the range of the recorded seeds", "other": "not the same"}
    for of in old:
        if of["comparison"] in words:
            errors = f"{of['error']:.2f} %, recorded {of['recorded']:.2f} %"
            lines.append(f"  {of['name']} · seed {of['seed']}: {errors}: {words[of['comparison']]}")
    return "\n".join(lines)


def pair_in_words(made: Sequence[Mapping[str, Any]]) -> str:
    """The mean errors of the deepest plain net of a list and of the residual net of its depth."""
    errors: dict[str, list[float]] = {}
    for one in made:
        errors.setdefault(one["name"], []).append(one["error"])
    means = {name: sum(of) / len(of) for name, of in errors.items()}
    plain = sorted((name for name in means if re.fullmatch(r"plain-\d+", name)), key=depth_of)
    for net in reversed(plain):
        for twin in (f"resnet-{depth_of(net)}", f"resnet-{depth_of(net)}-A"):
            if twin in means:
                return f"{net} {means[net]:.1f} %, {twin.replace('resnet', 'ResNet')} {means[twin]:.1f} %"
    return ""


if __name__ == "__main__":
    stage.run(main)
