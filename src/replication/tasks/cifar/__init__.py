"""The task `cifar`: section 4.2, plain and residual nets of 6n+2 layers on CIFAR-10."""

from replication.config.recipe import BadValue as BadValue
from replication.config.recipe import Flag as Flag
from replication.config.recipe import Recipe as Recipe
from replication.config.recipe import Section as Section
from replication.config.recipe import Warmup as Warmup
from replication.config.recipe import Whole as Whole
from replication.errors import UserError as UserError
from replication.nets.names import blocks_of_cifar as blocks_of_cifar
from replication.nets.names import parse_cifar
from replication.tasks.cifar.recipe import CifarRecipe
from replication.tasks.task import TOP1, Protocol, Task

CIFAR = Task(
    name="cifar",
    section="4.2",
    words="CIFAR-10",
    datasets=("digits", "cifar10"),
    recipe=CifarRecipe,
    check_net=parse_cifar,
    feed="replication.tasks.cifar.feed:CifarBatches",
    objective="replication.tasks.classification:classification",
    protocols=(Protocol("single_view", "single view", (TOP1,), "replication.tasks.cifar.evaluate:single_view"),),
    headline="single_view",
    of_depth="resnet-{depth}",
    cut=20,
)
