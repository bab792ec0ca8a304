"""The task `imagenet`: section 4.1, the nets of Table 1 on photographs."""

from replication.nets.names import EARLIER, check_imagenet
from replication.tasks.imagenet.recipe import ImagenetRecipe
from replication.tasks.task import TOP1, TOP5, Protocol, Task

IMAGENET = Task(
    name="imagenet",
    section="4.1",
    label="ImageNet",
    datasets=("digits", "tiny_imagenet", "imagenet"),
    recipe=ImagenetRecipe,
    check_net=check_imagenet,
    protocols=(
        Protocol("centre_crop", "centre crop", (TOP1, TOP5)),
        Protocol("ten_crop", "10 crops", (TOP1, TOP5)),
        # The earlier systems are not fully convolutional; the paper quotes their own multi-scale results.
        Protocol("fully_convolutional", "multi-scale", (TOP1, TOP5), not_for=frozenset(EARLIER)),
    ),
    headline="ten_crop",
    photographs=True,
    curve_limit=63,
)
