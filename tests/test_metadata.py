"""What the record says to machines: the crate, the heads of cards, CITATION.cff. `make metadata` has validators."""

import hashlib
import json
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest
from checkout import PROJECT
from made_up import PAPER_PROFILE
from rocrate.rocrate import ROCrate
from ruamel.yaml import YAML

from replication.report.crate import describe_crate
from replication.results.studies import read_studies
from replication.tasks import TASKS

CRATE = "ro-crate-metadata.json"
RESULTS = PROJECT / "results"
CARDS = sorted(RESULTS.glob("*/*/**/README.md"))


def test_the_committed_crate_is_that_of_the_committed_tables_and_rocrate_reads_it() -> None:
    studies = [s for task in TASKS.values() for s in read_studies(RESULTS, task, PAPER_PROFILE, needed=False)]
    committed = json.loads((PROJECT / CRATE).read_text("utf-8"))
    assert committed == describe_crate(studies, PROJECT), "run `dvc repro report`"
    crate = ROCrate(json.loads(json.dumps(committed)))  # it empties what it reads
    assert all(crate.root_dataset.get(key) for key in ("name", "description", "license", "datePublished", "author"))
    named = {entity["@id"]: entity for entity in committed["@graph"]}
    tables = {path.relative_to(PROJECT).as_posix() for path in RESULTS.glob("*/*/**/scores.csv")}
    assert {table.replace("=", "%3D") for table in tables} <= named.keys()
    for name, entity in named.items():
        if "sha256" in entity:
            content = (PROJECT / name.replace("%3D", "=")).read_bytes()
            assert hashlib.sha256(content).hexdigest() == entity["sha256"], name


@pytest.mark.parametrize("path", CARDS, ids=lambda path: str(path.relative_to(RESULTS)))
def test_a_card_has_a_model_index_with_dataset_metric_and_value(path: Path) -> None:
    head = YAML(typ="safe").load(path.read_text("utf-8").split("---\n")[1])
    assert head["model-index"]
    for model in head["model-index"]:
        (result,) = model["results"]
        assert model["name"] and result["task"]["type"] and result["dataset"]["type"] and result["dataset"]["name"]
        (metric,) = result["metrics"]
        assert metric["type"] and 0 <= metric["value"] <= 100


@pytest.mark.slow
def test_cffconvert_takes_the_citation() -> None:
    command = shutil.which("cffconvert") or pytest.skip("no cffconvert; `make metadata` installs it")
    subprocess.run([command, "--validate"], cwd=PROJECT, check=True, capture_output=True)


def validate(folder: Path) -> list[str]:
    """The requirements that a crate does not meet."""
    command = shutil.which("rocrate-validator") or pytest.skip("no rocrate-validator; `make metadata` installs it")
    options = ["--no-paging", "--profile-identifier", "ro-crate-1.1", "--output-format", "json"]
    report = folder.with_suffix(".json")
    subprocess.run([command, "-y", "validate", *options, "--output-file", report, folder], capture_output=True)
    return [issue["message"] for issue in json.loads(report.read_text("utf-8"))["issues"]]


@pytest.mark.slow
def test_rocrate_validator_takes_the_crate_and_finds_a_missing_file(tmp_path: Path) -> None:
    """Offline: the context is that which comes with the library rocrate."""
    folder = tmp_path / "crate"
    crate = json.loads((PROJECT / CRATE).read_text("utf-8"))
    for entity in crate["@graph"]:
        path = PROJECT / entity["@id"].replace("%3D", "=")
        if entity["@type"] == "File":
            (folder / path.relative_to(PROJECT)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder / path.relative_to(PROJECT))
    context = json.loads(files("rocrate").joinpath("data/ro-crate.jsonld").read_text("utf-8"))["@context"]
    (folder / CRATE).write_text(json.dumps(crate | {"@context": context}), "utf-8")
    assert validate(folder) == []
    (folder / "results/cpu/cifar/scores.csv").unlink()
    assert validate(folder) != []
