"""Table 9: what each improvement of appendix B gains, in the paper and here. The precision of each class here."""

from collections.abc import Sequence
from math import isnan

import matplotlib.pyplot as plt
import pandas as pd
from markupsafe import Markup

from replication.config.profiles import DEFAULT, named
from replication.paper import table
from replication.report.answer import net_name
from replication.report.drawing import STYLE, write_svg
from replication.report.figures import SMALL
from replication.report.palette import look
from replication.report.setups import describe_setup, runs_id, slug
from replication.report.templating import render, render_notes
from replication.report.values import Cell, Figure, Row, Table, shorten
from replication.results.schema import JOINED
from replication.results.studies import Study
from replication.results.tables import PRECISION, SCORES
from replication.tasks.detection import BASELINE, COCO_MAP, MULTI_SCALE, REFINED, VOTED
from replication.verdicts import rule
from replication.verdicts.claims.appendix_b import CONTEXT, PRINTED, gain, improvements, read_printed_gains
from replication.verdicts.rule import SEEDS, Sample
from replication.words import format_mean

DATASET = "coco"  # of the paper's rows: a study on it comes first
IMPROVEMENTS = ("+box refinement", "+context", "+multi-scale testing")  # as the paper names them
NORMAL = 1.96  # standard errors of a 95 % interval
ELEVEN = range(0, 101, 10)  # recalls of VOC's rule of 2007


def table_9(studies: Sequence[Study]) -> Table:
    """Table 9: the paper's rows, then those of each net here, each with what it gains."""
    with_steps = [study for study in studies if _has_steps(study)]
    measured = sorted(with_steps, key=lambda study: study.dataset != DATASET)
    rows = [_row_of_paper(row) for row in table(9)]
    for study in measured:
        for net in study.nets:
            rows += _rows_of_net(study, net)
    names = ["mAP@.5 (%)", "gain, points", "mAP@[.5,.95] (%)", "gain, points"]
    return Table(
        id="table-9", caption="Table 9 · Improvements of the detector, one after another", source="T9", script=__name__,
        studies=measured, data=[SCORES] if measured else ["src/replication/paper/paper.yaml"], style="dense",
        columns=[Cell("system", "words"), *names, "n", ""], rows=rows, open=_shorten(measured[0] if measured else None),
        notes=render_notes("table_9", setups=list(map(describe_setup, measured))),
    )  # fmt: skip


def _shorten(study: Study | None) -> Table:
    """What each improvement gains by the first measure, in the paper and in a setup's deepest net."""
    metric, net = COCO_MAP[0], study.nets[-1] if study else ""
    printed = read_printed_gains(metric)
    evidence = [comparison.evidence for comparison in improvements(study)] if study else [None] * len(IMPROVEMENTS)
    rows: list[tuple[str, str, str | Cell]] = []
    for words, gained in zip(IMPROVEMENTS, evidence, strict=False):  # the second measure follows
        here = Cell(_format_evidence(gained), "here", runs_id(study, net)) if study and gained else Cell("–", "absent")
        rows.append((words.removeprefix("+"), f"{printed[words]:+.1f}", here))
    return shorten("table-9", f"gain in mAP@.5, points{f', {net_name(net)}' if net else ''}", rows, study)


def _format_evidence(evidence: rule.Evidence) -> str:
    return _format_interval(float(evidence.value), float(evidence.low), float(evidence.high))


def _format_interval(value: float, low: float, high: float) -> str:
    interval = "" if isnan(low) else f" [{low:+.2f}, {high:+.2f}]"
    return f"{value:+.2f}{interval}".replace("-", "−")


def _has_steps(study: Study) -> bool:
    return bool((study.scores["protocol"] == REFINED).any())


def _row_of_paper(row: dict[str, object]) -> Row:
    system, cells = str(row["system"]), []
    for metric in COCO_MAP:
        value, gained = row[PRINTED[metric.name]], read_printed_gains(metric).get(system)
        on_test = row[PRINTED[metric.name].replace("val", "testdev")]
        remark = "" if on_test is None else f"test-dev: {on_test}"
        cells += [Cell("–" if value is None else f"{value}", small=remark), "" if gained is None else f"{gained:+.1f}"]
    return Row([Cell(f"paper: {system}", "words"), *cells, "1", Cell("MS COCO val")], "own")


def _rows_of_net(study: Study, net: str) -> list[Row]:
    """The steps of a net; the net with context stands where the paper has it, above the tests at several scales."""
    context = named(net, CONTEXT)
    rows = [
        _row_of_step(study, net, net, BASELINE, None, "baseline"),
        _row_of_step(study, net, net, VOTED, BASELINE, "box voting alone, on the baseline"),
        _row_of_step(study, net, net, REFINED, BASELINE, "+ box refinement"),
        _row_of_step(study, net, net, MULTI_SCALE, REFINED, "+ multi-scale testing"),
    ]
    if study.has(context):
        rows += [
            _row_of_step(study, net, context, REFINED, None, "+ box refinement + context (another net)"),
            _row_of_step(study, net, context, MULTI_SCALE, REFINED, "+ multi-scale testing, with context"),
        ]
    if together := study.ensemble_of(net):
        words = f"ensemble of {len(together.split(JOINED))} seeds, + box refinement"
        rows.append(_row_of_step(study, net, together, REFINED, None, words))
        words = words.replace("refinement", "refinement + multi-scale testing")
        rows.append(_row_of_step(study, net, together, MULTI_SCALE, None, words))
    return [row for row in rows if row]


def _row_of_step(study: Study, net: str, name: str, step: str, before: str | None, words: str) -> Row | None:
    """A row of a net, of a variant of it, or of an ensemble; None: not measured."""
    base, _, variant = name.partition("/")
    variant = variant or DEFAULT
    cells: list[str | Cell] = []
    for metric in COCO_MAP:
        errors = study.errors(base, step, metric.name, variant)
        if errors.empty:
            return None
        gained = gain(study, name, before, step, metric) if before else None
        level = format_mean(100 - errors.mean(), errors.std() if len(errors) > 1 else None)
        cells += [Cell(level, "here", runs_id(study, net)), format_gain(gained) if gained else ""]
    setup = Cell(study.name, "words", tag=study.fidelity_of([net]))
    return Row([Cell(f"{net}: {words}", "words"), *cells, str(len(errors)), setup], "extra")


def format_gain(sample: Sample) -> str:
    """A gain with its 95 % interval: over seeds if there are three, else over test images."""
    evidence = rule.bound(sample, above=0)
    value = float(evidence.value)
    if sample.n >= SEEDS:
        low, high = float(evidence.low), float(evidence.high)
    else:
        half = NORMAL * (float(sample.least) / sample.n) ** 0.5
        low, high = value - half, value + half
    return _format_interval(value, low, high)


def describe_classes(study: Study, net: str) -> str:
    """The average precision of each class of a net, in percent; empty where it was not measured."""
    values = measure_classes(study, net)
    return ", ".join(f"{category} {format_mean(*_mean_std(of_class))}" for category, of_class in values.items())


def measure_classes(study: Study, net: str) -> dict[str, pd.Series]:
    """The average precision of each class by VOC's 11 points, in percent, a value a seed."""
    points = study.precision[(study.precision["net"] == net) & (study.precision["variant"] == DEFAULT)]
    points = points[points["recall"].isin(ELEVEN)]
    categories = dict.fromkeys(points["category"])
    return {name: points[points["category"] == name].groupby("seed")["precision"].mean() for name in categories}


def _mean_std(values: pd.Series) -> tuple[float, float | None]:
    return float(values.mean()), float(values.std()) if len(values) > 1 else None


def precision_curves(studies: Sequence[Study]) -> Figure | None:
    """Precision against recall, the mean over classes and seeds, of each net; None: not measured."""
    measured = [study for study in studies if not study.precision.empty]
    if not measured:
        return None
    groups, numbers = [], []
    for study in measured:
        of_nets = {net: _mean_curve(study, net) for net in study.nets}
        panels = [_draw_curves(study, of_nets)]
        groups.append({"name": study.name, "fidelity": study.fidelity, "panels": panels, "absent": []})
        for net, curve in of_nets.items():
            numbers += [
                {"setup": study.name, "net": net, "recall": recall, "precision": round(value, 2)}
                for recall, value in curve.items()
            ]
    return Figure(
        id="precision", caption="Precision against recall of the detectors", script=__name__, studies=measured,
        data=[PRECISION], numbers=numbers, notes=render_notes("precision"),
        drawing=render("panels.html", name="Precision against recall", groups=groups, curves=""),
    )  # fmt: skip


def _mean_curve(study: Study, net: str) -> pd.Series:
    points = study.precision[(study.precision["net"] == net) & (study.precision["variant"] == DEFAULT)]
    return points.groupby("recall")["precision"].mean()


def _draw_curves(study: Study, of_nets: dict[str, pd.Series]) -> Markup:
    with plt.style.context(["default", STYLE]):  # whatever the user's matplotlibrc says
        figure, axes = plt.subplots(figsize=SMALL)
        figure.subplots_adjust(left=0.12, right=0.98, bottom=0.2, top=0.85)
        for net, curve in of_nets.items():
            net_look = look(net)
            axes.plot(curve.index, curve.values, color=net_look.light, lw=1.6, label=net_name(net))
        axes.set(xlim=(0, 100), ylim=(0, 100), xlabel="recall (%)")
        axes.set_title("precision (%)", loc="left", x=-0.12, pad=9)
        axes.legend(frameon=False)
        label = f"Precision against recall of {' and '.join(of_nets)}, mean over classes"
        return write_svg(figure, label, slug("precision", study.folder))
