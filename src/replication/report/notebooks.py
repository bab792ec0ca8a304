"""The notebooks of reports/ as one page: joined, run by papermill, and turned into HTML."""

import logging
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import jupytext
import nbformat
import papermill
from markupsafe import Markup
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError

from replication.errors import UserError
from replication.report.page import HEADING, OUTSIDE


class Body(NamedTuple):
    """What notebooks show: all of it as HTML, what each part in it tells, and what stands outside."""

    html: Markup
    headings: list[dict[str, Any]]
    outside: dict[str, Any]


def join_notebooks(files: Sequence[Path]) -> NotebookNode:
    """One notebook of the cells of several percent scripts: one kernel is started, and studies are read once."""
    first, *others = (jupytext.read(file) for file in files)
    first.cells += [cell for notebook in others for cell in notebook.cells]
    for number, cell in enumerate(first.cells):
        cell.id = f"cell-{number}"
    return first


def run_notebook(notebook: NotebookNode, parameters: Mapping[str, object]) -> Body:
    """Run a notebook with papermill and return what it shows.

    Raises:
        UserError: a cell raised it.
        PapermillExecutionError: any other error in a cell.
    """
    logging.getLogger("papermill").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder, patch.dict(os.environ, _jupyter_settings(folder)):
        clean, executed = Path(folder) / "clean.ipynb", Path(folder) / "executed.ipynb"
        nbformat.write(notebook, clean)
        try:
            papermill.execute_notebook(
                clean, executed, {key: str(value) for key, value in parameters.items()},
                kernel_name="python3", progress_bar=False,
                extra_arguments=["--IPKernelApp.log_level=ERROR"],
            )  # fmt: skip
        except PapermillExecutionError as error:
            if error.ename == UserError.__name__:  # its sentence, without the notebook's traceback
                raise UserError(error.evalue, kind="failed") from error
            raise
        done = nbformat.read(executed, as_version=4)
        for number, cell in enumerate(done.cells):
            cell.id = f"cell-{number}"  # papermill's own are random
        outputs = {kind: _list_outputs(done, kind) for kind in (HEADING, OUTSIDE)}
        for cell in done.cells:
            cell.outputs = [output for output in cell.get("outputs", ()) if OUTSIDE not in output.get("data", {})]
        exporter = HTMLExporter(
            template_name="basic", exclude_input=True, exclude_output_prompt=True, exclude_anchor_links=True
        )
        outside = {key: value for values in outputs[OUTSIDE] for key, value in values.items()}
        return Body(Markup(exporter.from_notebook_node(done)[0]), outputs[HEADING], outside)


def _list_outputs(notebook: NotebookNode, kind: str) -> list[dict[str, Any]]:
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", ()))
    return [dict(output.data[kind]) for output in outputs if kind in output.get("data", {})]


def _jupyter_settings(folder: str) -> dict[str, str]:
    """Jupyter without what the user has set up for other work: kernels named python3, start-up files, templates."""
    return {
        "JUPYTER_PATH": "", "JUPYTER_DATA_DIR": f"{folder}/data", "JUPYTER_CONFIG_DIR": f"{folder}/config",
        "JUPYTER_PREFER_ENV_PATH": "1", "IPYTHONDIR": f"{folder}/ipython",
    }  # fmt: skip
