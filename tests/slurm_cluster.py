"""A Slurm of two nodes on this machine, without root or systemd: Debian's slurmctld, slurmd, slurm-client and munge."""

import os
import platform
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psutil

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scontrol", "scancel", "squeue")
PATH = f"{os.environ['PATH']}:/usr/sbin"
MISSING = [name for name in PROGRAMS if not shutil.which(name, path=PATH)]
NODES = ("n1", "n2")
LIFETIME = 900  # seconds after which the daemons end by themselves, should the tests be killed

# A job that is queued again begins once its credential has expired: after two minutes, and here after five seconds.
CONFIGURATION = """
ClusterName=two
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser={user}
SlurmdUser={user}
AuthInfo=socket={folder}/munge.socket,cred_expire=5
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
SlurmdPidFile={folder}/%n.pid
SlurmdSpoolDir={folder}/%n
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,bf_interval=1
SlurmdTimeout=10
ReturnToService=2
MinJobAge=900
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs=2
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs=2
PartitionName=main Nodes=n1,n2 Default=YES
"""


def wait_until(condition: Callable[[], object], seconds: float = 120) -> None:
    """Ask again and again. Raises AssertionError if it never holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.3)


class Cluster:
    """Two nodes and their controller. `environment` makes Slurm's commands speak to them."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.environment = {"SLURM_CONF": str(folder / "slurm.conf")}

    def start(self, *command: str) -> None:
        """Start a daemon in the foreground; the environment marks it, and what a node runs, as ours."""
        marks = {"PATH": PATH} | self.environment
        if command[-1] in NODES:
            marks["SLURMD_NODENAME"] = command[-1]
        with (self.folder / "daemons.txt").open("a") as log:
            timed = ["timeout", str(LIFETIME), *command]
            subprocess.Popen(timed, env=os.environ | marks, stdout=log, stderr=log, start_new_session=True)

    def ask(self, *command: str) -> str:
        """What one of Slurm's commands prints."""
        asked = subprocess.run(command, env=os.environ | self.environment, capture_output=True, text=True, timeout=60)
        return asked.stdout.strip()

    def processes(self, node: str | None = None) -> list[psutil.Process]:
        """The daemons, steps and jobs of one node, or all of them. A step's daemon is known by its log alone."""
        logs = {str(self.folder / f"{name}.log") for name in NODES if node in (None, name)}
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                of = process.environ()
                ours = of.get("SLURM_CONF") == self.environment["SLURM_CONF"]
                of_step = process.name() == "slurmstepd" and logs & {file.path for file in process.open_files()}
                if of_step or (ours and node in (None, of.get("SLURMD_NODENAME"))):
                    found.append(process)
        return found

    def lose(self, node: str) -> None:
        """Cut the power of a node, have Slurm notice at once, and switch the node on again."""
        self.kill(node)
        self.ask("scontrol", "update", f"nodename={node}", "state=down", "reason=lost")
        self.start("slurmd", "-D", "-N", node)

    def kill(self, node: str | None = None) -> None:
        """All processes of one node, or of the cluster."""
        while left := self.processes(node):
            for process in left:
                with suppress(psutil.Error):
                    process.send_signal(signal.SIGKILL)
            psutil.wait_procs(left, timeout=5)


@contextmanager
def two_nodes(folder: Path) -> Iterator[Cluster]:
    """The cluster, its files in `folder`; nothing of it is left running."""
    cluster = Cluster(folder)
    with ExitStack() as probes:
        sockets = [probes.enter_context(socket.socket()) for _ in range(3)]
        for probe in sockets:
            probe.bind(("127.0.0.1", 0))
        ports = [probe.getsockname()[1] for probe in sockets]
    host, user = platform.node().partition(".")[0], psutil.Process().username()
    (folder / "slurm.conf").write_text(CONFIGURATION.format(folder=folder, ports=ports, host=host, user=user))
    (folder / "state").mkdir()
    key = folder / "munge.key"
    key.write_bytes(os.urandom(1024))
    key.chmod(0o600)
    files = {"key-file": key, "socket": folder / "munge.socket"}
    files |= {f"{name}-file": folder / f"munge.{name}" for name in ("pid", "log", "seed")}
    try:
        cluster.start("munged", "--foreground", "--force", *(f"--{key}={path}" for key, path in files.items()))
        wait_until((folder / "munge.socket").exists, 20)
        cluster.start("slurmctld", "-D")
        for node in NODES:
            cluster.start("slurmd", "-D", "-N", node)
        wait_until(lambda: cluster.ask("sinfo", "-h", "-o", "%D %t") == "2 idle", 30)
        yield cluster
    finally:
        cluster.kill()
