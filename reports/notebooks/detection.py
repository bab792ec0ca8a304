# %%
from replication.report.detection import detection_table

of_detection = [detection_table(number) for number in range(7, 13)]
