# %%
from replication.report.detection import detection_table
from replication.report.detection_results import detection_examples, measured_table

detection = of_name["detection"]
of_detection = [
    *([measured_table(detection)] if detection else []),
    *detection_examples(detection, Path(results)),
    *(detection_table(number) for number in range(7, 13)),
]
