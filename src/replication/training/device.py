"""Choose the device and set it up so that equal runs have equal bits."""

import ctypes
import os
import sys
from pathlib import Path

import torch

from replication.errors import UserError
from replication.training.device_check import check_device

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of glibc's malloc.h


def choose_device(name: str, checked: Path | None = None) -> torch.device:
    """`auto` takes cuda, then mps, then cpu; and cpu, with a warning, if a GPU does not compute as the CPU does.

    Args:
        checked: folder that keeps which GPUs passed `check_device`; None: they are not checked.

    Raises:
        UserError: this machine lacks the device, or a GPU that is asked for by name does not pass.
    """
    chosen = _set_up(name)
    fault = check_device(chosen, checked) if checked and chosen.type != "cpu" else ""
    if not fault:
        return chosen
    if name == "auto":
        print(f"warning: the CPU is used, as {chosen.type} fails its check: {fault}", file=sys.stderr)
        return _set_up("cpu")
    raise UserError(
        f"params.yaml: device: {name} fails its check: {fault}; set it to cpu.", kind="unavailable", key="device"
    )


def _set_up(name: str) -> torch.device:
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(device for device in available if available[device])
    if not available[name]:
        raise UserError(
            f"params.yaml: device: this machine has no {name}; set it to auto or cpu.", kind="unavailable", key="device"
        )
    if name == "cpu":
        keep_memory()
    if name == "cuda":
        make_reproducible()
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))  # under torchrun, one GPU a process
    return torch.device(name)


def make_reproducible() -> None:
    """Set CUDA's libraries so that equal runs on one GPU model have equal bits, and fp32 in a recipe means fp32."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    os.environ.setdefault("NCCL_ALGO", "Ring")  # otherwise NCCL chooses by size and topology how to add
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    cudnn.deterministic = True
    # By default cuDNN uses TF32, with ten bits, for convolutions. The older switches come first: torch raises when one
    # is read that disagrees with the newer settings.
    cudnn.allow_tf32 = matmul.allow_tf32 = False
    cudnn.conv.fp32_precision = cudnn.rnn.fp32_precision = matmul.fp32_precision = "ieee"


def keep_memory() -> None:
    """Tell glibc not to return freed memory to the kernel; without glibc, do nothing.

    Otherwise the kernel fills the pages of each large tensor with zeros at every step, which takes a fifth to a quarter
    of a deep net's step on a CPU. No number changes. The process keeps its peak memory.
    """
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, -1)  # never
