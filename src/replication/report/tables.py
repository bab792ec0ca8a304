"""The tables of the page: Table 6 beside ours, the differences from the paper, and the runs."""

import json

import pandas as pd

from replication.nets.complexity import complexity
from replication.paper import table
from replication.report.html import DATA_NAMES, command, data_name, render, schedule_share, shown
from replication.study.fidelity import RANK
from replication.study.results import Study

SECTIONS = {"cifar": "4.2", "imagenet": "4.1"}  # of the paper


def table_6(studies: list[Study], profile: str) -> str:
    """Table 6: the paper's rows with its own statistic, ours beside them with n, mean ± std and fidelity.

    Residual nets that were run here and are not in the paper follow as rows of their own.
    """
    seen = shown(studies, profile)
    printed = table(6)
    known = {row["layers"] for row in printed if row["kind"] == "own"}
    rows = [_paper_row(row, seen) for row in printed]
    nets = pd.concat([study.runs for study in seen])
    others = nets[nets["net"].str.startswith("resnet-") & ~nets["layers"].isin(known)]
    for layers in sorted(others["layers"].unique()):
        rows.append(_paper_row({"method": "ResNet", "kind": "extra", "layers": int(layers), "params_m": None}, seen))
    return render("table6.html", rows=rows, studies=[_study_header(study) for study in seen], records=_records(seen))


def differences_table(studies: list[Study], profile: str) -> str:
    """In what the recipes of the studies differ from the paper's: generated from recipes, never remembered."""
    tables = []
    for study in shown(studies, profile):
        rows: dict[str, dict] = {}
        for _, run in study.runs.iterrows():
            for found in json.loads(run["differences"]):
                row = rows.setdefault(found["key"], {**found, "nets": []})
                row["nets"].append(run["net"])
        nets = len(set(study.runs["net"]))
        for row in rows.values():
            row["all"] = len(set(row["nets"])) == nets
            row["nets"] = sorted(set(row["nets"]))
            row["paper"], row["here"] = _value(row["key"], row["paper"]), _value(row["key"], row["here"])
        tables.append({**_study_header(study), "rows": list(rows.values())})
    return render("differences.html", tables=tables)


def runs_table(studies: list[Study], profile: str) -> str:
    """Every run of the studies shown: errors, cost, and what it was made with."""
    return render("runs.html", records=_records(shown(studies, profile), plain=True))


def provenance_strip(arms: list[list[Study]], profile: str) -> str:
    """A line an arm on what the page was made from."""
    lines = []
    for studies in arms:
        seen = shown(studies, profile)
        lines.append(
            _study_header(seen[0])
            | {
                "runs": sum(len(study.runs) for study in seen),
                "machine": " · ".join(sorted(set(seen[0].runs["machine"]))),
                "commit": ", ".join(sorted(set(seen[0].runs["commit"].astype(str)))),
                "folders": [f"results/{study.profile}/{study.arm}" for study in seen],
            }
        )
    return render("provenance.html", lines=lines)


def _paper_row(row: dict, studies: list[Study]) -> dict:
    layers = row["layers"]
    ours = row["kind"] != "comparator"
    net = f"resnet-{layers}"
    return {
        "method": row["method"],
        "kind": row["kind"],
        "layers": layers or "",
        "paper_params": f"{row['params_m']:g} M" if row.get("params_m") else "",
        "paper_error": _paper_error(row),
        "parameters": f"{complexity(net, 32).parameters:,}" if ours else "",
        "cells": [_cell(study, net) if ours else None for study in studies],
    }


def _paper_error(row: dict) -> str:
    if "error" not in row:
        return "not in the paper"
    if row.get("runs"):
        return f"{row['mean']:.2f} ± {row['std']:.2f}, best {row['best']:.2f} of {row['runs']}"
    return f"{row['error']:.2f}"


def _cell(study: Study, net: str) -> dict:
    runs = study.runs[study.runs["net"] == net]
    if runs.empty:
        return {"error": None, "command": command(study, [net])}
    errors = runs["test_error"]
    text = f"{errors.mean():.2f}"
    if len(errors) > 1:
        text += f" ± {errors.std():.2f}"
    return {
        "error": text,
        "best": f"best {errors.min():.2f}" if len(errors) > 1 else "",
        "n": len(errors),
        "fidelity": max(runs["fidelity"], key=RANK.__getitem__),
        "diverged": bool((runs["status"] == "diverged").any()),
    }


def _study_header(study: Study) -> dict:
    return {
        "profile": study.profile,
        "section": SECTIONS[study.arm],
        "data": data_name(study),
        "schedule": schedule_share(study),
        "fidelity": study.fidelity,
        "command": command(study),
    }


def _records(studies: list[Study], plain: bool = False) -> list[dict]:
    """Runs in words, a list a study."""
    records = []
    for study in studies:
        runs = study.runs if plain else study.runs[study.runs["net"].str.startswith("resnet-")]
        rows = [
            {
                **run,
                "minutes": f"{run['seconds'] / 60:.1f}",
                "starts": int(run["starts"]),
                "parameters": f"{run['parameters']:,}",
                "macs": f"{run['macs'] / 1e6:.1f} M",
            }
            for run in runs.sort_values(["layers", "net", "seed"]).to_dict("records")
        ]
        records.append({**_study_header(study), "rows": rows})
    return records


def _value(key: str, value: object) -> str:
    if key == "data.name":
        return DATA_NAMES.get(str(value), str(value))
    if key == "data.variant":
        return "official pixels" if value is None else str(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} {item}" for name, item in value.items())
    if value is None:
        return "none"
    if isinstance(value, list):
        return ", ".join(_value(key, item) for item in value)
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)
