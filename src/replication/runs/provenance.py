"""Commit, machine and versions of a run."""

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def provenance(device: "torch.device", code: Sequence[str] = ("src", "pipeline")) -> dict[str, Any]:
    """Commit, machine and versions of this process, for `run.json` and MLflow tags.

    Args:
        code: the folders in which a change since the commit makes it "dirty".
    """
    import torch
    from PIL import features

    changes = _git("status", "--porcelain", "--untracked-files=no", "--", *code)
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": _git("rev-parse", "HEAD") or "unknown",
        # DVC's own writes (params.yaml of an experiment, dvc.lock) are recorded by recipe and DVC, not by the commit.
        "dirty": changes != "",  # None, if git cannot tell
        "dvc_experiment": os.environ.get("DVC_EXP_NAME", ""),
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "cpu": describe_cpu(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "device": describe_device(device),
            "cpu_capability": torch.backends.cpu.get_cpu_capability(),  # the instructions that torch's kernels use
            "thread_pools": describe_thread_pools(),
        },
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in ("torch", "torchvision", "numpy", "pillow")}
        | {"jpeg": f"{features.version_feature('libjpeg_turbo') or features.version_codec('jpg')}"}
        | (_cuda_versions() if device.type == "cuda" else {}),
    }


def describe_device(device: "torch.device") -> str:
    """The model of a GPU, or the kind of another device."""
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def describe_thread_pools() -> list[str]:
    """The threaded libraries of torch and numpy, with versions. Other libraries are loaded only by some imports."""
    from threadpoolctl import threadpool_info

    pools = [pool for pool in threadpool_info() if any(name in pool["filepath"] for name in ("/torch/", "/numpy"))]
    return sorted({f"{pool['prefix']} {pool['version'] or ''}".strip() for pool in pools})


def _cuda_versions() -> dict[str, str]:
    import torch

    driver = Path("/proc/driver/nvidia/version")
    lines = driver.read_text(encoding="utf-8").splitlines() if driver.exists() else ["unknown"]
    return {"cuda": f"{torch.version.cuda}", "cudnn": f"{torch.backends.cudnn.version()}", "driver": lines[0]}


def to_columns(origin: Mapping[str, Any]) -> dict[str, str | None]:
    """A provenance as columns of runs.csv and tags of MLflow: threads, machine, torch, commit and date.

    The commit is cut to 12 digits; "+" means that code was changed since.
    """
    machine, threads = origin["machine"], origin["machine"].get("threads")
    return {
        "threads": None if threads is None else str(threads),
        "machine": f"{machine['cpu']}, {machine['cores']} cores, {machine['device']}",
        "torch": origin["versions"]["torch"],
        "commit": origin["commit"][:12] + ("+" if origin["dirty"] else ""),
        "date": origin["date"],
    }


def describe_start(origin: Mapping[str, Any], code: str) -> dict[str, Any]:
    """One start of a training, for the history of its record.

    Args:
        origin: as `provenance` gives it.
        code: digest of the code that trains.
    """
    machine = to_columns(origin)["machine"]
    return {"date": origin["date"], "commit": origin["commit"], "dirty": origin["dirty"], "code": code} | {
        "machine": machine,
        "torch": origin["versions"]["torch"],
    }


def _git(*arguments: str) -> str | None:
    # In a container the checkout often belongs to another user. git refuses to read it without this option.
    command = ["git", "-c", "safe.directory=*", *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def describe_cpu() -> str:
    """The name of the processor, on which the last bits of a training depend."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"
