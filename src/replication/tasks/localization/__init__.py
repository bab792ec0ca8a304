"""The task `localization`: appendix C, a box around the object of an image, whose class is given or guessed."""

from replication.tasks.localization.recipe import LocalizationRecipe, check_localization
from replication.tasks.task import Metric, Protocol, Task

# The four methods of one net, in the paper's words.
RPNS = {"per_class_rpn": "per-class RPN", "rpn": "RPN"}
METHODS = RPNS | {"pcr": "per-class regression", "scr": "single-class regression"}
# Image-independent baselines.
BASELINES = {
    "whole_image": "the whole image",
    "constant_box": "one box for all",
    "class_median": "the class's median box",
}
# Two methods, each by a protocol, that are compared image by image.
Pair = tuple[tuple[str, str], tuple[str, str]]
PAIRS: dict[str, Pair] = {
    "pcr_or_per_class_rpn": (("oracle_centre", "pcr"), ("oracle_centre", "per_class_rpn")),
    "scr_or_pcr": (("oracle_centre", "scr"), ("oracle_centre", "pcr")),
    "rpn_or_per_class_rpn": (("oracle_centre", "rpn"), ("oracle_centre", "per_class_rpn")),
    "centre_or_dense": (("oracle_centre", "per_class_rpn"), ("oracle_dense", "per_class_rpn")),
}
ALONE = ("first_alone_wrong", "second_alone_wrong")


def metrics_of_methods(methods: dict[str, str]) -> tuple[Metric, ...]:
    """Localization error and mean overlap of each method."""
    return (
        *(Metric(f"{method}_error", f"{label}, localization error") for method, label in methods.items()),
        *(Metric(f"{method}_iou", f"{label}, mean IoU", better="higher") for method, label in methods.items()),
    )


def metrics_of_pairs(pairs: dict[str, Pair]) -> tuple[Metric, ...]:
    """How often the first alone, and the second alone, of each pair is wrong."""
    return tuple(
        Metric(f"{pair}_{suffix}", f"{pair}, {suffix}".replace("_", " ")) for pair in pairs for suffix in ALONE
    )


LOCALIZATION = Task(
    name="localization",
    section="C",
    label="ImageNet localization",
    datasets=("digits", "tiny_imagenet", "imagenet"),
    recipe=LocalizationRecipe,
    check_net=check_localization,
    protocols=(
        Protocol("oracle_centre", "true class, centre crop", metrics_of_methods(METHODS)),
        Protocol("oracle_dense", "true class, dense", metrics_of_methods(RPNS)),
        Protocol(
            "predicted_dense", "five guessed classes, dense",
            (Metric("per_class_rpn_error", "per-class RPN, top-5 localization error"),), needs="backbone",
        ),
        Protocol("floors", "without a look at the image", metrics_of_methods(BASELINES)),
        Protocol("pairs", "image by image", metrics_of_pairs(PAIRS)),
    ),
    headline="oracle_centre",
    photographs=True,
    needs_boxes=True,
    has_own_net=True,
    draws_examples=True,
    averages_seeds=True,
)  # fmt: skip
