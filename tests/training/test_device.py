"""The device of a training: its settings, and the check before it is used."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from errors import refused
from pretended_cuda import on_device, pretended_cuda

from replication.training.device import choose_device

SETTINGS = """
import json, os, torch
from replication.training.device import make_reproducible
make_reproducible()
cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
print(json.dumps([cudnn.allow_tf32, matmul.allow_tf32, cudnn.deterministic, cudnn.conv.fp32_precision,
                  matmul.fp32_precision, os.environ["NCCL_ALGO"]]))
with cudnn.flags(enabled=False):  # reads and restores all settings
    pass
assert not cudnn.allow_tf32
"""


def test_fp32_is_fp32_on_cuda_and_every_switch_can_be_read_afterwards() -> None:
    done = subprocess.run([sys.executable, "-c", SETTINGS], capture_output=True, text=True, env=os.environ, check=True)
    assert json.loads(done.stdout) == [False, False, True, "ieee", "ieee", "Ring"]


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine with a pretended CUDA device."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", lambda _: None)
    monkeypatch.setattr(torch.backends.cudnn, "version", lambda: 92400)
    monkeypatch.setattr("replication.training.device.make_reproducible", lambda: None)
    with pretended_cuda():
        yield


def halve_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plant a fault: batch norm on the device gives right values, and half of their gradient."""
    right = torch.nn.functional.batch_norm

    def wrong(images: torch.Tensor, *arguments: Any, **options: Any) -> torch.Tensor:
        output = right(images, *arguments, **options)
        return output + (output.detach() - output) / 2 if on_device(images) else output

    monkeypatch.setattr(torch.nn.functional, "batch_norm", wrong)


def lose_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plant a fault: a sum on the device is not a number."""
    right = torch.nn.functional.linear

    def wrong(values: torch.Tensor, *arguments: Any) -> torch.Tensor:
        return right(values * torch.nan if on_device(values) else values, *arguments)

    monkeypatch.setattr(torch.nn.functional, "linear", wrong)


def refuse_to_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plant a fault: the library has no kernels for this GPU."""
    right = torch.nn.functional.linear

    def fail(values: torch.Tensor, *arguments: Any) -> torch.Tensor:
        if on_device(values):
            raise RuntimeError("no kernel image is available for execution on the device")
        return right(values, *arguments)

    monkeypatch.setattr(torch.nn.functional, "linear", fail)


def test_a_device_that_computes_as_the_cpu_does_is_checked_once(
    gpu: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert choose_device("auto", tmp_path).type == "cuda"
    refuse_to_compute(monkeypatch)
    assert choose_device("auto", tmp_path).type == "cuda", "not checked again"
    monkeypatch.setattr(torch, "__version__", "2.99")
    assert choose_device("auto", tmp_path).type == "cpu", "checked again with another version"


@pytest.mark.parametrize("plant", [halve_gradients, lose_numbers, refuse_to_compute])
def test_a_device_that_computes_otherwise_is_not_used(
    gpu: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    plant: Callable[[pytest.MonkeyPatch], None],
) -> None:
    plant(monkeypatch)
    for _ in range(2):  # the second time too: what fails is not remembered
        assert choose_device("auto", tmp_path).type == "cpu"
        assert capsys.readouterr().err.count("warning") == 1
    with refused("unavailable") as error:
        choose_device("cuda", tmp_path)
    assert error.value.key == "device"
