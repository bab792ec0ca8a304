"""The paper, those who have replicated it, and what was measured here, in one table."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from replication import paper
from replication.config.profiles import DEFAULT
from replication.report.html import render, runs_id
from replication.results.studies import Study

NETS = ["plain-20", "plain-56", "resnet-20", "resnet-32", "resnet-44", "resnet-56", "resnet-110", "resnet-1202"]


def others_table(studies: Sequence[Study]) -> str:
    """Test errors of the nets of section 4.2: the paper's, others' with their n and statistic, ours by fidelity."""
    projects = paper.replications()
    rows = [_of_paper(), *chain.from_iterable(map(_of_project, projects)), *map(_of_study, studies)]
    # What is gained by choosing the epoch on the test images, where a project tells both ends of its runs.
    gains = [last - of["errors"][net] for of in projects for net, last in of.get("last_errors", {}).items()]
    return render("replications.html", nets=NETS, rows=rows, seen=paper.replications_seen(), gains=gains)


def _of_paper() -> dict[str, Any]:
    drawn = paper.figure(6)["digitised"]["test_final"]
    printed = {row["net"]: row for row in paper.table(6) if row["kind"] == "own"}
    errors = {net: _words(drawn[net]) for net in NETS if net.startswith("plain-")}
    errors |= {net: _words(row.get("mean", row["error"]), row.get("std")) for net, row in printed.items()}
    runs = printed["resnet-110"]["runs"]
    return _row("paper", f"not said ({runs} of resnet-110), last iteration", errors) | {
        "differences": ["the paper itself"]
    }


def _of_project(project: dict[str, Any]) -> Iterator[dict[str, Any]]:
    stds, n = project.get("std", {}), project["n"] or "not said"
    errors = {net: _words(error, stds.get(net)) for net, error in project["errors"].items()}
    yield _row(project["name"], f"{n}, {project['statistic']}", errors) | {"differences": project["differences"]}
    if last := project.get("last_errors"):
        errors = {net: _words(error) for net, error in last.items()}
        yield _row(f"{project['name']}, the same runs", f"{n}, last epoch", errors) | {
            "differences": project["differences"]
        }


def _of_study(study: Study) -> dict[str, Any]:
    found = {net: study.errors(net, study.task.headline, study.task.metric.name) for net in NETS}
    errors = {net: _words(of.mean(), of.std() if len(of) > 1 else None) for net, of in found.items() if len(of)}
    counts = sorted({len(of) for of in found.values() if len(of)})
    own = study.runs[study.runs["variant"] == DEFAULT]
    keys = {difference.key for recipe in own["recipe"] for difference in study.differences(recipe)}
    differences = [f"{len(keys)}, listed under “What differs from the paper”"] if keys else []
    n = " to ".join(map(str, counts[:: max(1, len(counts) - 1)]))  # least and most
    row = _row(f"here: {study.name}", f"{n or 0}, last iteration", errors)
    runs = [runs_id(study, net) if net in errors else "" for net in NETS]
    return row | {"kind": "here", "runs": runs, "fidelity": study.fidelity, "differences": differences}


def _row(name: str, statistic: str, errors: dict[str, str]) -> dict[str, Any]:
    cells = [errors.get(net, "–") for net in NETS]
    return {"name": name, "statistic": statistic, "cells": cells, "kind": "", "fidelity": "", "runs": [""] * len(NETS)}


def _words(error: float, std: float | None = None) -> str:
    return f"{error:.2f}" if std is None else f"{error:.2f} ± {std:.2f}"
