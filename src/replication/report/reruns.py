"""Runs that others made again, beside our seeds."""

from collections.abc import Sequence
from statistics import mean, stdev

from replication.config.profiles import named
from replication.report.sources import mean_keys, score_source
from replication.report.templating import render_notes
from replication.report.values import Cell, Row, Table
from replication.results.reruns import Judged, judge_rerun
from replication.results.studies import Study
from replication.results.tables import RERUNS
from replication.words import format_mean

WORDS = {"equal": "the same number", "outside": "outside the range of our seeds"}


def list_reruns(studies: Sequence[Study]) -> list[Table]:
    """A table with a row a rerun; no table if there are none."""
    rerun = [study for study in studies if study.reruns]
    if not rerun:
        return []
    return [Table(
        id="reruns", caption="Reruns by others", script=__name__, studies=rerun, data=[RERUNS], style="words",
        columns=["setup", "net", "seed", "by", "error (%)", "ours (%)", "n", "p", "verdict", "machine", "date"],
        rows=[_make_row(study, row) for study in rerun for row in _judge(study)], notes=render_notes("reruns"),
    )]  # fmt: skip


def _judge(study: Study) -> list[Judged]:
    scores = study.scores.to_dict("records")
    return [judge_rerun(row, scores) for row in study.reruns]


def _make_row(study: Study, judged: Judged) -> Row:
    row, ours = judged.row, judged.ours
    source = f"rerun|{study.folder}|{row['by']}|{row['net']}|{row['variant']}|{row['seed']}"
    number, keys = (study, row["net"], row["protocol"], row["metric"], row["variant"]), mean_keys(len(ours))
    return Row([
        study.name, named(row["net"], row["variant"]), str(row["seed"]), row["by"],
        Cell(f"{row['value']:.2f}", "here", source=f"{source}|value"),
        Cell(format_mean(mean(ours), stdev(ours) if len(ours) > 1 else None), source=score_source(keys, *number)),
        Cell(str(len(ours)), source=score_source(["n"], *number)),
        Cell("" if judged.p is None else f"{judged.p:.4f}", source=f"{source}|p"),
        Cell(WORDS.get(judged.verdict, judged.verdict), source=f"{source}|verdict"),
        row["machine"], str(row["date"]),
    ])  # fmt: skip
