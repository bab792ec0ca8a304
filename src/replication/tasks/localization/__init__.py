"""The task `localization`: appendix C, a box around the object of an image, whose class is given or guessed."""

from collections.abc import Iterable
from dataclasses import replace

from replication.config.recipe import BadValue as BadValue
from replication.config.recipe import Real as Real
from replication.config.recipe import Recipe as Recipe
from replication.config.recipe import Section as Section
from replication.config.recipe import Whole as Whole
from replication.errors import UserError as UserError
from replication.nets.names import EARLIER as EARLIER
from replication.nets.names import STRIDES as STRIDES
from replication.nets.names import check_imagenet as check_imagenet
from replication.tasks.imagenet.recipe import RescaledCrop as RescaledCrop
from replication.tasks.imagenet.recipe import Side as Side
from replication.tasks.imagenet.recipe import Views as Views
from replication.tasks.localization.recipe import LocalizationRecipe, check_localization
from replication.tasks.task import Metric, Protocol, Task

WAYS = {
    "per_class_rpn": "per-class RPN",
    "rpn": "RPN",
    "pcr": "per-class regression",
    "scr": "single-class regression",
}


FLOORS = {"whole_image": "the whole image", "constant_box": "one box for all", "class_median": "the class's median box"}


# Pairs of a protocol and a way, of which it is counted how often one alone is wrong.
PAIRS = {
    "pcr_or_per_class_rpn": (("oracle_centre", "pcr"), ("oracle_centre", "per_class_rpn")),
    "scr_or_pcr": (("oracle_centre", "scr"), ("oracle_centre", "pcr")),
    "rpn_or_per_class_rpn": (("oracle_centre", "rpn"), ("oracle_centre", "per_class_rpn")),
    "centre_or_dense": (("oracle_centre", "per_class_rpn"), ("oracle_dense", "per_class_rpn")),
}


PAIRS_OF_REGIONS = {"rpn_or_rcnn": (("oracle_centre", "per_class_rpn"), ("oracle_centre", "rcnn"))}


PAIRS_OF_GUESSES = {"rpn_or_rcnn_guessed": (("predicted_dense", "per_class_rpn"), ("predicted_dense", "rcnn"))}


REGIONS = "rcnn"  # the variant that is the second step


ALONE = ("first_alone_wrong", "second_alone_wrong")


ERRORS = tuple(Metric(f"{way}_error", f"{words}, localization error") for way, words in WAYS.items())


OVERLAPS = tuple(Metric(f"{way}_iou", f"{words}, mean IoU", less_is_better=False) for way, words in WAYS.items())


TOP5 = (Metric("per_class_rpn_error", "per-class RPN, top-5 localization error"),)


OF_FLOORS = (
    *(Metric(f"{floor}_error", f"{words}, localization error") for floor, words in FLOORS.items()),
    *(Metric(f"{floor}_iou", f"{words}, mean IoU", less_is_better=False) for floor, words in FLOORS.items()),
)


def _of_pairs(pairs: Iterable[str]) -> tuple[Metric, ...]:
    return tuple(Metric(f"{pair}_{alone}", f"{pair}, {alone}".replace("_", " ")) for pair in pairs for alone in ALONE)


RCNN = {"rcnn": "R-CNN", "per_class_rpn": "the boxes that R-CNN begins with"}


OF_REGIONS = (
    *(Metric(f"{way}_error", f"{words}, localization error") for way, words in RCNN.items()),
    *(Metric(f"{way}_iou", f"{words}, mean IoU", less_is_better=False) for way, words in RCNN.items()),
)


PROTOCOLS = "replication.tasks.localization.evaluate"


LOCALIZATION = Task(
    name="localization",
    section="C",
    words="ImageNet localization",
    datasets=("digits", "tiny_imagenet", "imagenet"),
    recipe=LocalizationRecipe,
    check_net=check_localization,
    feed="replication.tasks.localization.feed:BoxBatches",
    objective="replication.tasks.localization.loss:localization",
    watch="replication.tasks.localization.boxes:wrong_boxes",
    protocols=(
        Protocol("oracle_centre", "true class, centre crop", ERRORS + OVERLAPS, f"{PROTOCOLS}:oracle_centre"),
        Protocol("oracle_dense", "true class, dense", ERRORS[:2] + OVERLAPS[:2], f"{PROTOCOLS}:oracle_dense"),
        Protocol("predicted_dense", "five guessed classes, dense", TOP5, f"{PROTOCOLS}:predicted_dense", guesses=True),
        Protocol("floors", "without a look at the image", OF_FLOORS, "replication.tasks.localization.floors:floors"),
        Protocol(
            "pairs", "image by image", _of_pairs(PAIRS), "replication.tasks.localization.pairs:pairs", of_scores=True
        ),
    ),
    headline="oracle_centre",
    boxes=True,
    draw="replication.tasks.localization.examples:examples",
    starts_from="imagenet",
    photographs=True,
)


OF_SECOND = "replication.tasks.rcnn.evaluate"


SECOND = replace(
    LOCALIZATION,
    feed="replication.tasks.rcnn.feed:RegionBatches",
    objective="replication.tasks.rcnn.loss:regions",
    watch="replication.tasks.rcnn.proposals:wrong_regions",
    protocols=(
        Protocol("oracle_centre", "true class, centre crop", OF_REGIONS, f"{OF_SECOND}:oracle_centre"),
        Protocol(
            "predicted_dense", "five guessed classes, dense", OF_REGIONS, f"{OF_SECOND}:predicted_dense", guesses=True
        ),
        Protocol(
            "pairs", "image by image", _of_pairs(PAIRS_OF_REGIONS),
            "replication.tasks.localization.pairs:pairs_of_regions", of_scores=True,
        ),
        Protocol(
            "pairs_guessed", "image by image, guessed classes", _of_pairs(PAIRS_OF_GUESSES),
            "replication.tasks.localization.pairs:pairs_of_guesses", guesses=True, of_scores=True,
        ),
    ),
    draw=None,
    propose="replication.evaluate:proposer_of",
)  # fmt: skip


LOCALIZATION = replace(LOCALIZATION, second=SECOND)
