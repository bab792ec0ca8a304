"""What the benchmarks share: this project's own training at work, by turns with others, here or in other processes."""

import io
import os
import re
import resource
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import conv2d

from replication.config.profiles import read_profile
from replication.config.recipe import MAX_COUNT, Recipe
from replication.config.validation import merge
from replication.data.annotations import Annotations, label_images
from replication.data.meta import Meta
from replication.data.store import Store
from replication.nets.complexity import complexity
from replication.nets.names import NETS
from replication.tasks import TASKS
from replication.tasks.cifar.feed import CifarBatches
from replication.training.device import choose_device
from replication.training.loop import iterate
from replication.training.processes import Processes
from replication.training.run import train_run
from replication.training.state import State

PROFILES = Path(__file__).parents[1] / "pipeline/profiles"
FORWARD_AND_BACKWARD = 3  # forward passes that a step costs
CPU = torch.device("cpu")
NO_CURVE = {"log_every": MAX_COUNT, "evaluate_every": MAX_COUNT}

Rate = Callable[[], float]  # works for a while; returns how much it did a second
Samples = dict[str, NDArray[np.float64]]


def by_turns(ways: Mapping[str, Rate], rounds: int) -> Samples:
    """Each way once a round, A B A B …, after one that does not count: what slows the machine slows all of them."""
    for way in ways.values():
        way()
    found = [[way() for way in ways.values()] for _ in range(rounds)]
    return dict(zip(ways, np.array(found).T, strict=True))


def paper_recipe(net: str, **changes: object) -> Recipe:
    """The recipe of the paper's profile for a net of either task, with `changes` put over it."""
    task = TASKS["imagenet" if net in NETS else "cifar"]
    return read_profile(PROFILES, "paper").recipe(task, net, override=changes)


def endless(net: str, **changes: object) -> Recipe:
    """The same, of a length that no benchmark comes to the end of, without a curve, and without warm-up, which waits
    for the device after each iteration.
    """
    length: dict[str, object] = {"schedule": {"iterations": MAX_COUNT}, "logging": NO_CURVE}
    if net not in NETS:
        length["warmup"] = {"from_depth": MAX_COUNT}
    return paper_recipe(net, **merge(length, changes))


def noise_images(recipe: Recipe, test_images: int = 100, classes: int = 10, side: int | None = None) -> Store:
    """Images of noise, as many as the recipe trains on, in memory."""
    random = torch.Generator().manual_seed(0)
    side = side or recipe.input_size

    def split(count: int) -> tuple[Tensor, Annotations]:
        images = torch.randint(0, 256, (count, 3, side, side), generator=random, dtype=torch.uint8)
        return images, label_images(np.arange(count) % classes)

    names = [str(number) for number in range(classes)]
    meta = Meta("noise", "made", "noise", names, recipe.train_images, test_images, side, "0" * 64)
    statistics = (torch.full((3, recipe.input_size, recipe.input_size), 127.5), torch.eye(3) / 12)
    return Store(meta, *split(recipe.train_images), *split(test_images), *statistics)


@dataclass(frozen=True)
class OneBatch:
    """One batch for all iterations, on the device: the step alone, without what makes batches."""

    recipe: Recipe
    device: torch.device
    classes: int
    images: Tensor
    labels: Tensor

    @classmethod
    def of(cls, recipe: Recipe, device: torch.device, classes: int = 1000) -> "OneBatch":
        size, random = recipe.input_size, torch.Generator().manual_seed(0)
        images = torch.randn(recipe.schedule.batch_size, 3, size, size, generator=random).to(device)
        labels = (torch.arange(len(images)) % classes).to(device)
        return cls(recipe, device, classes, images.contiguous(memory_format=torch.channels_last), labels)

    def training(self, iteration: int) -> tuple[Tensor, Tensor]:
        return self.images, self.labels


def training(
    batches: CifarBatches | OneBatch,
    iterations: int,
    compiled: bool = False,
    processes: Processes = Processes(),  # noqa: B008
    graphs: bool = False,
) -> Rate:
    """This project's loop: each call goes on for so many iterations, and returns images a second."""
    recipe, device = batches.recipe, batches.device
    state = State.start(recipe, batches.classes, device, compiled)
    rows = iterate(state, recipe, batches, processes, graphs)

    def rate() -> float:
        start = time.perf_counter()
        for _ in range(iterations):
            next(rows)
        state.losses[-1].item()  # waits for the device
        state.losses.clear(), state.wrong.clear()
        return iterations * recipe.schedule.batch_size / (time.perf_counter() - start)

    return rate


def whole_run(store: Store, recipe: Recipe, device: torch.device, compiled: bool = False) -> Rate:
    """Each call is a run as `train` makes it, with its curve, tests and files; it returns training images a second."""
    images = recipe.schedule.iterations * recipe.schedule.batch_size

    def rate() -> float:
        with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            start = time.perf_counter()
            train_run(Path(folder) / "run", recipe, store, device, Path(folder), compiled=compiled)
            return images / (time.perf_counter() - start)

    return rate


def matrix_product(dtype: torch.dtype, device: torch.device, side: int, count: int) -> Rate:
    """Each call multiplies square matrices `count` times; it returns operations a second, two a multiply-add.

    As 1x1 convolutions: so the library of the layers does it, which on an AMD EPYC is twice as fast as that of `@`.
    """
    maps, weights = torch.randn(1, side, side // 32, 32, device=device), torch.randn(side, side, 1, 1, device=device)
    maps, weights = (values.to(dtype, memory_format=torch.channels_last) for values in (maps, weights))

    def rate() -> float:
        start = time.perf_counter()
        for _ in range(count):
            product = conv2d(maps, weights)
        product[0, 0, 0, 0].item()  # waits for the device
        return count * 2 * side**3 / (time.perf_counter() - start)

    return rate


def step_flop(recipe: Recipe, classes: int) -> float:
    """Operations of a training step for one image, two a multiply-add."""
    return 2 * FORWARD_AND_BACKWARD * complexity(recipe.net, recipe.input_size, classes, **recipe.net_options).macs


@contextmanager
def processes_of(count: int, threads: int, together: bool = False) -> Iterator[list[ProcessPoolExecutor]]:
    """`count` fresh processes with so many threads each; `together` they train one net, as under torchrun."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    meeting = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    pools = []
    for rank in range(count):
        environment = meeting | {"RANK": str(rank), "LOCAL_RANK": str(rank)} if together else {}
        pools.append(ProcessPoolExecutor(1, get_context("spawn"), _begin, (threads, environment)))
    try:
        yield pools
        for end in [pool.submit(_end) for pool in pools]:
            end.result()
    finally:
        for pool in pools:
            pool.shutdown(cancel_futures=True)


def _begin(threads: int, environment: dict[str, str]) -> None:
    os.environ.update(environment)
    torch.set_num_threads(threads)


def _end() -> None:
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def in_all(pools: list[ProcessPoolExecutor], work: Callable, *arguments: object) -> list:
    """What `work` returns in each of some processes, which do it at once."""
    return [future.result() for future in [pool.submit(work, *arguments) for pool in pools]]


def most_memory() -> float:
    """GiB that this process had at most. Linux: not `ru_maxrss`, in which a child has what its parent had."""
    if (status := Path("/proc/self/status")).exists():
        line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**30


def losses(recipe: Recipe, device_name: str, count: int, graphs: bool = False) -> list[float]:
    """The loss of the first iterations of a training on noise, in this process and those that train with it."""
    device = choose_device(device_name)
    processes = Processes.under_torchrun(device)
    batches = CifarBatches(noise_images(recipe), recipe, device, processes.rank, processes.count)
    state = State.start(recipe, batches.classes, device)
    for _, _ in zip(range(count), iterate(state, recipe, batches, processes, graphs), strict=False):
        pass
    return torch.stack(state.losses[:count]).tolist()


def slug(processor: str, cores: int) -> str:
    """A processor as a file name: "Intel(R) Xeon(R) Processor @ 2.10GHz" and 2 give "intel-xeon-2.10ghz-2-cores"."""
    words = re.sub(r"\((r|tm)\)|\b(processor|cpu)\b|@", " ", processor.lower())
    return re.sub(r"[^a-z0-9.]+", "-", f"{words} {cores} cores").strip("-")
