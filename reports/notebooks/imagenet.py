# %%
from replication.report.architecture import figure_3
from replication.report.blocks import figure_2, figure_5
from replication.report.figures import figure_4
from replication.report.imagenet import table_1, table_2, table_3, table_4, table_5

imagenet = of_name["imagenet"]
of_section_4_1 = [
    figure_2(),
    table_1(),
    figure_3(),
    table_2(imagenet),
    figure_4(imagenet),
    figure_5(),
    table_3(imagenet),
    table_4(imagenet),
    table_5(imagenet),
]
