"""Prepare the page of `dvc plots`: `make plots`, which then runs `dvc plots show`.

Writes the paper's curves as rows like those of results/*/*/curves.csv, reports/paper-curves/<task>.csv, which are in
git. Writes .dvc/tmp/plots.html, a page with vega in it (0.9 MB, from the package vl-convert-python), and names it in
.dvc/config.local, so that `dvc plots show` and `dvc plots diff` of this checkout use it. DVC's own page fetches vega
from the network. Takes 5 seconds.
"""

import csv
import io
import subprocess
from pathlib import Path

import vl_convert

from pipeline import stage
from replication import paper
from replication.files import write_durably
from replication.runs.curve import ERROR, TEST, TRAIN
from replication.tasks import TASKS, Task

PAPER_CURVES = Path("reports/paper-curves")
FIGURES = {"4.1": ("fig4",), "4.2": ("fig6", "fig6r", "fig1")}  # by section; the first that has a net's curve counts
TEMPLATE = Path(".dvc/tmp/plots.html")
VEGA_LITE = "5.21"  # of the schema that .dvc/plots/curves.json names
PAGE = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8">{refresh_tag}<title>Training curves</title><script>%s</script></head>
<body>{plot_divs}</body>
</html>
"""


def main() -> None:
    for task in TASKS.values():
        if rows := list_paper_rows(task):
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(["net", "variant", "seed", "iteration", "split", "metric", "value"])
            writer.writerows(rows)
            write_durably(PAPER_CURVES / f"{task.name}.csv", text.getvalue().encode())
    TEMPLATE.parent.mkdir(parents=True, exist_ok=True)
    write_durably(TEMPLATE, (PAGE % vl_convert.javascript_bundle(vl_version=VEGA_LITE)).encode())
    inside = TEMPLATE.relative_to(".dvc").as_posix()  # DVC looks for it there
    subprocess.run(["dvc", "config", "--local", "plots.html_template", inside], check=True)


def find_paper_curve(task: Task, split: str, net: str) -> list[tuple[float, float]]:
    """The paper's curve of a net, as (iteration, error in %); [] if it draws none."""
    curves = (paper.curve(figure, split, net) for figure in FIGURES.get(task.section, ()))
    return next(filter(None, curves), [])


def list_paper_rows(task: Task) -> list[tuple[str, str, str, int, str, str, float]]:
    """The paper's curves of a task, by net and split, as rows of curves.csv; their variant is "paper"."""
    nets = dict.fromkeys(net for figure in FIGURES.get(task.section, ()) for net in paper.list_curve_nets(figure))
    return [
        (net, "paper", "", round(x), split, metric, y)
        for net in nets
        for split, metric in ((TRAIN, ERROR), (TEST, task.curve_metric.name))
        for x, y in find_paper_curve(task, split, net)
    ]


if __name__ == "__main__":
    stage.run(main)
