# %%
from replication.report.detection import FILLED, detection_table
from replication.report.detection_results import detection_examples, measured_table
from replication.report.detection_steps import precision_curves, table_9

detection = of_name["detection"]
elsewhere = [study for study in detection if study.dataset not in FILLED]
of_detection = [
    *([measured_table(elsewhere)] if elsewhere else []),
    *filter(None, [precision_curves(detection)]),
    *detection_examples(detection, Path(results)),
    *(table_9(detection) if number == 9 else detection_table(number, detection) for number in range(7, 13)),
]
