"""What the user has set up for other work does not reach the page."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from papermill.exceptions import PapermillExecutionError

from replication.errors import UserError
from replication.report.drawing import write_svg
from replication.report.notebooks import run_notebook

FIGURE = """
from made_up import study
from replication.report.blocks import figure_5
from replication.report.beyond_paper import draw_replications
errors = {"plain-20": (2, 9), "plain-56": (4, 13), "resnet-20": (2, 8.7), "resnet-56": (1, 7)}
print(figure_5().drawing, draw_replications([study(errors, 3, 0.1)]))
"""


@pytest.mark.slow
def test_kernels_and_start_up_files_of_the_user_are_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = tmp_path / "jupyter/kernels/python3/kernel.json"
    kernel.parent.mkdir(parents=True)
    kernel.write_text(json.dumps({"argv": ["false", "{connection_file}"], "display_name": "x", "language": "python"}))
    start_up = tmp_path / "ipython/profile_default/startup/first.py"
    start_up.parent.mkdir(parents=True)
    start_up.write_text("print('printed by the user')")
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    cell = nbformat.v4.new_code_cell("import sys; print(sys.executable, 'is it')")
    html = run_notebook(nbformat.v4.new_notebook(cells=[cell]), {}).html
    assert f"{sys.executable} is it" in html and "printed by the user" not in html
    assert os.environ["JUPYTER_PATH"] == str(tmp_path / "jupyter")


@pytest.mark.slow
def test_a_matplotlibrc_changes_no_byte_of_a_figure(tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_text(
        "savefig.bbox: tight\nfont.size: 20\naxes.facecolor: red\ntext.usetex: True\n"
    )
    tests = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    figures = [
        subprocess.run(
            [sys.executable, "-c", FIGURE], capture_output=True, text=True, check=True,
            env=os.environ | {"PYTHONPATH": tests} | more,
        ).stdout
        for more in ({}, {"MATPLOTLIBRC": str(tmp_path / "matplotlibrc")})
    ]  # fmt: skip
    assert figures[0] == figures[1]
    assert "<svg" in figures[0]


def test_a_label_does_not_break_out_of_its_attribute() -> None:
    import matplotlib.pyplot as plt

    text = write_svg(plt.figure(), 'a"<script>alert(1)</script>', "a")
    assert "<script" not in text
    assert re.search(r'aria-label="a&quot;&lt;script&gt;', text)


@pytest.mark.parametrize(
    ("source", "raised", "words"),
    [
        (
            "from replication.errors import UserError\nraise UserError('it is damaged; restore it.')",
            UserError,
            "^it is ",
        ),
        ("1 / 0", PapermillExecutionError, "ZeroDivisionError"),
    ],
    ids=["sentence", "fault"],
)
def test_a_sentence_for_the_user_leaves_a_notebook_without_its_traceback(
    source: str, raised: type[Exception], words: str
) -> None:
    with pytest.raises(raised, match=words):
        run_notebook(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)]), {})
