"""The notebooks of reports/ as one page: joined, run by papermill, and turned into HTML."""

import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import jupytext
import nbformat
import papermill
from nbconvert import HTMLExporter
from nbformat import NotebookNode


def join(files: Sequence[Path]) -> NotebookNode:
    """One notebook of the cells of several percent scripts: one kernel is started, and studies are read once."""
    first, *others = (jupytext.read(file) for file in files)
    first.cells += [cell for notebook in others for cell in notebook.cells]
    for number, cell in enumerate(first.cells):
        cell.id = f"cell-{number}"
    return first


def run(notebook: NotebookNode, parameters: Mapping[str, object]) -> str:
    """Run a notebook with papermill and return its text and outputs as HTML; an error in a cell is raised."""
    logging.getLogger("papermill").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        clean, executed = Path(folder) / "clean.ipynb", Path(folder) / "executed.ipynb"
        nbformat.write(notebook, clean)
        papermill.execute_notebook(
            clean, executed, {key: str(value) for key, value in parameters.items()},
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
