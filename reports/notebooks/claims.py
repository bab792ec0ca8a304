# %%
from replication.report.beyond_paper import gap_by_schedule
from replication.report.cifar import replications_table
from replication.report.claims import claim_matrix, describe_rule
from replication.report.depth import depth_figures
from replication.report.forest import comparisons_table

Part(
    "evidence",
    "Depth, training and other replications",
    [*depth_figures(studies, main_task), replications_table(cifar), gap_by_schedule(studies[TASKS["cifar"]])],
)

# %%
Part("claims", "Claims", [claim_matrix(judged, paper), comparisons_table(all_judged), describe_rule()])
