"""How fast this project is here, beside the usual way and beside what the machine can do: `make bench`.

Writes benchmarks/results/<machine>.csv, a measurement a row, and its figure beside it; both stand on the page. About 10
minutes on two idle cores; a minute and a half with `--quick`, which checks that all of it runs and writes elsewhere.
Images are noise. Expect 1.4 times the usual recipe end to end, 1.9 times with bf16 where a processor has it, and half
of the peak of matrix products in fp32.

Times are by the wall clock, so that the machine should do nothing else.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torchvision.models import resnet50

from benchmarks.measure import (
    CPU,
    OneBatch,
    Rate,
    Samples,
    by_turns,
    endless,
    in_all,
    matrix_product,
    most_memory,
    noise_images,
    processes_of,
    slug,
    step_flop,
    training,
    whole_run,
)
from benchmarks.usual import usual_recipe, usual_steps
from pipeline import stage
from replication.cost import memory
from replication.nets.by_name import build
from replication.report.benchmarks import BY_DEPTH, MEMORY, PERCENT, RATE, RATIO, Measurement, write_benchmarks
from replication.runs.provenance import provenance
from replication.tasks.cifar.feed import CifarBatches
from replication.tasks.classification import count_top1_errors
from replication.tasks.imagenet.evaluate import fully_convolutional, ten_crop
from replication.tasks.imagenet.feed import PhotographBatches
from replication.training.device import keep_memory
from replication.training.processes import Processes
from replication.training.speed import find_compiler_fault

RESULTS = Path("benchmarks/results")
THREADS = os.cpu_count() or 1
TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Size:
    """How long it is measured. An epoch here is a tenth of CIFAR-10's, with a tenth of its test."""

    net: str
    rounds: int
    epoch: int  # iterations of a whole run; a tenth of an epoch has 39
    test_images: int
    steps: int  # iterations at a time
    depths: tuple[int, ...]
    photographs: int  # of 224 pixels, in a step and in a test
    input_size: int
    side: int  # of the matrices


FULL = Size("resnet-20", 6, 39, 1000, 8, (20, 56, 110, 1202), 8, 224, 2048)
QUICK = Size("resnet-8", 2, 2, 100, 1, (8,), 2, 64, 512)


@dataclass(frozen=True)
class Found:
    """A case of a benchmark: what was measured, once or by turns."""

    benchmark: str
    case: str
    unit: str
    samples: np.ndarray
    threads: int = THREADS


def end_to_end(size: Size) -> Iterator[Found]:
    """A whole run as `train` makes it, with curve, test and files, against the usual recipe with its test.

    Kernels were compiled before: a long run compiles them once, and what that takes stands in `arithmetic`.
    """
    changes = {
        "train_images": 128 * size.epoch,
        "schedule": {"iterations": size.epoch, "drops": []},
        "logging": {"log_every": size.epoch, "evaluate_every": size.epoch},
    }
    store = noise_images(endless(size.net, **changes), size.test_images)
    train, test = (store.train_images, store.train_labels), (store.test_images, store.test_labels)
    ways: dict[str, Rate] = {"usual recipe": usual_recipe(int(size.net.partition("-")[2]), train, test, CPU)}
    for precision in TYPES:
        recipe = endless(size.net, precision=precision, **changes)
        ways[precision] = whole_run(store, recipe, CPU)
        if not find_compiler_fault("cpu"):
            ways[f"{precision}, compiled"] = whole_run(store, recipe, CPU, compiled=True)
    yield from rates_and_ratios(f"{size.net}, whole run", by_turns(ways, size.rounds), "usual recipe")


def arithmetic(size: Size) -> Iterator[Found]:
    """The loop alone: compiled against eager, bf16 against fp32, and the share of the peak of matrix products."""
    ways: dict[str, Rate] = {}
    name = f"{size.net}, loop"
    for precision, dtype in TYPES.items():
        recipe = endless(size.net, precision=precision, train_images=5000)
        batches = CifarBatches(noise_images(recipe), recipe, CPU)
        ways[precision] = training(batches, size.steps)
        ways[f"{precision}, peak"] = matrix_product(dtype, CPU, size.side, 4)
        if not find_compiler_fault("cpu"):
            compiled = ways[f"{precision}, compiled"] = training(batches, size.steps, compiled=True)
            start = time.perf_counter()
            compiled()
            seconds = time.perf_counter() - start
            yield Found(name, f"{precision}, first {size.steps} iterations compiled", "s", np.array([seconds]))
    found = by_turns(ways, size.rounds)
    peaks = {precision: found.pop(f"{precision}, peak") for precision in TYPES}
    yield from rates_and_ratios(name, found, "fp32", {"bf16, compiled": "bf16"})
    for case, samples in found.items():
        flop = samples * step_flop(recipe, 10)
        yield Found(name, f"{case}, share of the peak", PERCENT, 100 * flop / peaks[case[:4]])
    for precision, samples in peaks.items():
        yield Found("matrix product", precision, "GFLOP/s", samples / 1e9)


def allocation(size: Size) -> Iterator[Found]:
    """The loop in a process that keeps the memory that it frees, as a stage does, against one that gives it back."""
    with processes_of(2, THREADS) as pools:
        ways: dict[str, Rate] = {
            case: lambda pool=pool, keep=keep: in_all([pool], first_steps, size, keep)[0]
            for (case, keep), pool in zip({"given back": False, "kept": True}.items(), pools, strict=True)
        }
        yield from rates_and_ratios(f"{size.net}, memory", by_turns(ways, size.rounds), "given back")


def first_steps(size: Size, keep: bool) -> float:
    """In a process of its own: images/s of a training's first steps."""
    if keep:
        keep_memory()
    recipe = endless(size.net, train_images=500)
    return training(CifarBatches(noise_images(recipe), recipe, CPU), 2 * size.steps)()


def bottlenecks(size: Size) -> Iterator[Found]:
    """Steps of ResNet-50 against torchvision's net in the plain loop: one batch, so that nothing is decoded."""
    ways: dict[str, Rate] = {"peak": matrix_product(torch.float32, CPU, size.side, 4)}
    few = {"schedule": {"batch_size": size.photographs}, "bn_group": size.photographs, "input_size": size.input_size}
    for precision in TYPES:
        recipe = endless("resnet-50", precision=precision, **few)
        batch = OneBatch.of(recipe, CPU)
        ways[precision] = training(batch, 1)
    ways["torchvision"] = usual_steps(resnet50(), batch.images.contiguous(), batch.labels, 1)
    found = by_turns(ways, size.rounds)
    peak, name = found.pop("peak"), f"resnet-50 at {size.input_size}"
    yield from rates_and_ratios(name, found, "torchvision")
    yield Found(name, "fp32, share of the peak", PERCENT, 100 * found["fp32"] * step_flop(recipe, 1000) / peak)


def by_depth(size: Size) -> Iterator[Found]:
    """Images a second and most memory of a process that trains a net with a batch-norm group of 64 at a time."""
    for depth in size.depths:
        room = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        if memory(endless(f"resnet-{depth}"), 10) > room / 2:
            print(f"resnet-{depth} is left out: a group of 64 may need more than half of the memory here.")
            continue
        with processes_of(1, THREADS) as pools:
            samples, most = in_all(pools, deep, f"resnet-{depth}")[0]
        yield Found(BY_DEPTH, f"resnet-{depth}", RATE, samples)
        yield Found(BY_DEPTH, f"resnet-{depth}", MEMORY, np.array([most]))


def deep(net: str) -> tuple[np.ndarray, float]:
    """In a process of its own, which keeps its memory as a stage does: images/s, and GiB at most."""
    keep_memory()
    recipe = endless(net, schedule={"batch_size": 64}, train_images=500)
    work = training(CifarBatches(noise_images(recipe), recipe, CPU), 1)
    return by_turns({net: work}, 3)[net], most_memory()


def tests(size: Size) -> Iterator[Found]:
    """Test passes: single view of section 4.2; the 10 crops and the fully convolutional form of 3.4, at all scales."""
    ways: dict[str, Rate] = {}
    recipe = endless(size.net, train_images=100)
    store = noise_images(recipe, size.test_images)
    for precision in TYPES:
        batches = CifarBatches(store, recipe.model_copy(update={"precision": precision}), CPU)
        net = build(size.net).to(memory_format=torch.channels_last)
        ways[precision] = per_second(lambda n=net, b=batches: count_top1_errors(n, b, "test"), size.test_images)
    yield from rates_and_ratios(f"{size.net}, single view", by_turns(ways, size.rounds), "fp32")
    side, recipe = size.input_size, endless("resnet-50", train_images=4)
    test = {"shorter_side": side * 256 // 224, "scales": [side * scale // 224 for scale in recipe.test.scales]}
    recipe = endless("resnet-50", train_images=4, input_size=side, test=test)
    batches = PhotographBatches(noise_images(recipe, size.photographs // 2, 1000, side=256), recipe, CPU)
    net = build("resnet-50", 1000).to(memory_format=torch.channels_last)
    protocols = {"10 crops": ten_crop, "fully convolutional, 5 scales": fully_convolutional}
    ways = {
        name: per_second(lambda score=score: score(net, batches), size.photographs // 2)
        for name, score in protocols.items()
    }
    for case, samples in by_turns(ways, 2).items():
        yield Found(f"resnet-50 at {side}, test", case, RATE, samples)


def per_second(work: Callable[[], object], count: int) -> Rate:
    def rate() -> float:
        start = time.perf_counter()
        work()
        return count / (time.perf_counter() - start)

    return rate


def scaling(size: Size) -> Iterator[Found]:
    """One training with all threads, two side by side with half of them each, and one by two processes."""
    half, once = max(1, THREADS // 2), f"1 job of {THREADS} threads"
    with processes_of(1, THREADS) as one, processes_of(2, half) as two, processes_of(2, half, together=True) as joined:
        for pools in (one, two, joined):
            in_all(pools, prepare, size.net, size.steps)
        images = size.steps * 128
        ways = {
            once: per_second(lambda: in_all(one, go_on), images),
            f"2 jobs of {half}": per_second(lambda: in_all(two, go_on), 2 * images),
            f"2 processes of {half}": per_second(lambda: in_all(joined, go_on), images),
        }
        found = by_turns(ways, size.rounds)
    yield from rates_and_ratios(f"{size.net}, side by side", found, once)


_work: list[Rate] = []  # of a process of `scaling`


def prepare(net: str, steps: int) -> None:
    """In a process of its own: make ready to train, alone or together with others."""
    recipe, processes = endless(net, train_images=1000), Processes.under_torchrun(CPU)
    batches = CifarBatches(noise_images(recipe), recipe, CPU, processes.rank, processes.count)
    _work.append(training(batches, steps, processes=processes))


def go_on() -> None:
    """In that process: train some iterations more."""
    _work[0]()


def rates_and_ratios(
    benchmark: str, found: Samples, base: str, others: dict[str, str] | None = None
) -> Iterator[Found]:
    """Images a second of each way, and how many times as fast as `base`, or as another, it is in the same round."""
    for case, samples in found.items():
        yield Found(benchmark, case, RATE, samples)
    for case, samples in found.items():
        for over in dict.fromkeys((base, (others or {}).get(case, base))):
            if case != over:
                yield Found(benchmark, f"{case} / {over}", RATIO, samples / found[over])


BENCHMARKS = (end_to_end, arithmetic, allocation, bottlenecks, by_depth, tests, scaling)


def rows_of(found: Found, made: dict[str, object]) -> Measurement:
    """A row of the table: the median of what was measured, and its quartiles."""
    low, value, high = (float(f"{number:.4g}") for number in np.percentile(found.samples, (25, 50, 75)))
    return Measurement(
        benchmark=found.benchmark, case=found.case, unit=found.unit, value=value, low=low, high=high,
        n=len(found.samples), threads=found.threads, **made,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a check in a minute; its figures mean nothing")
    parser.add_argument("--out", type=Path, help=f"folder of the table; by default {RESULTS}, of --quick a new one")
    options = parser.parse_args()
    size = QUICK if options.quick else FULL
    torch.set_num_threads(THREADS)
    origin = provenance(CPU, code=("src", "pipeline", "benchmarks"))
    machine, changed = origin["machine"], "-dirty" if origin["dirty"] else ""
    made = {
        "date": origin["date"], "commit": origin["commit"][:7] + changed, "torch": origin["versions"]["torch"],
        "processor": machine["cpu"], "cores": THREADS,
    }  # fmt: skip
    if os.getloadavg()[0] > 0.5:
        print(f"This machine is at work on something else (load {os.getloadavg()[0]:.1f}): the figures will be worse.")
    rows = []
    with tempfile.TemporaryDirectory() as cache:  # so that compiling takes what it takes the first time
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache
        for benchmark in (arithmetic, *(b for b in BENCHMARKS if b is not arithmetic)):
            start = time.monotonic()
            for found in benchmark(size):
                row = rows_of(found, made)
                told = f"{row.value:10,.2f}  {row.low:10,.2f} to {row.high:10,.2f} {row.unit}"
                print(f"{row.benchmark:26} {row.case:38} {told}", flush=True)
                rows.append(row)
            print(f"  ({benchmark.__name__}: {time.monotonic() - start:.0f} s)\n", flush=True)
    folder = options.out or (Path(tempfile.mkdtemp(prefix="bench-")) if options.quick else RESULTS)
    path = folder / f"{slug(machine['cpu'], THREADS)}.csv"
    write_benchmarks(path, rows)
    print(f"{path}, and its figure beside it")


if __name__ == "__main__":
    stage.run(main)
