# %%
from replication.report.detection import detection_table
from replication.report.detection_results import detection_examples, measured_table
from replication.report.detection_steps import precision_curves, table_9

detection = of_name["detection"]
of_detection = [
    *([measured_table(detection)] if detection else []),
    *filter(None, [precision_curves(detection)]),
    *detection_examples(detection, Path(results)),
    *(table_9(detection) if number == 9 else detection_table(number) for number in range(7, 13)),
]
