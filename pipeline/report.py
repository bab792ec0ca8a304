"""Stage `report`: run the notebooks of reports/notebooks/ with papermill and join them to reports/replication.html.

Takes 20 seconds. The page is one file and works offline; equal results give equal bytes. Also writes
reports/replication.svg, the picture of the README, and reports/claims.json: verdicts counted for
`dvc metrics`, and what each rests on; and ro-crate-metadata.json, the record for machines.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline import code, stage
from pipeline.params import PROFILES, RESULTS, read_params
from pipeline.plan import OUTCOMES
from replication.files import make_read_error, require_regular, write_durably
from replication.nets.names import depth_of
from replication.report.notebooks import join_notebooks, run_notebook
from replication.report.page import render_page
from replication.tasks import TASKS

NOTEBOOKS = Path("reports/notebooks")
# In the order of the page; the first has the parameters.
PARTS = ("answer", "imagenet", "cifar", "detection", "localization", "claims", "record")
BENCHMARKS = Path("benchmarks/results")
PAGE = Path("reports/replication.html")
PICTURE = Path("reports/replication.svg")
CLAIMS = Path("reports/claims.json")
CRATE = Path("ro-crate-metadata.json")  # where the standard has it


def main() -> None:
    compared = describe_reproduction()
    with code.guard_code("report"):
        write_page()
    print(f"\n{compared}\nOpen {PAGE}\n")


def write_page() -> None:
    """Write the page, the picture, the counts of claims and the crate."""
    parameters = {"results": RESULTS.resolve(), "profile": read_params().profile, "profiles": PROFILES.resolve()}
    parameters["benchmarks"] = BENCHMARKS.resolve()
    body = run_notebook(join_notebooks([NOTEBOOKS / f"{name}.py" for name in PARTS]), parameters)
    write_durably(PAGE, render_page(body.outside["first"], body.html, body.headings).encode())
    for file, key in ((CLAIMS, "claims"), (CRATE, "crate")):
        write_durably(file, (json.dumps(body.outside[key], indent=1, ensure_ascii=False) + "\n").encode())
    write_durably(PICTURE, body.outside["picture"].encode())


def describe_reproduction() -> str:
    """How the present runs of params.yaml compare with the recorded ones."""
    runs = read_outcomes()
    old = [run for run in runs if run["comparison"] != "new"]
    equal, within = (sum(run["comparison"] == kind for run in old) for kind in ("equal", "within"))
    lines = [f"{len(runs) - len(old)} new runs."] if len(old) < len(runs) else []
    if old:
        line = f"{equal} of {len(old)} runs reproduce the recorded errors exactly"
        line += f", {within} more lie in the range of the recorded seeds." if within else "."
        lines.append(f"{line}   {describe_pair(runs)}")
    words = {"outside": "outside the range of the recorded seeds", "other": "not the same"}
    for run in old:
        if run["comparison"] in words:
            errors = f"{run['error']:.2f} %, recorded {run['recorded']:.2f} %"
            lines.append(f"  {run['name']} · seed {run['seed']}: {errors}: {words[run['comparison']]}")
    return "\n".join(lines)


def read_outcomes() -> list[dict[str, Any]]:
    """How each run compares with the recorded one, as the stage `tabulate` wrote it.

    Raises:
        UserError: a file is missing or damaged.
    """
    runs = []
    for task in TASKS:
        file = OUTCOMES / f"{task}.json"
        try:
            runs += json.loads(require_regular(file).read_text(encoding="utf-8"))["runs"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            message = f"{file} is missing or damaged; delete it and run `dvc repro tabulate@{task}`."
            raise make_read_error(file, error, message) from error
    return runs


def describe_pair(runs: Sequence[Mapping[str, Any]]) -> str:
    """The mean errors of the deepest plain net of a list and of the residual net of its depth."""
    errors: dict[str, list[float]] = {}
    for run in runs:
        errors.setdefault(run["name"], []).append(run["error"])
    means = {name: sum(of_net) / len(of_net) for name, of_net in errors.items()}
    plain = sorted((name for name in means if re.fullmatch(r"plain-\d+", name)), key=depth_of)
    for net in reversed(plain):
        for twin in (f"resnet-{depth_of(net)}", f"resnet-{depth_of(net)}-A"):
            if twin in means:
                return f"{net} {means[net]:.1f} %, {twin.replace('resnet', 'ResNet')} {means[twin]:.1f} %"
    return ""


if __name__ == "__main__":
    stage.run(main)
