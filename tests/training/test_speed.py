"""What a training will take is told before it begins, and nothing but what leaves the recipe alone is chosen by it."""

import platform
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from errors import refused
from locating import made_up_store, rcnn_recipe_of, recipe_of

from replication.tasks.cifar.recipe import CifarRecipe
from replication.training.speed import (
    Outlook,
    choose_compilation,
    describe_outlook,
    find_compiler_fault,
    images_per_second,
    outlook,
)
from replication.training.state import State

Recipes = Callable[..., CifarRecipe]
CPU = torch.device("cpu")
LONG = {"schedule": {"iterations": 10**7, "drops": []}}


def test_a_short_training_is_not_measured(make_recipe: Recipes) -> None:
    assert outlook(make_recipe(), 4, CPU, 64) is None


def test_a_long_training_is_measured_in_both_precisions(
    make_recipe: Recipes, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = make_recipe(**LONG)
    assert choose_compilation("never", recipe, 4, CPU) is False
    said = capsys.readouterr().err
    assert "resnet-8 · seed 0" in said and "fp32" in said
    measured = outlook(recipe, 4, CPU, 10**7)
    assert measured.rates.keys() == {"fp32", "bf16"}
    assert measured.seconds == pytest.approx(16 * 10**7 / measured.rates["fp32"])


FAULTS = """
import resource, sys, torch
from replication.training.device import keep_memory

if sys.argv[1] == "kept":
    keep_memory()
count = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_minflt
fill = lambda: torch.full((16_000_000,), 1.0).sum().item()  # 64 MB
for _ in range(20):  # small tensors that lie between large ones keep the heap growing for a while
    fill()
before = count()
print(sum(fill() for _ in range(10)), count() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
@pytest.mark.slow
def test_memory_that_is_kept_is_not_filled_anew_and_numbers_stay() -> None:
    def run(argument: str) -> list[float]:
        done = subprocess.run([sys.executable, "-c", FAULTS, argument], capture_output=True, text=True, check=True)
        return [float(number) for number in done.stdout.split()]

    (usual_sum, faults), (same_sum, fewer) = run("given back"), run("kept")
    assert usual_sum == same_sum == 160_000_000
    assert 2 * fewer < faults


def test_images_of_a_wider_net_take_longer(make_recipe: Recipes) -> None:
    small, large = make_recipe(), make_recipe(net="resnet-56", input_size=32)
    assert images_per_second(small, 4, CPU, "fp32", 0.1) > 5 * images_per_second(large, 4, CPU, "fp32", 0.1)


@pytest.mark.parametrize(("bf16", "hint"), [(2.4, True), (1.05, False), (0.8, False)])
def test_another_precision_is_named_where_it_would_be_faster(make_recipe: Recipes, bf16: float, hint: bool) -> None:
    words = describe_outlook(Outlook({"fp32": 500.0, "bf16": 500.0 * bf16}, 7200.0, False), make_recipe(**LONG), False)
    assert all(part in words for part in ("2 hours", "fp32", "500 images/s"))
    assert ("2.4" in words and "-S '++cifar.override.precision=bf16'" in words) == hint


@pytest.mark.slow  # compiles a line
def test_kernels_are_compiled_where_a_long_run_repays_it_or_it_is_asked_for(make_recipe: Recipes) -> None:
    assert choose_compilation("auto", make_recipe(**LONG), 4, CPU)
    assert not choose_compilation("auto", make_recipe(), 4, CPU)
    assert choose_compilation("always", make_recipe(), 4, CPU)


def test_without_a_compiler_auto_does_without_and_always_says_what_is_missing(
    make_recipe: Recipes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    find_compiler_fault.cache_clear()
    assert not choose_compilation("auto", make_recipe(**LONG), 4, CPU)
    with refused("unavailable", "params.yaml", "auto", key="compile"):
        choose_compilation("always", make_recipe(), 4, CPU)
    find_compiler_fault.cache_clear()


@pytest.fixture
def broken_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A g++ that is found, but has no headers."""
    script = tmp_path / "g++"
    script.write_text("#!/bin/sh\necho 'fatal error: Python.h: No such file or directory' >&2\nexit 1\n")
    script.chmod(0o755)
    find_compiler_fault.cache_clear()
    with monkeypatch.context() as patched:
        patched.setenv("PATH", str(tmp_path))
        yield
    find_compiler_fault.cache_clear()


def test_a_compiler_that_does_not_work_does_not_stop_a_training(
    make_recipe: Recipes,
    fit: Callable[..., State],
    broken_compiler: None,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    long, recipe = make_recipe(**LONG), make_recipe(schedule={"iterations": 4, "drops": []})
    assert not choose_compilation("auto", long, 4, CPU)
    assert "warning: resnet-8" in capsys.readouterr().err
    with refused("unavailable", "params.yaml", "auto", key="compile"):
        choose_compilation("always", recipe, 4, CPU)
    eager = fit(recipe, tmp_path / "eager")
    assert fit(recipe, tmp_path / "was compiled", compiled=True).curve == eager.curve
    assert "last bits" in capsys.readouterr().err


def test_a_state_of_iteration_0_does_not_fix_the_kernels(
    make_recipe: Recipes, fit: Callable[..., State], broken_compiler: None, interrupted: Any, tmp_path: Path
) -> None:
    recipe = make_recipe(schedule={"iterations": 2, "drops": []})

    def kill() -> None:
        raise KeyboardInterrupt

    for at, is_fixed in ((0, False), (1, True)):
        with pytest.raises(KeyboardInterrupt):
            fit(recipe, tmp_path / str(at), interrupted(recipe, at, kill), save_seconds=0, compiled=True)
        assert fit(recipe, tmp_path / str(at)).compiled == is_fixed


def test_a_net_that_computes_its_blocks_again_is_not_compiled(make_recipe: Recipes) -> None:
    """dynamo refuses `checkpoint(context_fn=…)`: ResNet-1202 would end in a traceback at its first iteration."""
    assert not choose_compilation("auto", make_recipe(net="resnet-404", input_size=4, **LONG), 4, CPU)
    with refused("invalid", "resnet-404", "auto", key="compile"):
        choose_compilation("always", make_recipe(net="resnet-404", input_size=4), 4, CPU)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_net_that_answers_with_boxes_is_measured_too(precision: str) -> None:
    store = made_up_store([[[0, 0, 20, 20]]], side=32)
    for recipe in (recipe_of(store, input_size=32, shorter_side=32, scales=[32]), rcnn_recipe_of(store)):
        assert images_per_second(recipe, 3, CPU, precision, 0.05) > 0
