# %%
from replication.report.benchmarks import benchmark_tables
from replication.report.record import describe_scope, deviations_table, differences_table, fill_commands, runs_table
from replication.report.reruns import list_reruns
from replication.report.templating import render

Part("scope", "Not attempted", [describe_scope(studies)])

# %%
Part("deviations", "Deviations", [deviations_table(all_shown), *map(differences_table, all_shown)])

# %%
Part("redo", "Reproduce", [render("reproduce.html"), fill_commands(all_shown)])

# %%
Part(
    "record",
    "Record",
    [
        *map(runs_table, all_judged),
        *list_reruns(all_studies),
        *benchmark_tables(Path(benchmarks)),
        render("glossary.html"),
    ],
)
