"""Run a module so that it dies with the torchrun above it: `python -m pipeline.launch.worker pipeline.train cifar …`.

An orphan would train on, hide from Slurm that its torchrun is gone, and all its work would be done again.
"""

import ctypes
import os
import runpy
import signal
import sys

PR_SET_PDEATHSIG = 1  # of Linux, where Slurm is


def main() -> None:
    above = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != above:
        sys.exit("the torchrun that started this process is gone")
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
