"""Where and with what a run was made."""

import importlib.metadata
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def provenance(device: "torch.device") -> dict[str, Any]:
    """Commit, machine and versions of this process, for `run.json` and MLflow tags."""
    import torch

    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "commit": _git("rev-parse", "HEAD") or "unknown",
        # DVC's own writes (params.yaml of an experiment, dvc.lock) are recorded by recipe and DVC, not by the commit.
        "dirty": bool(_git("status", "--porcelain", "--untracked-files=no", "--", "src", "pipeline")),
        "dvc_experiment": os.environ.get("DVC_EXP_NAME", ""),
        "machine": {
            "system": f"{platform.system()} {platform.machine()}",
            "cpu": _cpu(),
            "cores": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        },
        "versions": {"python": platform.python_version()}
        | {name: importlib.metadata.version(name) for name in ("torch", "torchvision", "numpy")},
    }


def _git(*arguments: str) -> str:
    try:
        return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown"
