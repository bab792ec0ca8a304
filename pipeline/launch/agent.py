"""torchrun without its tracebacks: `python -m pipeline.launch.agent <options of torchrun> -m pipeline.train cifar …`.

After a Ctrl-C or a failure torchrun prints a traceback below the messages of its processes.
"""

import logging
import signal
import sys

from torch.distributed import run
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError


def main() -> None:
    logging.disable(logging.CRITICAL)
    try:
        run.main(sys.argv[1:])
    except (KeyboardInterrupt, SignalException):
        sys.exit(130)  # its processes have saved and printed why
    except ChildFailedError as failed:
        _, first = failed.get_first_failure()
        if first.exitcode > 0:
            sys.exit(first.exitcode)  # it has printed why
        killed = signal.Signals(-first.exitcode).name
        print(
            f"\none of the processes was ended by {killed}; SIGKILL often means a lack of memory.\n",
            file=sys.stderr,
        )
        sys.exit(128 - first.exitcode)


if __name__ == "__main__":
    main()
