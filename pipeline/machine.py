"""How many runs this machine trains or tests at a time, and on how many threads."""

import os
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.params import WORK, BaseParams
from pipeline.workers import CONTEXT, PRELOAD, Slots
from replication.config.recipe import Recipe
from replication.errors import UserError

if TYPE_CHECKING:
    import torch

MEMORY_INFO = Path("/proc/meminfo")  # of Linux
MEMORY_LIMIT, MEMORY_USED = Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")  # of a container
CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")  # microseconds of CPU time of a container, and the period that they are for


def slots(params: BaseParams, threads: int | None, jobs: int) -> Slots:
    """Choose how many jobs run at a time, with how many threads, on which GPUs.

    Args:
        threads: of each job on a CPU, if the profile fixes them; else OMP_NUM_THREADS, else a share of the cores.

    Raises:
        UserError: this machine lacks the device of params.yaml.
    """
    kind, gpus = _devices(params.device)
    if params.processes > 1:
        return Slots(1)
    if kind == "cuda":
        count = len(gpus) if params.jobs == "auto" else params.jobs
        return Slots(count, None, gpus)
    if kind == "mps":
        return Slots(1 if params.jobs == "auto" else params.jobs)
    first, *_ = os.environ.get("OMP_NUM_THREADS", "").split(",")  # "4,2": the second level is for nested regions
    threads = threads or (int(first) if first.strip().isdecimal() else 0)
    cores = usable_cores()
    count = min(jobs, max(1, cores // (threads or 1)) if params.jobs == "auto" else params.jobs)
    return Slots(count, threads or max(1, cores // count))


def usable_cores() -> int:
    """The cores that this process may use: a container or a Slurm job has fewer than the machine."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with suppress(OSError, ValueError):
        quota, period = map(float, CPU_QUOTA.read_text(encoding="utf-8").split())  # "max 100000": no quota
        cores = min(cores, max(1, int(quota / period)))
    return cores


def can_keep_maps(recipe: Recipe, classes: int, device: "torch.device") -> bool:
    """Whether a net that recomputes maps to save memory can keep them, as twice what they take is free."""
    from replication.cost import memory
    from replication.training.speed import runs_blocks_again

    if not runs_blocks_again(recipe, classes):
        return False
    return 2 * memory(recipe, classes, keeps_maps=True) < free_memory(device)


def free_memory(device: "torch.device") -> float:
    """GiB that a training can take: what is free on a GPU, or its share by threads of the CPU's; 0: not known."""
    import torch

    if device.type == "cuda":
        return torch.cuda.mem_get_info()[0] / 2**30
    free = 0.0
    with suppress(OSError, ValueError):
        lines = MEMORY_INFO.read_text(encoding="utf-8").splitlines()
        free = sum(float(line.split()[1]) for line in lines if line.startswith("MemAvailable")) / 2**20
    with suppress(OSError, ValueError):  # "max": no limit
        limit, used = (int(path.read_text(encoding="utf-8")) for path in (MEMORY_LIMIT, MEMORY_USED))
        free = min(free, (limit - used) / 2**30)
    return free * min(1, torch.get_num_threads() / usable_cores())  # as many trainings as there are cores for


def use_threads(threads: int | None) -> None:
    """Set the number of threads of this process; None: leave it as it is."""
    if threads:
        import torch

        torch.set_num_threads(threads)


def _devices(setting: str) -> tuple[str, tuple[str, ...]]:
    """The kind of device of params.yaml, and the numbers of its GPUs. A child process lists them: a server that has
    touched CUDA cannot fork workers that use it.
    """
    if setting == "cpu":
        return "cpu", ()
    CONTEXT.set_forkserver_preload(PRELOAD)
    reader, writer = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=_tell_devices, args=(setting, writer))
    process.start()
    writer.close()
    try:
        kind, visible = reader.recv()
    except EOFError as error:
        raise UserError(
            "the devices of this machine could not be listed; the reason is above. Set device to cpu to do without.",
            kind="unavailable",
            key="device",
        ) from error
    finally:
        process.join()
    return kind, visible


def _tell_devices(setting: str, writer: Connection) -> None:
    import torch

    from pipeline import stage
    from replication.training.device import choose_device

    def tell() -> None:
        kind = choose_device(setting, WORK).type
        count = torch.cuda.device_count() if kind == "cuda" else 0
        listed = os.environ.get("CUDA_VISIBLE_DEVICES") or ",".join(map(str, range(count)))
        writer.send((kind, tuple(listed.split(",")) if count else ()))

    stage.run(tell)
