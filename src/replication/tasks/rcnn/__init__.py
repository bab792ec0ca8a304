"""The task `rcnn`: appendix C, R-CNN on the boxes that a localization net proposes."""

from replication.tasks.localization import Pair, metrics_of_methods, metrics_of_pairs
from replication.tasks.localization.recipe import check_localization
from replication.tasks.rcnn.recipe import RcnnRecipe
from replication.tasks.task import Protocol, Task

METHODS = {"rcnn": "R-CNN", "per_class_rpn": "its proposals"}
PAIRS: dict[str, Pair] = {"rpn_or_rcnn": (("oracle_centre", "per_class_rpn"), ("oracle_centre", "rcnn"))}
PAIRS_GUESSED: dict[str, Pair] = {
    "rpn_or_rcnn_guessed": (("predicted_dense", "per_class_rpn"), ("predicted_dense", "rcnn"))
}

RCNN = Task(
    name="rcnn",
    section="C",
    label="R-CNN on ImageNet localization",
    datasets=("digits", "tiny_imagenet", "imagenet"),
    recipe=RcnnRecipe,
    check_net=check_localization,
    protocols=(
        Protocol("oracle_centre", "true class, centre crop", metrics_of_methods(METHODS)),
        Protocol("predicted_dense", "five guessed classes, dense", metrics_of_methods(METHODS), needs="backbone"),
        Protocol("pairs", "image by image", metrics_of_pairs(PAIRS)),
        Protocol("pairs_guessed", "image by image, guessed classes", metrics_of_pairs(PAIRS_GUESSED), needs="backbone"),
    ),
    headline="oracle_centre",
    photographs=True,
    needs_boxes=True,
    shares_images_of="localization",
    has_own_net=True,
    has_chance_level=False,
    averages_seeds=True,
)
