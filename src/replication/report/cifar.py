"""Table 6 of section 4.2 beside ours, and what others measured on its nets."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from replication import paper
from replication.config.profiles import DEFAULT
from replication.nets.complexity import complexity
from replication.nets.names import depth_of
from replication.report.benchmarks import describe_1202_layers
from replication.report.beyond_paper import COMPARED, draw_replications
from replication.report.setups import NOT_RUN, describe_setup, mean_and_std, measured_cells, runs_id
from replication.report.sources import mean_keys, score_source
from replication.report.templating import render_notes
from replication.report.values import Cell, Row, Table, shorten
from replication.results.studies import Study
from replication.results.tables import SCORES
from replication.words import format_mean


def table_6(studies: Sequence[Study], benchmarks: Path | None = None) -> Table:
    """Table 6: the paper's rows with its own statistic, and ours with mean ± std, n and fidelity.

    Residual nets that were run here and are not in the paper follow as rows of their own.

    Args:
        benchmarks: the folder of what `make bench` measured, for the cost of 1202 layers.
    """
    printed = paper.table(6)
    more = {net for study in studies for net in study.nets if net.startswith("resnet-")}
    more -= {row["net"] for row in printed}
    extra = {"method": "ResNet", "kind": "extra"}
    rows = [*printed, *(extra | {"layers": depth_of(net), "net": net} for net in sorted(more, key=depth_of))]
    names, ours = [Cell(f"here: {study.name}", columns=3) for study in studies], ["error (%)", "n", "fidelity"]
    return Table(
        id="table-6", caption="Table 6 · Test error on CIFAR-10", source="T6", script=__name__, studies=studies,
        data=[SCORES], style="dense", rows=[_row_of_table_6(row, studies) for row in rows],
        groups=[Cell(columns=2), Cell("paper", columns=2), "counted", *names],
        columns=["method", "layers", "parameters", "error (%)", "parameters", *ours * len(studies)],
        open=shorten("table-6", "test error (%)", [
            (f"ResNet-{row['layers']}", _format_printed(row), _measure_short(studies[0], row["net"]))
            for row in rows if row["kind"] != "comparator"
        ], studies[0]),
        notes=render_notes(
            "table_6", setups=list(map(describe_setup, studies)), errors=_list_errors_of_1202_layers(),
            costs=describe_1202_layers(benchmarks) if benchmarks else [],
        ),
    )  # fmt: skip


def _row_of_table_6(printed: Mapping[str, Any], studies: Sequence[Study]) -> Row:
    net, parameters = printed["net"], printed.get("params_m")
    cells = [printed["method"], str(printed["layers"] or ""), f"{parameters:g} M" if parameters else ""]
    cells += [_format_printed(printed), f"{complexity(net, 32, 10).parameters:,}" if net else ""]
    for study in studies:
        cells += _measure(study, net) if net else ["", "", ""]
    return Row(cells, printed["kind"])


def _measure(study: Study, net: str) -> list[Cell]:
    """Error, n and fidelity of a net."""
    measured = measured_cells(study, net, study.task.headline, [study.task.metric.name], shows_best=True)
    return measured or [Cell("not run", "absent"), Cell(), Cell()]


def _measure_short(study: Study, net: str) -> Cell:
    return next(iter(measured_cells(study, net, study.task.headline, [study.task.metric.name])), NOT_RUN)


def _format_printed(printed: Mapping[str, Any]) -> str:
    if "error" not in printed:
        return "not in the paper"
    if printed.get("runs"):
        return f"{format_mean(printed['mean'], printed['std'])}, best {printed['best']:.2f} of {printed['runs']}"
    return format_mean(printed["error"])


def _list_errors_of_1202_layers() -> list[str]:
    """The error in the paper, and those that others measured."""
    net = "resnet-1202"
    printed = next(row["error"] for row in paper.table(6) if row["net"] == net)
    others = [project for project in paper.replications() if net in project["errors"]]
    return [f"{printed:.2f} % in the paper", *(f"{one['errors'][net]:.2f} % by {one['name']}" for one in others)]


def replications_table(studies: Sequence[Study]) -> Table:
    """Test errors of the nets of section 4.2: the paper's, others' with their n and statistic, ours by fidelity."""
    projects = paper.replications()
    # What is gained by choosing the epoch on the test images, where a project gives both ends of its runs.
    gains = [last - one["errors"][net] for one in projects for net, last in one.get("last_errors", {}).items()]
    return Table(
        id="others", caption="Other replications", script=__name__, studies=studies,
        data=[SCORES, "src/replication/paper/replications.yaml"], style="dense words",
        columns=["who", "fidelity", "n, statistic", *COMPARED, "known differences"],
        rows=[_row_of_paper(), *chain.from_iterable(map(_rows_of_project, projects)), *map(_row_of_study, studies)],
        notes=render_notes("replications", seen=paper.replications_seen(), gains=gains),
        open=draw_replications(studies),
    )  # fmt: skip


def _row_of_paper() -> Row:
    drawn = paper.figure(6)["digitised"]["test_final"]
    printed = {row["net"]: row for row in paper.table(6) if row["kind"] == "own"}
    errors = {net: format_mean(drawn[net]) for net in COMPARED if net.startswith("plain-")}
    errors |= {net: format_mean(row.get("mean", row["error"]), row.get("std")) for net, row in printed.items()}
    runs = printed["resnet-110"]["runs"]
    return _row("paper", f"not said ({runs} of resnet-110), last iteration", errors, ["the paper itself"])


def _rows_of_project(project: Mapping[str, Any]) -> Iterator[Row]:
    stds, n, differences = project.get("std", {}), project["n"] or "not said", project["differences"]
    errors = {net: format_mean(error, stds.get(net)) for net, error in project["errors"].items()}
    yield _row(project["name"], f"{n}, {project['statistic']}", errors, differences)
    if last := project.get("last_errors"):
        errors = {net: format_mean(error) for net, error in last.items()}
        yield _row(f"{project['name']}, the same runs", f"{n}, last epoch", errors, differences)


def _row_of_study(study: Study) -> Row:
    by_net = {net: study.errors(net, study.task.headline, study.task.metric.name) for net in COMPARED}
    by_net = {net: errors for net, errors in by_net.items() if len(errors)}
    counts = sorted({len(errors) for errors in by_net.values()})
    n = " to ".join(map(str, counts[:: max(1, len(counts) - 1)]))  # least and most
    recipes = study.runs.loc[study.runs["variant"] == DEFAULT, "recipe"]
    keys = {difference.key for recipe in recipes for difference in study.differences(recipe)}
    differences = [f"{len(keys)}, listed under “What differs from the paper”"] if keys else []
    cells = {
        net: Cell(mean_and_std(errors), "here", runs_id(study, net), source=_source_mean(study, net, len(errors)))
        for net, errors in by_net.items()
    }
    return _row(f"here: {study.name}", f"{n or 0}, last iteration", cells, differences, study.fidelity)


def _row(
    name: str, statistic: str, errors: Mapping[str, str | Cell], differences: Sequence[str], fidelity: str = ""
) -> Row:
    cells = [errors.get(net, "–") for net in COMPARED]
    kind = "here" if fidelity else ""
    return Row([name, Cell(tag=fidelity), statistic, *cells, "; ".join(differences) or "none known"], kind)


def _source_mean(study: Study, net: str, n: int) -> str:
    return score_source(mean_keys(n), study, net, study.task.headline, study.task.metric.name)
