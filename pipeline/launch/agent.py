"""torchrun, ended in words: `python -m pipeline.launch.agent <options of torchrun> -m pipeline.train cifar …`.

After a Ctrl-C or a failure torchrun would print a traceback of its own, below what its processes have already said.
"""

import logging
import sys

from torch.distributed import run
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError


def main() -> None:
    logging.disable(logging.CRITICAL)
    try:
        run.main(sys.argv[1:])
    except (KeyboardInterrupt, SignalException):
        sys.exit(130)  # its processes have saved, or said what else they did
    except ChildFailedError as failed:
        _, first = failed.get_first_failure()
        sys.exit(first.exitcode if first.exitcode > 0 else 128 - first.exitcode)


if __name__ == "__main__":
    main()
