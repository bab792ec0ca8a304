"""The notebooks of reports/ as one page: joined, run by papermill, and turned into HTML."""

import logging
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import jupytext
import nbformat
import papermill
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError

from replication.errors import UserError


def join(files: Sequence[Path]) -> NotebookNode:
    """One notebook of the cells of several percent scripts: one kernel is started, and studies are read once."""
    first, *others = (jupytext.read(file) for file in files)
    first.cells += [cell for notebook in others for cell in notebook.cells]
    for number, cell in enumerate(first.cells):
        cell.id = f"cell-{number}"
    return first


def run(notebook: NotebookNode, parameters: Mapping[str, object]) -> str:
    """Run a notebook with papermill and return its text and outputs as HTML.

    Raises:
        UserError: that a cell raised.
        PapermillExecutionError: any other error in a cell.
    """
    logging.getLogger("papermill").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder, _of_this_environment(folder):
        clean, executed = Path(folder) / "clean.ipynb", Path(folder) / "executed.ipynb"
        nbformat.write(notebook, clean)
        try:
            papermill.execute_notebook(
                clean, executed, {key: str(value) for key, value in parameters.items()},
                kernel_name="python3", progress_bar=False,
                extra_arguments=["--IPKernelApp.log_level=ERROR"],
            )  # fmt: skip
        except PapermillExecutionError as error:
            if error.ename == UserError.__name__:
                raise UserError(
                    error.evalue, kind="failed"
                ) from error  # its sentence, without the notebook's traceback
            raise
        done = nbformat.read(executed, as_version=4)
        for number, cell in enumerate(done.cells):
            cell.id = f"cell-{number}"  # papermill's own are random
        exporter = HTMLExporter(
            template_name="basic", exclude_input=True, exclude_output_prompt=True, exclude_anchor_links=True
        )
        return exporter.from_notebook_node(done)[0]


@contextmanager
def _of_this_environment(folder: str) -> Iterator[None]:
    """Jupyter without what the user has set up for other work: kernels named python3, start-up files, templates."""
    ours = {
        "JUPYTER_PATH": "", "JUPYTER_DATA_DIR": f"{folder}/data", "JUPYTER_CONFIG_DIR": f"{folder}/config",
        "JUPYTER_PREFER_ENV_PATH": "1", "IPYTHONDIR": f"{folder}/ipython",
    }  # fmt: skip
    theirs = {key: os.environ.get(key) for key in ours}
    os.environ.update(ours)
    try:
        yield
    finally:
        for key, value in theirs.items():
            os.environ.pop(key)
            if value is not None:
                os.environ[key] = value
