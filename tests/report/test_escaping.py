"""Text that comes from files of results stands on the page as text, whatever it says."""

import re

import pytest
from checkout import PROJECT
from made_up import recipe_of, result

from pipeline.report import NOTEBOOKS, PARTS
from replication.report.benchmarks import BY_DEPTH, Measurement, write_benchmarks
from replication.report.notebooks import join_notebooks, run_notebook
from replication.report.page import render_page
from replication.results.add import add_results

pytestmark = pytest.mark.slow  # it runs the notebooks

HOSTILE = "<script>alert(1)</script>"
NETS = {"cifar": ("plain-20", "plain-56", "resnet-20"), "imagenet": ("plain-18", "resnet-18-A"), "localization": ()}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of studies in which every field that may hold any text holds a script; a folder's name, most of one."""
    folder, profile = tmp_path_factory.mktemp("results"), HOSTILE.replace("/", "")
    origin = result(recipe_of()).record.provenance
    origin |= {"machine": origin["machine"] | {"cpu": HOSTILE}, "versions": {"torch": f"2.14{HOSTILE}"}}
    for task, nets in NETS.items():
        recipes = [recipe_of("paper", task, net, pixels=HOSTILE, fingerprint=HOSTILE) for net in nets]
        task_folder = folder / "results" / profile / task
        for place in (task_folder, task_folder / f"train_images={profile}") if nets else ():
            add_results(place, [result(recipe, provenance=origin) for recipe in recipes])
    row = {
        "benchmark": HOSTILE,
        "case": HOSTILE,
        "unit": "ratio",
        "value": 1,
        "low": 1,
        "high": 1,
        "n": 3,
        "threads": 2,
    }
    row |= {"date": "2026-01-02", "commit": HOSTILE, "torch": HOSTILE, "processor": HOSTILE, "cores": 2}
    depth = {"benchmark": BY_DEPTH, "case": "resnet-1202", "value": 2}
    rows = [row, row | depth | {"unit": "images/s"}, row | depth | {"unit": "GiB"}]
    write_benchmarks(folder / f"speed/{profile}.csv", [Measurement.model_validate(row) for row in rows])
    parameters = {"results": folder / "results", "profile": profile, "profiles": PROJECT / "pipeline/profiles"}
    notebook = join_notebooks([PROJECT / NOTEBOOKS / f"{name}.py" for name in PARTS])
    body = run_notebook(notebook, parameters | {"benchmarks": folder / "speed"})
    return render_page(body.outside["first"], body.html, body.headings)


def test_a_script_in_the_results_is_text(built: str) -> None:
    assert not re.search(r"<script[^>]*>\s*alert", built)
    assert built.count("</script") == len(re.findall(r"<script\b", built)), "it ends no script of the page's own"
    assert built.count("&lt;script&gt;alert(1)&lt;/script&gt;") > 20, "machines, pixels, processors and commits"


def test_no_field_ends_its_attribute(built: str) -> None:
    """An attribute with a bare angle would be the begin of one that was broken out of."""
    assert not re.search(r'="[^"<>]*<script', built)
