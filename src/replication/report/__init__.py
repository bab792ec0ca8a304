"""Figures and tables of the page as pure functions of results: what the notebooks in reports/ call."""

from replication.report.claims import claim_cards, headline
from replication.report.figures import depth_figure, figure_1, figure_6
from replication.report.html import shown
from replication.report.tables import differences_table, provenance_strip, runs_table, table_6

__all__ = [
    "claim_cards",
    "depth_figure",
    "differences_table",
    "figure_1",
    "figure_6",
    "headline",
    "provenance_strip",
    "runs_table",
    "shown",
    "table_6",
]
