"""The task `imagenet`: section 4.1, the nets of Table 1 on photographs."""

from replication.config.recipe import BadValue as BadValue
from replication.config.recipe import Flag as Flag
from replication.config.recipe import Real as Real
from replication.config.recipe import Recipe as Recipe
from replication.config.recipe import Section as Section
from replication.config.recipe import Whole as Whole
from replication.nets.names import EARLIER, check_imagenet
from replication.tasks.imagenet.recipe import ImagenetRecipe
from replication.tasks.task import TOP1, TOP5, Protocol, Task

PROTOCOLS = "replication.tasks.imagenet.evaluate"


IMAGENET = Task(
    name="imagenet",
    section="4.1",
    words="ImageNet",
    datasets=("digits", "tiny_imagenet", "imagenet"),
    recipe=ImagenetRecipe,
    check_net=check_imagenet,
    feed="replication.tasks.imagenet.feed:PhotographBatches",
    objective="replication.tasks.classification:classification",
    protocols=(
        Protocol("centre_crop", "centre crop", (TOP1, TOP5), f"{PROTOCOLS}:centre_crop"),
        Protocol("ten_crop", "10 crops", (TOP1, TOP5), f"{PROTOCOLS}:ten_crop"),
        # The earlier systems are not fully convolutional; the paper quotes their own multi-scale results.
        Protocol(
            "fully_convolutional", "multi-scale", (TOP1, TOP5), f"{PROTOCOLS}:fully_convolutional", frozenset(EARLIER)
        ),
    ),
    headline="ten_crop",
    photographs=True,
    cut=63,
)
