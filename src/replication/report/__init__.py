"""Figures and tables of the page as pure functions of studies: what the notebooks in reports/ call."""

from replication.report.answer import answer
from replication.report.architecture import figure_3
from replication.report.benchmarks import benchmarks_part
from replication.report.blocks import figure_2, figure_5
from replication.report.claims import claim_cards, verdict_rule, waiting_claims
from replication.report.figures import depth_figure, figure_1, figure_4, figure_6
from replication.report.forest import forest
from replication.report.html import shown
from replication.report.imagenet_tables import table_1, table_2, table_3, table_4, table_5
from replication.report.localization_tables import box_examples, table_13, table_14
from replication.report.replications import others_table
from replication.report.responses import figure_7
from replication.report.tables import differences_table, other_studies, provenance_strip, runs_table, table_6
from replication.report.waiting_tables import waiting_tables

__all__ = [
    "answer",
    "benchmarks_part",
    "box_examples",
    "claim_cards",
    "depth_figure",
    "differences_table",
    "figure_1",
    "figure_2",
    "figure_3",
    "figure_4",
    "figure_5",
    "figure_6",
    "figure_7",
    "forest",
    "other_studies",
    "others_table",
    "provenance_strip",
    "runs_table",
    "shown",
    "table_1",
    "table_2",
    "table_3",
    "table_4",
    "table_5",
    "table_6",
    "table_13",
    "table_14",
    "verdict_rule",
    "waiting_claims",
    "waiting_tables",
]  # fmt: skip
