"""Figures and tables of the page as pure functions of studies: what the notebooks in reports/ call.

Below each stands the line of `origin`: the script that makes it, the data that it is made from, its numbers as a CSV.
"""

from replication.report import numbers
from replication.report.architecture import COLUMNS, figure_3
from replication.report.benchmarks import benchmarks_part
from replication.report.blocks import figure_2, figure_5
from replication.report.claims import claim_cards, verdict_rule, waiting_claims
from replication.report.figures import figure_1, figure_4, figure_6
from replication.report.first_screen import first_screen
from replication.report.forest import forest
from replication.report.html import shown, with_cards
from replication.report.imagenet_tables import table_1, table_2, table_3, table_4, table_5
from replication.report.localization_tables import box_examples, table_13, table_14
from replication.report.origin import with_origin
from replication.report.replications import others_table
from replication.report.responses import figure_7
from replication.report.tables import differences_table, other_studies, provenance_strip, runs_table, table_6
from replication.report.waiting_tables import waiting_tables
from replication.results.tables import CURVES, RECIPES, RESPONSES, RUNS, SCORES

__all__ = [
    "benchmarks_part",
    "box_examples",
    "claim_cards",
    "differences_table",
    "figure_1",
    "figure_2",
    "figure_3",
    "figure_4",
    "figure_5",
    "figure_6",
    "figure_7",
    "first_screen",
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
    "with_cards",
]  # fmt: skip

NETS = "src/replication/nets/"

claim_cards, forest = with_origin(claim_cards), with_origin(forest, numbers.of_comparisons)
figure_1 = with_origin(figure_1, lambda of: numbers.of_curves(of, ["fig1"], ["plain-20", "plain-56"]), CURVES)
figure_2 = with_origin(figure_2, lambda: numbers.of_layers(["resnet-34-A"], "conv2.1."), f"{NETS}blocks.py")
figure_3 = with_origin(figure_3, lambda: numbers.of_layers(list(COLUMNS)), f"{NETS}imagenet.py")
figure_4 = with_origin(figure_4, lambda of: numbers.of_curves(of, ["fig4"]), CURVES)
figure_5 = with_origin(
    figure_5, lambda: numbers.of_layers(["resnet-34-A", "resnet-50"], "conv2.1."), f"{NETS}blocks.py"
)
figure_6 = with_origin(figure_6, lambda of: numbers.of_curves(of, ["fig6", "fig6r"]), CURVES)
figure_7 = with_origin(figure_7, numbers.of_responses, RESPONSES)
table_1 = with_origin(table_1, None, f"{NETS}imagenet.py", "src/replication/paper/paper.yaml")
table_2, table_3, table_4, table_5, table_6 = map(with_origin, (table_2, table_3, table_4, table_5, table_6))
table_13, table_14 = with_origin(table_13), with_origin(table_14)
others_table = with_origin(others_table, None, SCORES, "src/replication/paper/replications.yaml")
differences_table, runs_table = with_origin(differences_table, None, RECIPES), with_origin(runs_table, None, RUNS)
