"""One torchrun on each node of a Slurm job."""

import os
import signal
import socket
import subprocess

STARTS = 3  # torchrun starts its processes anew by itself, but not where a torchrun is lost


def run_on_nodes(launcher: list[str], module: list[str], nodes: int) -> int:
    """Run torchrun on each node, which runs a module with its arguments; anew on all where one fails. The exit code.

    The number of nodes never changes on the way: another one would deal out the batch otherwise.
    """
    os.environ["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"  # else a node that comes back waits for ever
    srun = ["srun", f"--nodes={nodes}", "--ntasks-per-node=1", "--kill-on-bad-exit=1"]
    job, steps, asked = int(os.environ["SLURM_JOB_ID"]), [], []

    def stop(number: int, _: object) -> None:
        """End the step. Slurm kills it: the training goes on from its last save."""
        asked.append(number)
        steps[-1].terminate()

    for start in range(STARTS):
        # A port that neither an earlier start nor another job of this node has.
        meet = f"{socket.gethostname()}:{20_000 + (STARTS * job + start) % 10_000}"
        joined = ["--rdzv-backend=c10d", f"--rdzv-endpoint={meet}", f"--rdzv-id={job}.{start}", "--max-restarts=3"]
        command = [*srun, *launcher, f"--nnodes={nodes}", *joined, "-m", "pipeline.launch.worker", *module]
        steps.append(subprocess.Popen(command, start_new_session=True))  # or Ctrl-C would reach it too
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        if steps[-1].wait() == 0 or asked:
            break
    return steps[-1].returncode
