# %%
from replication.report.figures import figure_1
from replication.report.localization import box_examples, table_13, table_14

localization, rcnn = of_name["localization"], of_name["rcnn"]
of_localization = [
    *table_13(localization, rcnn),
    *box_examples(localization, Path(results)),
    table_14(localization, rcnn),
]

# %%
Part(
    "paper",
    "Tables and curves of the paper",
    [figure_1(cifar), *of_section_4_1, *of_section_4_2, *of_detection, *of_localization],
)
