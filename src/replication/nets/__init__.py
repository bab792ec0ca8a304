"""The paper's nets. `build(name)` is the only way to make one."""

from replication.nets.cifar import build, depth_of
from replication.nets.complexity import Complexity, complexity

__all__ = ["Complexity", "build", "complexity", "depth_of"]
