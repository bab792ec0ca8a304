# %%
from replication.report.cifar import table_6
from replication.report.figures import figure_6
from replication.report.responses import figure_7

cifar = of_name["cifar"]
of_section_4_2 = [figure_6(cifar), table_6(cifar, Path(benchmarks)), figure_7(cifar)]
