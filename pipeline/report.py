"""Stage `report`: run the notebooks of reports/ with papermill and join them to reports/replication.html.

Takes 20 seconds. The page is one file that loads nothing; equal results give equal bytes. Also writes
reports/replication.svg, the picture of the README.
"""

import logging
import tempfile
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from pathlib import Path

import jupytext
import nbformat
import papermill
from nbconvert import HTMLExporter

from pipeline import stage
from pipeline.params import RESULTS, read_params
from replication.report import depth_figure
from replication.report.html import render
from replication.study.results import read_studies
from replication.training.state import write_durably

NOTEBOOKS = ("answer", "imagenet", "cifar", "record")  # in the order of the page
PAGE = Path("reports/replication.html")
PICTURE = Path("reports/replication.svg")


def main() -> None:
    profile = read_params().profile
    studies = read_studies(RESULTS, "cifar")
    with ThreadPoolExecutor() as pool:  # each notebook has a process of its own
        sections = list(pool.map(lambda name: run_notebook(Path("reports") / f"{name}.py", profile), NOTEBOOKS))
    css = files("replication.report").joinpath("templates/page.css").read_text()
    write_durably(PAGE, render("page.html", css=css, sections=sections).encode())
    picture = depth_figure(studies[0]).replace("<svg ", '<svg color="#77777d" ', 1)  # legible on light and on dark
    write_durably(PICTURE, picture.encode())
    print(f"report: {PAGE}, {PAGE.stat().st_size / 1024:.0f} KiB")


def run_notebook(source: Path, profile: str) -> str:
    """Run a notebook on results/ and return its text and outputs as HTML; an error in a cell is raised."""
    logging.getLogger("papermill").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        clean, executed = Path(folder) / "clean.ipynb", Path(folder) / "executed.ipynb"
        nbformat.write(jupytext.read(source), clean)
        papermill.execute_notebook(
            clean, executed, {"results": str(RESULTS.resolve()), "profile": profile},
            kernel_name="python3", progress_bar=False,
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
        )  # fmt: skip
        notebook = nbformat.read(executed, as_version=4)
    for number, cell in enumerate(notebook.cells):
        cell.id = f"{source.stem}-{number}"  # papermill's are random
    exporter = HTMLExporter(
        template_name="basic", exclude_input=True, exclude_output_prompt=True, exclude_anchor_links=True
    )
    return exporter.from_notebook_node(notebook)[0]


if __name__ == "__main__":
    stage.run(main)
