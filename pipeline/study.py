"""Train the runs of params.yaml side by side: `make study JOBS=2`, which also does what comes before and after.

A net is trained, scored and analysed by one `dvc --wait-for-lock repro -s`, with its share of the cores and, where
there are GPUs, one GPU; what that prints is in .work/study/. Ctrl-C stops all; the same command continues.
"""

import os
import queue
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import torch

from pipeline import stage
from pipeline.params import WORK
from pipeline.plan import waves
from replication.errors import UserError

CORES, LOGS = os.cpu_count() or 1, WORK / "study"
GPUS = os.environ.get("CUDA_VISIBLE_DEVICES", ",".join(map(str, range(torch.cuda.device_count())))).split(",")


def main() -> None:
    jobs = stage.arguments(__doc__, jobs="trainings at a time").jobs
    if not jobs.isdecimal() or not 1 <= int(jobs) <= CORES:
        raise UserError(f"JOBS is {jobs!r}; it must be a number of trainings at a time, from 1 to {CORES}.")
    LOGS.mkdir(parents=True, exist_ok=True)
    listed = subprocess.run(["dvc", "stage", "list", "--name-only"], stdout=subprocess.PIPE, text=True).stdout
    nets = [name.removeprefix("train-") for name in listed.split() if name.startswith("train-")]
    stages = {net: [name for name in listed.split() if name.partition("-")[2] == net] for net in nets}
    slots: queue.Queue[dict[str, str]] = queue.Queue()
    for number in range(int(jobs)):
        gpu = {"CUDA_VISIBLE_DEVICES": GPUS[number % len(GPUS)]} if GPUS[0] else {}
        slots.put({"OMP_NUM_THREADS": str(CORES // int(jobs))} | gpu)
    with ThreadPoolExecutor(int(jobs)) as pool:
        try:
            ended = (pool.map(lambda net: trained(net, stages[net], slots), wave) for wave in waves(nets))
            failed = [net for of_wave in ended for net in of_wave if net]
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)  # those that run have had the Ctrl-C too, and are saving
            raise
    if failed:
        raise UserError(f"{len(failed)} of {len(nets)} trainings failed: {', '.join(failed)}; {LOGS} says why.")


def trained(net: str, stages: list[str], slots: "queue.Queue[dict[str, str]]") -> str | None:
    """Run the stages of a net in a free slot; its name, if one failed."""
    slot, start = slots.get(), time.monotonic()
    with (LOGS / f"{net.replace('/', '-')}.txt").open("w", encoding="utf-8") as log:
        command = ["dvc", "--wait-for-lock", "repro", "-s", *stages]
        failed = subprocess.run(command, env=os.environ | slot, stdout=log, stderr=log).returncode != 0
    slots.put(slot)
    print(f"{net}: {'failed' if failed else 'done'}, {time.monotonic() - start:.0f} s", flush=True)
    return net if failed else None


if __name__ == "__main__":
    stage.run(main)
