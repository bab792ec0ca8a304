# %%
from replication.report.detection import detection_table

Part(
    "detection",
    "Tables 7 to 12 · Detection",
    [make_part([detection_table(number)]) for number in range(7, 13)],
    intro="Section 4.3 and appendices A and B are not implemented yet. They need a task for detection (Faster R-CNN on "
    "ResNet-101, in the paper on 8 GPUs), PASCAL VOC 2007 and 2012, MS COCO and ImageNet DET. VOC 2012, test-dev and DET "
    "are scored by servers.",
    group="Detection",
)
