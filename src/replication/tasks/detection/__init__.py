"""The task `detection`: section 4.3 and appendix A, Faster R-CNN on a net of Table 1."""

from replication.tasks.detection.recipe import DetectionRecipe, check_detection
from replication.tasks.task import Metric, Protocol, Task

MISSED = "missed"  # metric of the curve
MAP = (Metric("map_error", "100 − mAP"), Metric("map_error_se", "standard error of mAP over images"))
# Protocols of mean average precision, and by which rule and from which overlaps on each counts a detection as correct.
OVERLAPS = tuple(0.5 + 0.05 * step for step in range(10))
MAP_11_POINTS = "voc_11_points"
RULES: dict[str, tuple[str, tuple[float, ...]]] = {
    MAP_11_POINTS: ("eleven_points", (0.5,)),
    "voc_area": ("area", (0.5,)),
    "strict_area": ("area", OVERLAPS),
}

# The steps of Table 9 as protocols, with COCO's rules. `gain_se`: of the difference from the step before, over images.
COCO, VOTED, REFINED, MULTI_SCALE = "coco", "voted", "refined", "multi_scale"
BASELINE = COCO
STEPS = {REFINED: BASELINE, MULTI_SCALE: REFINED, VOTED: BASELINE}  # each with the step that it is compared with
COCO_MAP = (Metric("map50_error", "100 − mAP@.5"), Metric("map_error", "100 − mAP@[.5,.95]"))
STEP_MAP = (
    *COCO_MAP,
    Metric("map50_gain_se", "standard error of the gain in mAP@.5 over images"),
    Metric("map_gain_se", "standard error of the gain in mAP@[.5,.95] over images"),
)

DETECTION = Task(
    name="detection",
    section="4.3",
    label="PASCAL VOC",
    datasets=("digit_scenes", "bccd", "voc07", "coco", "voc"),
    more_paper_data=("coco",),
    recipe=DetectionRecipe,
    check_net=check_detection,
    protocols=(
        Protocol("objects", "objects found at score 0.5", (Metric(MISSED, "objects missed"),)),
        Protocol(MAP_11_POINTS, "mAP@.5, 11 points (VOC 2007)", MAP),
        Protocol("voc_area", "mAP@.5, area (VOC 2010)", MAP),
        Protocol("strict_area", "mAP@[.5,.95], area", MAP),
        Protocol(COCO, "COCO's rules", COCO_MAP),
        Protocol(REFINED, "box refinement", STEP_MAP),
        Protocol(MULTI_SCALE, "box refinement, multi-scale testing", STEP_MAP),
        Protocol(VOTED, "box voting alone", STEP_MAP),
    ),
    headline=MAP_11_POINTS,
    photographs=True,
    needs_boxes=True,
    has_own_net=True,
    joins_seeds=True,
    measures_precision=True,
    draws_examples=True,
)
