"""Choose the device and set it up so that equal runs have equal bits."""

import ctypes
import os

import torch

from replication.errors import UserError

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of glibc's malloc.h


def choose_device(name: str) -> torch.device:
    """`auto` takes cuda, then mps, then cpu.

    Raises:
        UserError: this machine lacks the device.
    """
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
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.backends.cudnn.deterministic = True
        # fp32 in a recipe means fp32: by default cuDNN uses TF32, with ten bits, for convolutions.
        torch.backends.cudnn.conv.fp32_precision = torch.backends.cuda.matmul.fp32_precision = "ieee"
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))  # under torchrun, one GPU a process
    return torch.device(name)


def keep_memory() -> None:
    """Tell glibc not to return freed memory to the kernel; without glibc, do nothing.

    Otherwise the kernel fills the pages of each large tensor with zeros at every step, which takes a fifth to a quarter
    of a deep net's step on a CPU. No number changes. The process keeps its peak memory.
    """
    if mallopt := getattr(ctypes.CDLL(None), "mallopt", None):
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, -1)  # never
