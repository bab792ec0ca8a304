"""One torchrun on each node of a Slurm job."""

import os
import signal
import socket
import subprocess

STARTS = 3  # torchrun restarts its processes by itself, but not after a torchrun is lost


def run_on_nodes(launcher: list[str], module: list[str], nodes: int) -> int:
    """Run torchrun with a module on each node, again on all if one fails; returns the exit code.

    The number of nodes never changes during a training: it would split the batch differently.
    """
    os.environ["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"  # otherwise a restarted node waits for ever
    srun = ["srun", f"--nodes={nodes}", "--ntasks-per-node=1", "--kill-on-bad-exit=1"]
    job, steps, asked = int(os.environ["SLURM_JOB_ID"]), [], []

    def stop(number: int, _: object) -> None:
        """End the step. Slurm kills it; the training resumes from its last checkpoint."""
        asked.append(number)
        steps[-1].terminate()

    for start in range(STARTS):
        # A port that no earlier start and no other job on this node uses.
        meet = f"{socket.gethostname()}:{20_000 + (STARTS * job + start) % 10_000}"
        joined = ["--rdzv-backend=c10d", f"--rdzv-endpoint={meet}", f"--rdzv-id={job}.{start}", "--max-restarts=3"]
        command = [*srun, *launcher, f"--nnodes={nodes}", *joined, "-m", "pipeline.launch.worker", *module]
        steps.append(subprocess.Popen(command, start_new_session=True))  # otherwise Ctrl-C reaches it too
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, stop)
        if steps[-1].wait() == 0 or asked:
            break
    return steps[-1].returncode
