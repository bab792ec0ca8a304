"""The record: how close each setup is to the paper, what differs, every run, and how to add runs."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import isnan
from typing import Any

from markupsafe import Markup

from replication.config.profiles import DEFAULT, named
from replication.cost import GPU_FLOP_PER_SECOND, gpu_hours
from replication.data.sources import DATA_NAMES
from replication.report.setups import (
    build_command,
    build_paper_commands,
    data_name,
    pixels_name,
    runs_id,
    schedule_share,
    slug,
)
from replication.report.sources import score_source
from replication.report.templating import render, render_notes
from replication.report.values import Cell, Row, Table
from replication.results.labels import SMOKE_TESTS
from replication.results.studies import Study
from replication.results.tables import RECIPES, RUNS
from replication.tasks import Task
from replication.tasks.task import Metric
from replication.verdicts.claims import WAITING
from replication.verdicts.claims.findings import read_paper_study
from replication.verdicts.comparisons import POINTS, TRAIN, Measure, compare
from replication.verdicts.rule import SEEDS
from replication.words import format_points, format_setting

# Of those whose full training is estimated: one of each depth and shortcut of Table 3.
IMAGENET_NETS = ("resnet-18-A", "resnet-34-A", "resnet-34-B", "resnet-34-C", "resnet-50", "resnet-101", "resnet-152")


def setups_table(studies: Sequence[Study], others: Sequence[Study]) -> Table:
    """How close to the paper each setup is: a row each.

    Args:
        others: those that the page shows nowhere else.
    """
    return Table(
        id="setup-list", caption="Setups, the closest of each task first", script=__name__, studies=studies,
        data=[RUNS, RECIPES], is_wide=True, is_open=True, style="setups words",
        columns=["setup", "section", "nets of the paper", "runs", "settings that differ", "test error − paper's"],
        rows=list(map(_describe_setup, studies)),
        notes=render("others.html", studies=list(map(_describe, studies)), others=list(map(_describe, others))),
    )  # fmt: skip


def _describe_setup(study: Study) -> Row:
    task, paper = study.task, read_paper_study(study.task, study.paper)
    theirs = {net: paper.errors(net, task.headline, task.metric.name).mean() for net in paper.nets}
    theirs = {net: error for net, error in theirs.items() if not isnan(error)}
    ours = {net: study.errors(net, task.headline, task.metric.name).mean() for net in theirs if net in study.nets}
    gaps = sorted(error - theirs[net] for net, error in ours.items() if not isnan(error))
    keys = {difference.key for recipe in study.default["recipe"] for difference in study.differences(recipe)}
    span = " to ".join(map(format_points, dict.fromkeys(gaps[:: max(1, len(gaps) - 1)])))
    printed = "|".join(f"{net}={error:g}" for net, error in theirs.items())  # by the paper: an input of the recount
    nets = Cell(f"{len(gaps)} of {len(theirs)}", source=f"nets|{study.folder}|{printed}") if theirs else "–"
    gap = Cell(f"{span} points", source=f"gaps|{study.folder}|{printed}") if gaps else "–"
    return Row([
        Cell(study.name, link=runs_id(study, study.nets[0]) if study.nets else "", tag=study.fidelity),
        f"{task.section}, {task.label}", nets, Cell(str(len(study.runs)), source=f"runs|{study.folder}"),
        Cell(str(len(keys)), link="deviations"), gap if study.has_paper_data else "other data",
    ])  # fmt: skip


MAX_DIFFERENCES = 20  # differences of a setup in the table of all setups


def deviations_table(studies: Sequence[Study]) -> Table:
    """The differences of each setup from the paper, one column per setup, and their measured effects.

    Smoke tests have no column, but their measured effects are shown. A setup with more than `MAX_DIFFERENCES` has no
    column either: `differences_table` lists its differences.
    """
    fields = {study: _collect_differences(study) for study in studies}
    shown = [
        study for study in studies
        if study.dataset not in SMOKE_TESTS and len({key for key, _ in fields[study]}) <= MAX_DIFFERENCES
    ]  # fmt: skip
    names = {key: field["what"] for study in shown for (key, _), field in fields[study].items()}
    effects: dict[str, list[Cell]] = {key: [] for key in names}
    for study in studies:
        runs = _list_names(study)
        for (key, _), field in fields[study].items():
            if key in effects:
                effects[key] += _measure_effects(study, field["nets"], runs)
    rows = []
    for key, what in names.items():
        cells = [what, *(_deviation_cell(study, key, fields[study]) for study in shown)]
        first = effects[key][0] if effects[key] else Cell()
        rows.append(Row([*cells, replace(first, small="")]))
    columns = ["setting", *(Cell(study.name, tag=study.fidelity) for study in shown), "measured effect, points"]
    return Table(
        id="deviation-list", caption="Ours (the paper's), by setup", script=__name__, studies=studies, data=[RECIPES],
        is_wide=True, is_open=True, style="words deviations", columns=columns, rows=rows,
        notes=render_notes("differences"),
    )  # fmt: skip


def _deviation_cell(study: Study, key: str, fields: Mapping[tuple[str, str], Mapping[str, Any]]) -> Cell:
    """Our value with the paper's; that of all runs, or else of some."""
    runs = _list_names(study)
    found = [(here, field) for (of_key, here), field in fields.items() if of_key == key]
    if not found:
        return Cell()
    here, field = max(found, key=lambda item: len(item[1]["nets"]))
    some = "" if field["nets"] == runs else f", {len(field['nets'])} of {len(runs)} nets"
    return Cell(here, small=f"({field['paper']}{some})")


def _list_names(study: Study) -> set[str]:
    return {named(run["net"], run["variant"]) for run in study.runs.to_dict("records")}


def title_of(study: Study) -> str:
    """The name of a setup with that of its task: several tasks have a smoke test."""
    return f"{study.name} ({study.task.name})"


def differences_table(study: Study) -> Table:
    """In what the recipes of a study differ from the paper's: generated from recipes, never remembered."""
    fields, runs = _collect_differences(study), _list_names(study)
    rows, effects = [], {key: _measure_effects(study, field["nets"], runs) for key, field in fields.items()}
    columns = ["what", "paper", "here", "section", "nets", *["measured effect"] * any(effects.values())]
    for (key, here), field in fields.items():
        nets = "all" if field["nets"] == runs else ", ".join(sorted(field["nets"]))
        first, *others = effects[key, here] or [Cell()]
        cells = [field["what"], field["paper"], Cell(here, "here"), field["section"], nets, first]
        rows.append(Row(cells[: len(columns)]))
        rows += [Row([Cell(columns=len(cells) - 1), effect]) for effect in others]
    return Table(
        id=slug("differences", study.folder), caption=f"What differs: {title_of(study)}", script=__name__,
        studies=[study], data=[RECIPES], style="words", rows=rows,
        columns=columns,
        notes="" if rows else render_notes("no_differences"),
    )  # fmt: skip


def _collect_differences(study: Study) -> dict[tuple[str, str], dict[str, Any]]:
    """The differences of all runs by key and value here, each with its words and the nets that have it."""
    fields: dict[tuple[str, str], dict[str, Any]] = {}
    for run in study.runs.to_dict("records"):
        for difference in study.differences(run["recipe"]):
            paper, here = (format_field(difference.key, value) for value in (difference.paper, difference.here))
            field = {"what": difference.what, "section": difference.section, "paper": paper, "nets": set()}
            name = named(run["net"], run["variant"])
            fields.setdefault((difference.key, here), field)["nets"].add(name)
    return fields


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
        id=slug("runs", study.folder), caption=f"Runs: {title_of(study)}", script=__name__, studies=[study],
        data=[RUNS], style="runs", rows=_list_runs(study, has_variants),
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
        source = partial(_source_run, study, net, variant, seed)
        cells = [
            net, *[variant] * has_variants, str(seed),
            Cell(f"{training[seed]:.2f}", source=source(TRAIN.protocol, TRAIN.metric)) if seed in training else "",
            Cell(f"{errors[seed]:.2f}", "here", source=source(study.task.headline, study.task.metric))
            if seed in errors else Cell(kind="here"),
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


def _source_run(study: Study, net: str, variant: str, seed: int, protocol: str, metric: Metric) -> str:
    return score_source(["mean"], study, net, protocol, metric.name, variant, seed)


def describe_scope(by_task: Mapping[Task, Sequence[Study]]) -> Markup:
    """What was not attempted: nets that were not run on the paper's data, and claims that nothing can test yet."""
    tasks = []
    for task, studies in by_task.items():
        own = [study for study in studies if study.has_paper_data]
        theirs = read_paper_study(task, own[0].paper).nets if own else []
        missing = [net for net in theirs if not any(study.has(net) for study in own)]
        if not own or missing:
            tasks.append({"label": task.label, "missing": missing})
        on = {study.dataset for study in studies}
        tasks += [{"label": DATA_NAMES[name], "missing": []} for name in task.more_paper_data if name not in on]
    waiting: dict[str, list[str]] = {}
    for claim_id, needs in WAITING.items():
        waiting.setdefault(needs, []).append(claim_id)
    return render("scope.html", tasks=tasks, waiting=waiting)


def fill_commands(studies: Sequence[Study]) -> Markup:
    """The commands that fill a missing cell: in each setup, and by the paper's own protocol."""
    of_task = {study.task: study for study in studies}
    return render(
        "fill.html", teraflops=GPU_FLOP_PER_SECOND / 1e12,
        setups=[(study.name, build_command(study, ["NET"], SEEDS)) for study in studies],
        tasks=[command for study in of_task.values() for command in build_paper_commands(study).items()],
        hours=[(net, f"{gpu_hours(net):,.0f}") for net in IMAGENET_NETS],
    )  # fmt: skip


def _describe(study: Study) -> dict[str, Any]:
    """What the page says of a study."""
    return {
        "section": study.task.section, "name": study.name, "fidelity": study.fidelity, "data": data_name(study),
        "schedule": schedule_share(study), "folder": study.folder,
    }  # fmt: skip
