"""Stage `report`: run the notebooks of reports/ with papermill and join them to reports/replication.html.

Takes 20 seconds. The page is one file that loads nothing; equal results give equal bytes. Also writes
reports/replication.svg, the picture of the README.
"""

import logging
import tempfile
from pathlib import Path

import jupytext
import nbformat
import papermill
from nbconvert import HTMLExporter
from nbformat import NotebookNode

from pipeline import stage
from pipeline.params import PROFILES, RESULTS, read_params
from replication.arms import ARMS
from replication.files import write_durably
from replication.profiles import read_profile
from replication.report import depth_figure
from replication.report.page import page
from replication.study.studies import read_studies

NOTEBOOKS = ("answer", "imagenet", "cifar", "record")  # in the order of the page; the first has the parameters
PAGE = Path("reports/replication.html")
PICTURE = Path("reports/replication.svg")


def main() -> None:
    body = run(join([jupytext.read(Path("reports") / f"{name}.py") for name in NOTEBOOKS]), read_params().profile)
    write_durably(PAGE, page(body).encode())
    nearest = read_studies(RESULTS, ARMS["cifar"], read_profile(PROFILES, "paper"))[0]
    picture = depth_figure(nearest).replace("<svg ", '<svg color="#77777d" ', 1)  # legible on light and on dark
    write_durably(PICTURE, picture.encode())
    print(f"report: {PAGE}, {PAGE.stat().st_size / 1024:.0f} KiB")


def join(notebooks: list[NotebookNode]) -> NotebookNode:
    """One notebook of the cells of several, so that one kernel is started and studies are read once."""
    first, *others = notebooks
    first.cells += [cell for notebook in others for cell in notebook.cells]
    for number, cell in enumerate(first.cells):
        cell.id = f"cell-{number}"
    return first


def run(notebook: NotebookNode, profile: str) -> str:
    """Run a notebook on results/ and return its text and outputs as HTML; an error in a cell is raised."""
    logging.getLogger("papermill").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        clean, executed = Path(folder) / "clean.ipynb", Path(folder) / "executed.ipynb"
        nbformat.write(notebook, clean)
        papermill.execute_notebook(
            clean, executed,
            {"results": str(RESULTS.resolve()), "profile": profile, "profiles": str(PROFILES.resolve())},
            kernel_name="python3", progress_bar=False,
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
        )  # fmt: skip
        done = nbformat.read(executed, as_version=4)
    for number, cell in enumerate(done.cells):
        cell.id = f"cell-{number}"  # papermill's own are random
    exporter = HTMLExporter(
        template_name="basic", exclude_input=True, exclude_output_prompt=True, exclude_anchor_links=True
    )
    return exporter.from_notebook_node(done)[0]


if __name__ == "__main__":
    stage.run(main)
