"""Train as much of section 4.2 as fits into some minutes, and pack it: `python benchmarks/gpu.py --minutes N`.

The runs are those of a profile, `paper` say. Seeds come in turn, so that a part of the work is a part of each net. The
same command goes on where the last one stopped, also on another machine where the packed file was unpacked.
"""

import os
import shutil
import signal
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from pipeline.code import Sources, combine_digests, list_stage_code
from pipeline.machine import can_keep_maps
from pipeline.params import PROFILES
from pipeline.plan import DATA
from replication.config.profiles import read_profile
from replication.config.recipe import Recipe
from replication.data.index import read_images
from replication.data.store import Images
from replication.runs.folder import RECORD
from replication.runs.record import run_name
from replication.tasks import get_task
from replication.training.progress import Stopped
from replication.training.run import train_run

CIFAR = get_task("cifar")
# Table 6 and Figure 6: the nets of both ends first, then those between them.
NETS = [f"{kind}-{depth}" for depth in (20, 56, 32, 44) for kind in ("resnet", "plain")]
SEEDS, OF_1202 = range(5), 0  # the paper runs ResNet-110 five times


def list_recipes(profile: str, images: Images, nets: list[str] | None = None) -> list[Recipe]:
    """The recipes of section 4.2 in the order in which they are trained.

    Args:
        nets: one seed after the other of these; None: those of the paper, ResNet-1202 last.
    """
    profile = read_profile(PROFILES, profile)
    runs = [(net, seed) for seed in SEEDS for net in nets or [*NETS, "resnet-110"]]
    runs += [] if nets else [("resnet-1202", OF_1202)]
    return [profile.recipe(CIFAR, net, seed=seed, data=images.meta.identity) for net, seed in runs]


class Deadline:
    """The progress of a training, which is asked to stop at the first iteration after a moment."""

    def __init__(self, end: float):
        self.end = end  # of time.monotonic

    @property
    def value(self) -> float:
        return 0.0

    @value.setter
    def value(self, share: float) -> None:
        if time.monotonic() > self.end:
            os.kill(os.getpid(), signal.SIGTERM)


def train_slice(
    recipes: list[Recipe], images: Images, device: torch.device, seconds: float, folder: Path
) -> Iterator[str]:
    """Train runs one after the other until the time is up; yields a line for each run that was finished or stopped.

    Args:
        folder: gets runs/cifar/<net>/seed-<n>/ of finished runs, and work/<recipe hash>/ of the one that was stopped.
    """
    code = combine_digests(Sources().digests_of(list_stage_code()[f"train-{CIFAR.name}"]))
    deadline = time.monotonic() + seconds
    for recipe in recipes:
        target = folder / "runs" / CIFAR.name / recipe.net / f"seed-{recipe.seed}"
        if (target / RECORD).exists():
            shutil.rmtree(folder / "work" / recipe.hash, ignore_errors=True)  # a killed process left it
            continue
        try:
            record = train_run(
                target,
                recipe,
                images,
                device,
                folder / "work",
                code=code,
                progress=Deadline(deadline),
                keeps_maps=can_keep_maps(recipe, len(images.meta.classes), device),
            )
        except Stopped as stopped:  # the time is up, or somebody typed Ctrl-C
            yield str(stopped)
            break
        shutil.rmtree(folder / "work" / recipe.hash)
        yield f"{run_name(recipe)}: {record.seconds / 60:.1f} min, {record.images_per_second:,.0f} images/s"


def pack(folder: Path) -> Path:
    """Pack what `train_slice` made into <folder>.tar: finished runs, and the resume state of the one that is not."""
    packed = folder.with_suffix(".tar")
    unfinished = packed.with_suffix(".unfinished")
    with tarfile.open(unfinished, "w") as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "lock"):
            archive.add(path, path.relative_to(folder.parent))
    unfinished.replace(packed)
    return packed


def read_cifar() -> Images:
    """The prepared images of section 4.2.

    Raises:
        UserError: they are missing or damaged.
    """
    return read_images(DATA / CIFAR.images_folder, DATA)
