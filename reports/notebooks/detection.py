# %%
from replication.report.detection import detection_table
from replication.report.detection_results import detection_examples, measured_table

Part(
    "detection",
    "Tables 7 to 12 · Detection",
    [
        *([measured_table(detection), *detection_examples(detection, Path(results))] if detection else []),
        *(make_part([detection_table(number)]) for number in range(7, 13)),
    ],
    intro="Section 4.3 and appendix A: Faster R-CNN on a net of Table 1. The task has not been run on the paper's data. "
    "VGG-16, MS COCO and the improvements of appendix B are not implemented; VOC 2012, test-dev and DET are scored by "
    "servers.",
    group="Detection",
)
