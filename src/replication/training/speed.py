"""Estimate how long a training takes on this machine, in either precision. Measuring takes two seconds.

fp32 is the paper's arithmetic. On some processors bf16 doubles the speed, on others it costs a fifth. It is measured
and printed, but not switched: precision is a field of the recipe. Compiled kernels (torch.compile) change the last
bits only, as another number of threads does: a run that is long enough to repay them may use them.
"""

import shutil
import sys
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from replication.config.recipe import Recipe
from replication.errors import UserError
from replication.nets.names import depth_of
from replication.runs.record import run_name
from replication.tasks.build import build_net, count_net
from replication.training.processes import is_under_torchrun

FORWARD_AND_BACKWARD = 3  # forward passes that a step costs
LONG = 2e13  # multiply-adds of a training from which on it is measured first: some five minutes of two cores
# A step of ResNet-20 in eager mode against the same compiled, by turns in one process: 1.01 to 1.28 in fp32, 1.00 to
# 1.11 in bf16; compiling it took 26 to 65 seconds the first time, 3 to 9 with the cache (AMD EPYC and Intel Xeon, 2
# cores).
GAIN = {"fp32": 1.15, "bf16": 1.05}
SECONDS_A_LAYER = 3


def choose_compilation(setting: str, recipe: Recipe, classes: int, device: torch.device) -> bool:
    """Choose whether a training compiles its kernels; print an estimate before a long one.

    Args:
        setting: `compile` of params.yaml; "auto" compiles on a CPU if the run is long enough to repay it, and the
            compiler works.

    Raises:
        UserError: "always", without a compiler that works.
    """
    if setting == "always" and runs_blocks_again(recipe, classes):
        raise UserError(
            f"params.yaml: compile: always cannot compile {recipe.net}: torch.compile refuses nets that recompute "
            "their blocks in the backward pass; set compile to auto.",
            key="compile",
        )
    if setting == "always" and (fault := find_compiler_fault(device.type)):
        raise UserError(
            f"params.yaml: compile: always needs a C++ compiler that works ({fault}); install one, or set compile to "
            "auto.",
            kind="unavailable",
            key="compile",
        )
    forecast = None if is_under_torchrun() else outlook(recipe, classes, device, recipe.schedule.iterations)
    compiled = setting == "always" or (setting == "auto" and bool(forecast and forecast.compiling_pays))
    if setting == "auto" and compiled and (fault := find_compiler_fault(device.type)):
        print(f"warning: {run_name(recipe)} trains without compiled kernels: {fault}", file=sys.stderr)
        compiled = False
    if forecast:
        print(f"{run_name(recipe)}: {describe_outlook(forecast, recipe, compiled)}", file=sys.stderr)
    return compiled


@dataclass(frozen=True)
class Outlook:
    """Images a second in each precision, in eager mode; seconds for all iterations; whether compiling pays."""

    rates: dict[str, float]
    seconds: float
    compiling_pays: bool


def outlook(recipe: Recipe, classes: int, device: torch.device, iterations: int) -> Outlook | None:
    """Measure how long `iterations` of a recipe take on `device`; None if they are few."""
    images = iterations * recipe.schedule.batch_size
    macs = _macs(recipe, classes)
    if FORWARD_AND_BACKWARD * macs * images < LONG:
        return None
    rates = {precision: images_per_second(recipe, classes, device, precision) for precision in GAIN}
    seconds = images / rates[recipe.precision]
    saved = seconds * (1 - 1 / GAIN[recipe.precision])
    worth_it = saved > 2 * SECONDS_A_LAYER * depth_of(recipe.net)
    pays = device.type == "cpu" and worth_it and has_compiler() and not runs_blocks_again(recipe, classes)
    return Outlook(rates, seconds, pays)


def images_per_second(
    recipe: Recipe, classes: int, device: torch.device, precision: str, seconds: float = 0.8
) -> float:
    """The speed of training steps on random images: the best step within `seconds`, after a warm-up step.

    A step takes a batch-norm group; on a CPU fewer images, as it is no slower with them.
    """
    short = int(max(2e9 / _macs(recipe, classes), 2))
    count = min(short, recipe.bn_group) if device.type == "cpu" else recipe.bn_group
    net = build_net(recipe, classes).to(device, memory_format=torch.channels_last).train()
    images = torch.randn(count, 3, recipe.input_size, recipe.input_size, device=device)
    images = images.contiguous(memory_format=torch.channels_last)
    labels = torch.zeros(count, dtype=torch.int64, device=device)
    steps: list[float] = []
    while len(steps) < 2 or sum(steps) < seconds:
        start = time.perf_counter()
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            loss = _some_loss(net(images), labels)
        net.zero_grad()
        loss.backward()
        loss.item()  # waits for the device
        steps.append(time.perf_counter() - start)
    return count / min(steps[1:])


def _some_loss(output: Any, labels: Tensor) -> Tensor:
    """A loss that depends on all weights; its value does not matter."""
    if isinstance(output, Tensor):
        return cross_entropy(output.float(), labels)
    return sum(values.square().mean() for values in output.tensors(labels[:, None]))


def describe_outlook(outlook: Outlook, recipe: Recipe, compiled: bool) -> str:
    """The estimate in words, with the setting that would be faster."""
    rate, other = outlook.rates[recipe.precision], "bf16" if recipe.precision == "fp32" else "fp32"
    faster = outlook.rates[other] / rate
    words = f"about {_duration(outlook.seconds)} on this machine in {recipe.precision}, at {rate:.0f} images/s"
    if faster > 1.1:
        key = f"{recipe.task}.override.precision={other}"
        words += f"; {other} would be {faster:.1f} times as fast (-S '++{key}', another recipe)"
    if compiled:
        words += "; kernels are compiled first, a minute or two, for up to 1.3 times the speed"
    return words


def runs_blocks_again(recipe: Recipe, classes: int) -> bool:
    """Whether a net recomputes the maps of its blocks, which torch.compile refuses (2.14)."""
    with torch.device("meta"):
        net = build_net(recipe, classes)
    return bool(getattr(net, "stage", 0))


def compile_net(net: nn.Module, device: torch.device) -> nn.Module:
    """The net with compiled kernels; the net itself, with a warning, where a resumed run finds no compiler."""
    if fault := find_compiler_fault(device.type):
        print(
            "warning: this run was trained with compiled kernels and resumes without: its last bits will differ from "
            f"those of an uninterrupted run ({fault}).",
            file=sys.stderr,
        )
        return net
    return torch.compile(net)


def has_compiler() -> bool:
    """Whether this machine has a C++ compiler for torch.compile, which may or may not work."""
    return any(map(shutil.which, ("g++", "clang++", "c++")))


@lru_cache
def find_compiler_fault(kind: str) -> str:
    """Why torch.compile does not work on a kind of device; empty: it works. Compiles a line, in 10 to 30 seconds.

    A compiler that is found may still lack headers or a linker.
    """
    if not has_compiler():
        return "there is no C++ compiler, such as g++"
    length = time.time_ns() % 10**6 + 2  # a new one each time, so that no kernel is taken from a cache
    weights = torch.ones(length, device=kind, requires_grad=True)
    try:
        torch.compile(lambda values: (2 * values).sin())(weights).sum().backward()
    except Exception as error:  # of dynamo, inductor, the compiler or the system
        lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
        return next((line for line in lines if "error:" in line), lines[0])
    return ""


def _macs(recipe: Recipe, classes: int) -> int:
    return count_net(recipe, classes).macs


def _duration(seconds: float) -> str:
    minutes = max(1, round(seconds / 60))
    return f"{minutes} minutes" if minutes < 120 else f"{minutes / 60:.0f} hours"
