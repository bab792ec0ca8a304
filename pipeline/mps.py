"""NVIDIA's Multi-Process Service. With it, several processes run kernels on one GPU at the same time.

Without it the processes take turns, and small kernels leave most of the GPU idle. Never run on a GPU: a test has a
program of the same name in its place.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

CONTROL = "nvidia-cuda-mps-control"
PIPES, LOGS = "CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY"


@contextmanager
def share_gpus(jobs: int, gpus: Sequence[str]) -> Iterator[dict[str, str]]:
    """Run the service while there is more than one job a GPU; not if the user runs one, or the machine has none.

    Yields:
        Variables for the environment of each job.
    """
    if not gpus or jobs <= len(gpus) or PIPES in os.environ or not shutil.which(CONTROL):
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="mps-") as folder:
        variables = {PIPES: folder, LOGS: folder}
        environment = os.environ | variables
        if subprocess.run([CONTROL, "-d"], env=environment, check=False).returncode:
            print("warning: MPS did not start; the jobs of a GPU take turns.", file=sys.stderr)
            yield {}
            return
        try:
            yield variables
        finally:
            subprocess.run([CONTROL], env=environment, input="quit\n", text=True, check=False)
