# %%
from replication.report.cifar import replications_table, table_6
from replication.report.figures import figure_1, figure_6
from replication.report.responses import figure_7

make_part([table_6(cifar, Path(benchmarks))], group="CIFAR-10")

# %%
make_part([replications_table(cifar)])

# %%
make_part(
    [figure_1(cifar)],
    intro="The paper's curves, digitised from its figure, are dotted where ours lie over them, at the same share of the "
    "schedule. Dashed: training error. Solid: test error. Vertical lines: learning-rate decay.",
)

# %%
make_part(
    [figure_6(cifar)],
    intro="A colour and a mark for each depth, the same in figures 1, 4 and 6; hollow: plain nets.",
)

# %%
make_part([figure_7(cifar)])
