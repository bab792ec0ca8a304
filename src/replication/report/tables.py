"""The tables of the page: Table 6 beside ours, the differences from the paper, and the runs."""

from collections.abc import Sequence
from pathlib import Path

from replication.config.profiles import DEFAULT, named
from replication.data.sources import DATA_NAMES
from replication.nets.complexity import complexity
from replication.nets.names import depth_of
from replication.paper import replications, table
from replication.report.benchmarks import of_1202_layers
from replication.report.html import command, mean_and_std, pixels_name, render, runs_id, study_header
from replication.results.fidelity import RANK
from replication.results.studies import Study
from replication.verdicts.comparisons import POINTS, TRAIN, Measure, compare


def table_6(studies: Sequence[Study], benchmarks: Path | None = None) -> str:
    """Table 6: the paper's rows with its own statistic, ours beside them with n, mean ± std and fidelity.

    Residual nets that were run here and are not in the paper follow as rows of their own. What 1202 layers cost, where
    `make bench` measured it, and what others found stands below.
    """
    printed = table(6)
    known = {row["net"] for row in printed}
    rows = [_paper_row(row, studies) for row in printed]
    others = {net for study in studies for net in study.nets if net.startswith("resnet-")} - known
    for net in sorted(others, key=depth_of):
        rows.append(_paper_row({"method": "ResNet", "kind": "extra", "layers": depth_of(net), "net": net}, studies))
    others = {of["name"]: of["errors"]["resnet-1202"] for of in replications() if "resnet-1202" in of["errors"]}
    deepest = {"printed": next(row["error"] for row in printed if row["net"] == "resnet-1202"), "others": others}
    deepest["measured"] = of_1202_layers(benchmarks) if benchmarks else []
    headers = [study_header(study) for study in studies]
    return render("table6.html", rows=rows, studies=headers, deepest=deepest)


def differences_table(studies: Sequence[Study]) -> str:
    """In what the recipes of the studies differ from the paper's: generated from recipes, never remembered."""
    tables = []
    for study in studies:
        rows: dict[tuple[str, str], dict] = {}
        runs = set()
        for run in study.runs.to_dict("records"):
            name = named(run["net"], run["variant"])
            runs.add(name)
            for found in study.differences(run["recipe"]):
                paper, here = in_words(found.key, found.paper), in_words(found.key, found.here)
                row = {"what": found.what, "section": found.section, "paper": paper, "here": here, "nets": set()}
                rows.setdefault((found.key, here), row)["nets"].add(name)
        for row in rows.values():
            row["effects"] = _effects(study, row["nets"], runs)
            row["all"] = row["nets"] == runs
            row["nets"] = sorted(row["nets"])
        measured = any(row["effects"] for row in rows.values())
        tables.append({**study_header(study), "rows": list(rows.values()), "measured": measured})
    return render("differences.html", tables=tables)


def _effects(study: Study, differing: set[str], runs: set[str]) -> list[dict[str, str]]:
    """What a difference changed: where of a net and its variant one has the difference and the other has not."""
    measure, found = Measure("", study.task.headline, study.task.metric.name), []
    for name in sorted(runs):
        net, _, variant = name.partition("/")
        if variant and net in runs and (name in differing) != (net in differing):
            with_it, without = (name, net) if name in differing else (net, name)
            effect = compare(study, measure, with_it, without, None)
            points = POINTS.format(float(effect.evidence.value))
            words = f"{net}: {' '.join(filter(None, (points, effect.interval)))}, n = {effect.n}"
            found.append({"words": words, "runs": runs_id(study, name)})
    return found


def runs_table(studies: Sequence[Study]) -> str:
    """Every run of the studies: errors, cost, and what it was made with."""
    return render("runs.html", records=[_record(study) for study in studies])


def other_studies(studies: Sequence[Study], shown: Sequence[Study]) -> str:
    """The studies that the page does not show, by name."""
    others = [study_header(study) | {"folder": study.folder} for study in studies if study not in shown]
    return render("others.html", studies=others)


def provenance_strip(tasks: Sequence[Sequence[Study]]) -> str:
    """A line a task on what the page was made from."""
    lines = []
    for studies in tasks:
        nearest = studies[0]
        lines.append(
            study_header(nearest)
            | {
                "runs": sum(len(study.runs) for study in studies),
                "machine": " · ".join(sorted(set(nearest.runs["machine"]))),
                "commit": ", ".join(sorted(set(nearest.runs["commit"].astype(str)))),
                "folders": [f"results/{study.folder}" for study in studies],
            }
        )
    return render("provenance.html", lines=lines)


def _paper_row(row: dict, studies: Sequence[Study]) -> dict:
    net = row["net"]
    return {
        "method": row["method"],
        "kind": row["kind"],
        "layers": row["layers"] or "",
        "paper_params": f"{row['params_m']:g} M" if row.get("params_m") else "",
        "paper_error": _paper_error(row),
        "parameters": f"{complexity(net, 32, 10).parameters:,}" if net else "",
        "cells": [_cell(study, net) if net else None for study in studies],
    }


def _paper_error(row: dict) -> str:
    if "error" not in row:
        return "not in the paper"
    if row.get("runs"):
        return f"{row['mean']:.2f} ± {row['std']:.2f}, best {row['best']:.2f} of {row['runs']}"
    return f"{row['error']:.2f}"


def _cell(study: Study, net: str) -> dict:
    errors, runs = study.errors(net, study.task.headline, study.task.metric.name), study.runs_of(net)
    if errors.empty:
        return {"error": None, "command": command(study, [net])}
    return {
        "error": mean_and_std(errors),
        "runs": runs_id(study, net),
        "best": f"best {errors.min():.2f}" if len(errors) > 1 else "",
        "n": len(errors),
        "fidelity": max(runs["fidelity"], key=RANK.__getitem__),
        "chance": bool((runs["status"] == "chance").any()),
    }


def _record(study: Study) -> dict:
    """A study's runs in words."""
    rows, known = [], set()
    for run in study.runs.sort_values(["layers", "net", "variant", "seed"]).to_dict("records"):
        net, variant, seed = run["net"], run["variant"], run["seed"]
        training = study.errors(net, TRAIN.protocol, TRAIN.metric, variant)
        tested = study.errors(net, study.task.headline, study.task.metric.name, variant)
        words = {
            "training": f"{training[seed]:.2f}" if seed in training else "",
            "tested": f"{tested[seed]:.2f}" if seed in tested else "",
            "minutes": f"{run['seconds'] / 60:.1f}",
            "parameters": f"{run['parameters']:,}",
            "macs": f"{run['macs'] / 1e6:.1f} M",
            "data_sha256": study.recipes[run["recipe"]].data.fingerprint,
        }
        name = named(net, variant)
        words["id"] = "" if name in known else runs_id(study, name)
        known.add(name)
        rows.append(run | words)
    protocol = study.task.protocol(study.task.headline)
    variants = bool((study.runs["variant"] != DEFAULT).any())
    error = f"{protocol.label}, {study.task.metric.label}"
    return {**study_header(study), "rows": rows, "error": error, "variants": variants}


def in_words(key: str, value: object) -> str:
    """The value of a recipe's field, "data.name" say, as a reader is told it."""
    if key == "data.name":
        return DATA_NAMES.get(str(value), str(value))
    if key == "data.pixels":
        return pixels_name(str(value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} {item}" for name, item in value.items())
    if value is None:
        return "none"
    if isinstance(value, list | tuple):
        return ", ".join(in_words(key, item) for item in value)
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)
