"""ro-crate-metadata.json: the record for machines, as a Research Object Crate (version 1.1), by the library rocrate."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

from replication import paper
from replication.files import sha256
from replication.report.setups import data_name, schedule_share
from replication.results.studies import Study
from replication.results.tables import OPTIONAL, RECIPES, RERUNS, TABLES

TITLE = "Deep Residual Learning for Image Recognition"
LICENCE = "https://spdx.org/licenses/MIT"
TYPES = {".csv": "text/csv", ".json": "application/json", ".html": "text/html", ".py": "text/x-python"}
TYPES |= {".md": "text/markdown", ".cff": "application/yaml"}
# Beside the studies: what a reader of the record opens first.
FILES = {
    "reports/replication.html": "The page: every table, curve and claim of the paper beside ours",
    "reports/claims.json": "Each claim with its verdict and the samples that it rests on",
    "verify.py": "Recounts every number of the record, without other code of this project",
    "weights/README.md": "The trained nets that come with the repository",
    "CITATION.cff": "How to cite this replication",
}


def describe_crate(studies: Sequence[Study], root: Path) -> dict[str, Any]:
    """The crate's JSON-LD: the files of each study with their sha256, and the headline number of each of its nets.

    Equal studies give an equal crate: its date is that of the newest run.

    Args:
        root: the folder that has results/.
    """
    crate, about = ROCrate(version="1.1"), paper.about()
    crate.name = f"Replication: {TITLE}"
    crate.description = (
        f"A reproducibility study of {about['authors']}, {TITLE}, arXiv:{about['arxiv']}: runs, errors, "
        "training curves, and a verdict on each claim."
    )
    crate.license = _add(crate, LICENCE, "CreativeWork", name="MIT License", description="The MIT licence.")
    crate.publisher = _add(crate, "#authors", "Organization", name="The authors of Replication")
    crate.root_dataset["author"] = crate.publisher
    article = _add(crate, about["address"], "ScholarlyArticle", name=TITLE, identifier=f"arXiv:{about['arxiv']}")
    crate.root_dataset["isBasedOn"] = article
    dates = [str(date) for study in studies for date in study.runs["date"]]
    crate.root_dataset["datePublished"] = max(dates, default="2015-12-10")
    for path, words in FILES.items():
        crate.add_file(dest_path=path, properties=_describe_file(path) | {"description": words})
    for study in studies:
        _add_study(crate, study, root)
    return crate.metadata.generate()


def _add(crate: ROCrate, entity_id: str, kind: str, **properties: Any) -> ContextEntity:
    return crate.add(ContextEntity(crate, entity_id, properties={"@type": kind} | properties))


def _describe_file(path: str) -> dict[str, Any]:
    return {"name": Path(path).name, "encodingFormat": TYPES[Path(path).suffix]}


def _add_study(crate: ROCrate, study: Study, root: Path) -> None:
    folder = f"results/{study.folder}/"
    runs = study.runs
    about = {
        "name": f"{study.name} ({study.task.name})",
        "description": f"Section {study.task.section} of the paper: {data_name(study)}, {schedule_share(study)}. "
        f"Fidelity: {study.fidelity}.",
        "temporalCoverage": f"{runs['date'].astype(str).min()}/{runs['date'].astype(str).max()}",
    }
    part = crate.add_dataset(dest_path=folder, properties=about)
    for name in (RECIPES, *TABLES, *OPTIONAL, RERUNS):
        file = root / folder / name
        if file.exists():
            digest = {"sha256": sha256(file), "contentSize": str(file.stat().st_size)}
            made = crate.add_file(dest_path=f"{folder}{name}", properties=_describe_file(name) | digest)
            part.append_to("hasPart", made)
    errors = {net: study.errors(net, study.task.headline, study.task.metric.name) for net in study.nets}
    numbers = [_add_number(crate, study, net, of_net) for net, of_net in errors.items() if len(of_net)]
    if numbers:
        part["variableMeasured"] = numbers if len(numbers) > 1 else numbers[0]


def _add_number(crate: ROCrate, study: Study, net: str, errors: pd.Series) -> ContextEntity:
    """The mean of a net's headline metric, as a PropertyValue."""
    std = f" ± std ({errors.std():.2f})" if len(errors) > 1 else ""
    protocol = study.task.protocol(study.task.headline)
    return _add(
        crate, f"#{study.folder}/{net}", "PropertyValue",
        name=f"{study.task.metric.label}, {net}", value=round(float(errors.mean()), 2), unitText="percent",
        measurementTechnique=f"{protocol.label}, last iteration, mean{std} of {len(errors)} seeds",
    )  # fmt: skip
