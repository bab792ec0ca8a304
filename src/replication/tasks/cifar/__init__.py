"""The task `cifar`: section 4.2, plain and residual nets of 6n+2 layers on CIFAR-10."""

from replication.nets.names import parse_cifar
from replication.tasks.cifar.recipe import CifarRecipe
from replication.tasks.task import TOP1, Protocol, Task

CIFAR = Task(
    name="cifar",
    section="4.2",
    label="CIFAR-10",
    datasets=("digits", "cifar10"),
    recipe=CifarRecipe,
    check_net=parse_cifar,
    protocols=(Protocol("single_view", "single view", (TOP1,)),),
    headline="single_view",
    measures_layers=True,
    depth_net="resnet-{depth}",
    curve_limit=20,
)
