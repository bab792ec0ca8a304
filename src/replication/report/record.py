"""The record: what differs from the paper, and every run."""

from collections.abc import Collection, Sequence
from typing import Any

from markupsafe import Markup

from replication.config.profiles import DEFAULT, named
from replication.data.sources import DATA_NAMES
from replication.report.html import render, render_notes
from replication.report.part import Part
from replication.report.setups import build_command, data_name, pixels_name, runs_id, schedule_share, slug
from replication.report.values import Cell, Row, Table
from replication.results.studies import Study
from replication.results.tables import RECIPES, RUNS
from replication.verdicts.comparisons import POINTS, TRAIN, Measure, compare
from replication.words import format_setting


def study_part(study: Study, table: Table) -> Part:
    """A table of a study under its name."""
    soft = f"{data_name(study)} · {schedule_share(study)}"
    return Part("", f"Section {study.task.section} · {study.name}", [table], tag=study.fidelity, soft=soft)


def differences_table(study: Study) -> Table:
    """In what the recipes of a study differ from the paper's: generated from recipes, never remembered."""
    fields: dict[tuple[str, str], dict[str, Any]] = {}  # by key and value here
    runs = set()
    for run in study.runs.to_dict("records"):
        name = named(run["net"], run["variant"])
        runs.add(name)
        for difference in study.differences(run["recipe"]):
            paper, here = (format_field(difference.key, value) for value in (difference.paper, difference.here))
            field = {"what": difference.what, "section": difference.section, "paper": paper, "nets": set()}
            fields.setdefault((difference.key, here), field)["nets"].add(name)
    rows, effects = [], {key: _measure_effects(study, field["nets"], runs) for key, field in fields.items()}
    columns = ["what", "paper", "here", "section", "nets", *["measured effect"] * any(effects.values())]
    for (key, here), field in fields.items():
        nets = "all" if field["nets"] == runs else ", ".join(sorted(field["nets"]))
        first, *others = effects[key, here] or [Cell()]
        cells = [field["what"], field["paper"], Cell(here, "here"), field["section"], nets, first]
        rows.append(Row(cells[: len(columns)]))
        rows += [Row([Cell(columns=len(cells) - 1), effect]) for effect in others]
    return Table(
        id=slug("differences", study.folder), caption=f"What differs from the paper: {study.name}", script=__name__,
        studies=[study], data=[RECIPES], style="words", is_long=True, rows=rows,
        columns=columns,
        notes="" if rows else render_notes("no_differences"),
    )  # fmt: skip


def _measure_effects(study: Study, differing: Collection[str], runs: Collection[str]) -> list[Cell]:
    """What a difference changed, where of a net and its variant one has it and the other has not."""
    measure, cells = Measure("", study.task.headline, study.task.metric), []
    for name in sorted(runs):
        net, _, variant = name.partition("/")
        if not variant or net not in runs or (name in differing) == (net in differing):
            continue
        pair = (name, net) if name in differing else (net, name)
        effect = compare(study, measure, *pair, None)
        points = " ".join(filter(None, (POINTS.format(float(effect.evidence.value)), effect.interval)))
        cells.append(Cell(f"{net}: {points}, n = {effect.n}", link=runs_id(study, name)))
    return cells


def format_field(key: str, value: object) -> str:
    """The value of a recipe's field, "data.name" say."""
    if key == "data.name":
        return DATA_NAMES.get(str(value), str(value))
    return pixels_name(str(value)) if key == "data.pixels" else format_setting(value)


def runs_table(study: Study) -> Table:
    """Every run of a study: errors, cost, and what it was made with."""
    has_variants = bool((study.runs["variant"] != DEFAULT).any())
    protocol = study.task.protocol(study.task.headline)
    errors = ["training error (%)", f"{protocol.label}, {study.task.metric.label} (%)"]
    return Table(
        id=slug("runs", study.folder), caption=f"Runs: {study.name}", script=__name__, studies=[study], data=[RUNS],
        style="runs", rows=_list_runs(study, has_variants),
        columns=[
            "net", *["variant"] * has_variants, "seed", *errors, "parameters", "multiply-adds", "minutes", "images/s",
            "starts", "status", "recipe", "data, sha256", "threads", "date", "MLflow", "commit",
        ],
        notes=render_notes("runs", command=build_command(study), machines=dict.fromkeys(study.runs["machine"])),
    )  # fmt: skip


def _list_runs(study: Study, has_variants: bool) -> list[Row]:
    rows, seen = [], set()
    for run in study.runs.sort_values(["layers", "net", "variant", "seed"]).to_dict("records"):
        net, variant, seed, tracked = run["net"], run["variant"], run["seed"], run["mlflow_run_id"]
        training = study.errors(net, TRAIN.protocol, TRAIN.metric.name, variant)
        errors = study.errors(net, study.task.headline, study.task.metric.name, variant)
        cells = [
            net, *[variant] * has_variants, str(seed), f"{training[seed]:.2f}" if seed in training else "",
            Cell(f"{errors[seed]:.2f}" if seed in errors else "", "here"),
            f"{run['parameters']:,}", f"{run['macs'] / 1e6:.1f} M", f"{run['seconds'] / 60:.1f}",
            f"{run['images_per_second']:.0f}", str(run["starts"]), run["status"], Cell(run["recipe"], is_code=True),
            Cell(study.recipes[run["recipe"]].data.fingerprint, is_code=True), str(run["threads"] or "not kept"),
            str(run["date"]), Cell(tracked[:8], is_code=True) if tracked else "not tracked",
            Cell(str(run["commit"]), is_code=True),
        ]  # fmt: skip
        name = named(net, variant)
        rows.append(Row(cells, id="" if name in seen else runs_id(study, name)))
        seen.add(name)
    return rows


def list_other_studies(studies: Sequence[Study], shown: Sequence[Study]) -> Markup:
    """The studies that the page does not show, by name."""
    others = [study for study in studies if study not in shown]
    return render("others.html", studies=list(map(_describe, others)))


def list_provenance(tasks: Sequence[Sequence[Study]]) -> Markup:
    """What the page is made from, a line for each task that has studies."""
    lines = [
        _describe(studies[0]) | {
            "runs": sum(len(study.runs) for study in studies),
            "machine": " · ".join(sorted(set(studies[0].runs["machine"]))),
            "commit": ", ".join(sorted(set(studies[0].runs["commit"].astype(str)))),
            "folders": [f"results/{study.folder}" for study in studies],
        }
        for studies in tasks
        if studies
    ]  # fmt: skip
    return render("provenance.html", lines=lines)


def _describe(study: Study) -> dict[str, Any]:
    """What the page says of a study."""
    return {
        "section": study.task.section, "name": study.name, "fidelity": study.fidelity, "data": data_name(study),
        "schedule": schedule_share(study), "folder": study.folder,
    }  # fmt: skip
