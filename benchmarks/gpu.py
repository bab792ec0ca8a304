"""Whether all is right on a GPU, how fast it is there, and what the paper's profile would take: one run of ten minutes.

`python benchmarks/gpu.py` on a machine with CUDA, after `make` has installed `.venv`. It prints what was checked and
measured, and ends with 1 if a check failed. Images are noise, so that no data is needed, and what decoding photographs
takes is not in it: `benchmarks/decoding.py` measures that. `--tiny` runs all of it at sizes that a CPU does in seconds,
to see that it works; those figures mean nothing.

`--minutes N` trains section 4.2 for N minutes instead, and packs what it made; `benchmarks/slices.py` says what. It
needs the prepared images of the profile `paper` (`dvc repro check prepare@cifar`).

No GPU was there when this was written: which numbers to expect is not known.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # the project's root, as for its other programs

import numpy as np
import torch
from torch.nn.functional import conv2d
from torchvision.models import resnet50

from benchmarks.measure import (
    CPU,
    OneBatch,
    Rate,
    Samples,
    by_turns,
    endless,
    in_all,
    losses,
    matrix_product,
    most_memory,
    noise_images,
    paper_recipe,
    processes_of,
    step_flop,
    training,
    whole_run,
)
from benchmarks.slices import list_recipes, pack, read_cifar, train_slice
from benchmarks.usual import usual_recipe, usual_steps
from pipeline import stage
from pipeline.params import WORK
from replication.runs.provenance import provenance
from replication.tasks.cifar.feed import CifarBatches
from replication.training.device import choose_device
from replication.training.loop import iterate
from replication.training.speed import find_compiler_fault
from replication.training.state import State
from replication.words import format_duration

# Relative distance of the first loss, and of the four after it. ResNet-20 on one CPU in fp32, by other kernels or with
# other threads, was off by 1.7e-7 and 2.2e-4 at most; in bf16 by 1.0e-4 and 1.6e-3.
FIRST_LOSS, LATER_LOSS = 1e-5, 1e-3
CIFAR = ("resnet-20", "resnet-32", "resnet-44", "resnet-56", "resnet-110", "resnet-1202")
IMAGENET = ("resnet-18-A", "resnet-34-A", "resnet-50", "resnet-101", "resnet-152")


@dataclass(frozen=True)
class Size:
    """How much of it: of the paper's size, or tiny."""

    nets: tuple[str, ...]  # of CIFAR, against the usual recipe
    epoch: int  # iterations of a whole run
    test_images: int
    steps: int  # iterations at a time
    rounds: int
    side: int  # of the matrices
    photographs: int  # in a step of ResNet-50
    cifar: tuple[str, ...]  # what the profile `paper` would take
    imagenet: tuple[str, ...]
    workers: int  # of the usual recipe's DataLoader
    small: dict[str, object]  # put over the recipes of CIFAR
    small_imagenet: dict[str, object]


PAPER = Size(
    ("resnet-20", "resnet-56", "resnet-110"), 195, 5000, 20, 3, 8192, 64, CIFAR, IMAGENET, min(8, os.cpu_count() or 1),
    {}, {},
)  # fmt: skip
TINY = Size(
    ("resnet-8",), 2, 16, 1, 1, 128, 2, ("resnet-8",), ("resnet-18-A",), 0,
    {"bn_group": 8, "schedule": {"batch_size": 16}},
    {"input_size": 32, "bn_group": 2, "schedule": {"batch_size": 4}},
)  # fmt: skip


def checks(size: Size, device: torch.device) -> Iterator[tuple[str, bool, str]]:
    """What must be right: of each check its words, whether it holds, and what was found."""
    recipe = endless(size.nets[0], train_images=1000, **size.small)
    ours, cpu = losses(recipe, device.type, 5), losses(recipe, "cpu", 5)
    yield close("losses of five iterations are the CPU's", ours, cpu)
    exact, found = is_fp32(device)
    yield "fp32 is fp32, and not TF32", exact, found
    again = losses(recipe, device.type, 5)
    yield "the same seed gives the same losses, bit for bit", again == ours, f"{again[-1]:.6f} and {ours[-1]:.6f}"
    if device.type == "cuda":
        graphed = losses(recipe, device.type, 8, graphs=True)
        same = graphed == losses(recipe, device.type, 8)
        yield "CUDA graphs give the eager losses, bit for bit", same, f"after eight iterations {graphed[-1]:.6f}"
    whole, resumed = resuming(recipe, device)
    same = all(torch.equal(whole[key], resumed[key]) for key in whole)
    yield "a resumed training has the same weights, bit for bit", same, f"{len(whole)} tensors"
    gpus = torch.cuda.device_count() if device.type == "cuda" else 0
    together, words = (device.type, "GPUs by NCCL") if gpus > 1 else ("cpu", "processes of this CPU by gloo")
    with processes_of(2, 1, together=True) as pools:
        both = in_all(pools, losses, recipe, together, 5)
    alone = losses(recipe, together, 5)
    yield close(f"two {words} train as one does", both[0], alone)
    yield "both have the same losses", both[0] == both[1], f"{both[0][-1]:.6f} and {both[1][-1]:.6f}"


def close(words: str, ours: list[float], others: list[float]) -> tuple[str, bool, str]:
    """Whether losses agree as far as the tolerance says."""
    first, *later = (abs(our / other - 1) for our, other in zip(ours, others, strict=True))
    found = f"first off by {first:.1e} ({FIRST_LOSS:g} allowed), others by {max(later):.1e} ({LATER_LOSS:g} allowed)"
    return words, bool(first <= FIRST_LOSS and max(later) <= LATER_LOSS), found


def is_fp32(device: torch.device) -> tuple[bool, str]:
    """Whether products and convolutions of 1 + 2^-12 by 1 leave it; TF32, of ten bits, makes 1 of it."""
    value = 1 + 2**-12
    images = torch.full((8, 64, 16, 16), value, device=device)
    kernel = torch.zeros(64, 64, 3, 3, device=device)
    kernel[range(64), range(64), 1, 1] = 1
    found = [
        torch.full((256, 256), value, device=device) @ torch.eye(256, device=device),
        conv2d(images, kernel, padding=1),
        conv2d(images.contiguous(memory_format=torch.channels_last), kernel, padding=1),
    ]
    off = max((part - value).abs().max().item() for part in found)
    return off < 2**-14, f"off by {off:.1e} at most, where TF32 is by {value - 1:.1e}"


def resuming(recipe: object, device: torch.device) -> tuple[dict, dict]:
    """Weights after six iterations, and after three, a state on disk, and three more."""
    batches = CifarBatches(noise_images(recipe), recipe, device)

    def go_on(state: State, count: int) -> State:
        for _, _ in zip(range(count), iterate(state, recipe, batches), strict=False):
            pass
        return state

    whole = go_on(State.start(recipe, 10, device), 6)
    with tempfile.TemporaryDirectory() as folder:
        go_on(State.start(recipe, 10, device), 3).save(Path(folder))
        resumed = State.start(recipe, 10, device)
        resumed.load(Path(folder), device, recipe.schedule.iterations)
    return whole.net.state_dict(), go_on(resumed, 3).net.state_dict()


def as_torch_comes(way: Rate) -> Rate:
    """The usual loop as most run it: cuDNN may take TF32 for convolutions, and searches for the fastest kernel."""

    def rate() -> float:
        cudnn = torch.backends.cudnn
        before = cudnn.conv.fp32_precision, cudnn.deterministic, cudnn.benchmark
        cudnn.conv.fp32_precision, cudnn.deterministic, cudnn.benchmark = "tf32", False, True
        try:
            return way()
        finally:
            cudnn.conv.fp32_precision, cudnn.deterministic, cudnn.benchmark = before

    return rate


def whole_runs(net: str, size: Size, device: torch.device) -> Samples:
    """Runs as `train` makes them, against the usual recipe, with a test each."""
    iterations = size.epoch
    schedule = {**size.small.get("schedule", {}), "iterations": iterations, "drops": []}
    logging = {"log_every": iterations, "evaluate_every": iterations}
    changes = {**size.small, "schedule": schedule, "logging": logging}
    batch = endless(net, **changes).schedule.batch_size
    changes["train_images"] = batch * iterations
    store = noise_images(endless(net, **changes), size.test_images)
    train, test = (store.train_images, store.train_labels), (store.test_images, store.test_labels)
    usual = usual_recipe(int(net.partition("-")[2]), train, test, device, size.workers, batch)
    ways = {"usual recipe": usual, "usual recipe, TF32 allowed": as_torch_comes(usual)}
    for precision in ("fp32", "bf16"):
        ways[precision] = whole_run(store, endless(net, precision=precision, **changes), device)
    return by_turns(ways, size.rounds)


def steps(net: str, size: Size, device: torch.device) -> tuple[Samples, Samples, float]:
    """The loop alone on one batch, eager and compiled; peaks of matrix products; operations of a step for one image."""
    cifar, ways = net in size.nets, {}
    few = {"bn_group": size.photographs, "schedule": {"batch_size": size.photographs}}
    small, classes = (size.small, 10) if cifar else (size.small_imagenet | few, 1000)
    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        recipe = endless(net, precision=precision, **small)
        batch = OneBatch.of(recipe, device, classes)
        ways[precision] = training(batch, size.steps)
        if cifar and device.type == "cuda":
            ways[f"{precision}, CUDA graph"] = training(batch, size.steps, graphs=True)
        if (
            device.type == "cuda" and net == size.nets[0] and not find_compiler_fault("cuda")
        ):  # deeper ones take minutes to compile
            ways[f"{precision}, compiled"] = training(batch, size.steps, compiled=True)
        ways[f"peak {precision}"] = matrix_product(dtype, device, size.side, 10)
    if not cifar:
        theirs = usual_steps(resnet50().to(device), batch.images.contiguous(), batch.labels, size.steps)
        ways |= {"torchvision": theirs, "torchvision, TF32 allowed": as_torch_comes(theirs)}
    found = by_turns(ways, size.rounds)
    peaks = {name[5:]: found.pop(name) for name in list(found) if name.startswith("peak")}
    return found, peaks, step_flop(recipe, classes)


def told(samples: Samples, base: str, flop: float = 0, peaks: Samples | None = None) -> Iterator[str]:
    """Lines: images/s, how many times `base` with quartiles, and the share of the peak in that precision."""
    for name, rates in samples.items():
        low, ratio, high = np.percentile(rates / samples[base], (25, 50, 75))
        line = f"  {name:28}{np.median(rates):10,.0f} images/s   {ratio:6.2f} x ({low:.2f} to {high:.2f})"
        if peaks and name[:4] in peaks:
            line += f"   {100 * np.median(rates * flop / peaks[name[:4]]):4.0f} % of the {name[:4]} peak"
        yield line


def of_paper(size: Size, device: torch.device) -> Iterator[str]:
    """What each net of the profile `paper` would take, at the rate of its own recipe on one batch; and its memory."""
    for nets, classes, small in ((size.cifar, 10, size.small), (size.imagenet, 1000, size.small_imagenet)):
        for net in nets:
            recipe, schedule = endless(net, **small), paper_recipe(net).schedule
            if device.type == "cuda":
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
            try:
                rate = by_turns({net: training(OneBatch.of(recipe, device, classes), 2)}, size.rounds)[net]
            except torch.cuda.OutOfMemoryError:
                yield f"  {net:14} does not fit"
                continue
            most = torch.cuda.max_memory_allocated() / 2**30 if device.type == "cuda" else most_memory()
            seconds = schedule.iterations * schedule.batch_size / np.median(rate)
            words = format_duration(seconds)
            yield f"  {net:14}{np.median(rate):10,.0f} images/s   {words:>9}   {most:5.1f} GiB at most"


def train_minutes(options: argparse.Namespace) -> None:
    """Train runs until the time is up, and pack them."""
    images, device = read_cifar(), choose_device(options.device, WORK)
    recipes = list_recipes(options.profile, images, options.nets)
    for line in train_slice(recipes, images, device, 60 * options.minutes, options.folder):
        print(line, flush=True)
    runs = options.folder / "runs/cifar"
    done = len(list(runs.glob("*/seed-*/run.json")))
    print(f"{done} of {len(recipes)} runs are finished. {pack(options.folder)} has all of it: unpack it in a checkout,")
    print(f"type the same command to go on, or `python -m pipeline.join {runs}/*/seed-*` to add the finished runs.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tiny", action="store_true", help="on the CPU, in seconds; the figures mean nothing")
    parser.add_argument("--minutes", type=float, help="train section 4.2 for so long, and pack it")
    parser.add_argument("--folder", type=Path, default=Path("gpu-runs"), help="of the runs of --minutes")
    parser.add_argument("--profile", default="paper", help="of the runs of --minutes")
    parser.add_argument("--nets", nargs="+", help="of --minutes; none: those of Table 6")
    parser.add_argument("--device", default="cuda", help="of --minutes: cuda, mps or cpu")
    options = parser.parse_args()
    if options.minutes is not None:
        train_minutes(options)
        return
    size = TINY if options.tiny else PAPER
    device = CPU if size is TINY else choose_device("cuda")
    machine, versions = provenance(device)["machine"], provenance(device)["versions"]
    print(f"{machine['device']}, {machine['cpu']}, {machine['cores']} cores, torch {versions['torch']}", flush=True)
    print("\nChecks")
    failed = 0
    for words, holds, found in checks(size, device):
        failed += not holds
        print(f"  {'right' if holds else 'WRONG'}  {words}: {found}", flush=True)
    for net in size.nets:
        print(f"\n{net}, whole runs of {size.epoch} iterations and a test; cuDNN is set for all as `train` sets it")
        print(*told(whole_runs(net, size, device), "usual recipe"), sep="\n", flush=True)
    for net in (*size.nets, "resnet-50"):
        samples, peaks, flop = steps(net, size, device)
        print(f"\n{net}, the loop on one batch; peaks", end=" ")
        print(*(f"{name} {np.median(peak) / 1e12:.2f} TFLOP/s" for name, peak in peaks.items()), sep=", ")
        print(*told(samples, "fp32" if net in size.nets else "torchvision", flop, peaks), sep="\n", flush=True)
    print("\nThe profile paper, a net, in fp32 and eager, tests and decoding not counted; plain nets take as long")
    for line in of_paper(size, device):
        print(line, flush=True)
    print(f"\n{failed} checks failed." if failed else "\nAll checks hold.")
    sys.exit(failed > 0)


if __name__ == "__main__":
    stage.run(main)
