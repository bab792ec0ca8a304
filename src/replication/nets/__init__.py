"""The paper's nets. `build(name)` is the only way to make one."""

from replication.nets.by_name import EARLIER, build, check_net, depth_of
from replication.nets.complexity import Complexity, Layer, complexity, layers

__all__ = ["EARLIER", "Complexity", "Layer", "build", "check_net", "complexity", "depth_of", "layers"]
