"""The complete state of a training, saved so that a killed run resumes bit for bit."""

import hashlib
import io
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from replication.config.recipe import Recipe
from replication.errors import UserError
from replication.files import classify_error, make_read_error, require_regular, write_durably
from replication.runs.curve import Point
from replication.runs.provenance import describe_device
from replication.tasks.batches import WEIGHTS, derived_seed
from replication.tasks.build import build_net

STATE, BEFORE = "state.pt", "state-before.pt"  # the last two; each a torch file, then its sha256 in 32 bytes


class NonFiniteLoss(UserError):
    """The loss or a weight became infinite or not a number."""

    def __init__(self, message: str, *, key: str | None = None, file: Path | None = None):
        super().__init__(message, kind="diverged", key=key, file=file)


@dataclass
class State:
    """A training at the end of an iteration. Batches need no state: they follow from seed and iteration."""

    net: nn.Module
    optimizer: torch.optim.SGD
    iteration: int = 0
    warmup_ended_at: int | None = None
    recent_wrong: list[int] = field(default_factory=list)  # of the warm-up's window
    dropped_at: list[int] = field(default_factory=list)  # where the rate dropped on a plateau
    window_wrong: list[Tensor] = field(default_factory=list)  # of the plateau's window
    window_error: float | None = None  # training error of the window before it, %
    losses: list[Tensor] = field(default_factory=list)  # since the last row of the curve
    wrong: list[Tensor] = field(default_factory=list)
    curve: list[Point] = field(default_factory=list)
    gradient_norms: dict[int, list[float]] = field(default_factory=dict)  # by iteration; of each convolution's weights
    seconds: float = 0.0
    # Of each start: iteration, threads, machine and code.
    history: list[dict[str, Any]] = field(default_factory=list)
    compiled: bool = False  # by torch.compile, from the first iteration on: eager kernels have other last bits
    mlflow_run_id: str | None = None
    recipe: str = ""  # the hash of the recipe that it is trained by
    code: str = ""  # digest of the code that trains it

    @classmethod
    def start(
        cls,
        recipe: Recipe,
        classes: int,
        device: torch.device,
        compiled: bool = False,
        origin: Mapping[str, Any] = MappingProxyType({}),
    ) -> "State":
        """A net with fresh weights and its optimiser; `origin` goes into its history."""
        net = build_net(recipe, classes, derived_seed(recipe.seeds[0], WEIGHTS))
        net = net.to(device, memory_format=torch.channels_last)
        start = {"iteration": 0, "threads": torch.get_num_threads(), "device": describe_device(device), **origin}
        return cls(
            net,
            _optimiser(net, recipe),
            history=[start],
            compiled=compiled,
            recipe=recipe.hash,
            code=origin.get("code", ""),
        )

    @property
    def starts(self) -> int:
        """How often it was started; 1: never interrupted."""
        return len(self.history)

    @property
    def threads(self) -> list[int]:
        """Threads of its starts, where they differ: another number gives other last bits."""
        return [threads for threads, _ in groupby(start["threads"] for start in self.history)]

    def save(self, folder: Path) -> None:
        """Write `folder`/state.pt, atomically and durably; keep the previous one.

        Raises:
            NonFiniteLoss: a weight is not finite; the good state is kept.
        """
        self.check_finite()
        if not all(bool(torch.isfinite(p).all()) for p in self.net.parameters()):
            raise NonFiniteLoss(f"a weight is not finite after iteration {self.iteration}")
        buffer = io.BytesIO()
        saved = {**vars(self), "net": self.net.state_dict(), "optimizer": self.optimizer.state_dict()}
        torch.save(saved | {"curve": [tuple(point) for point in self.curve]}, buffer)  # no class, to load weights only
        content = buffer.getvalue()
        write_durably(folder / STATE, content + hashlib.sha256(content).digest(), before=folder / BEFORE)

    def load(self, folder: Path, device: torch.device, iterations: int) -> bool:
        """Resume from `folder`/state.pt, or from the previous one if that is damaged; returns whether there was one.

        A training that other code finished, at `iterations`, is not resumed.

        Raises:
            UserError: all checkpoints are damaged, or the system refuses to read one.
        """
        saved = self._read_newest(folder, device)
        if saved is None:
            return False
        if saved.pop("code") != self.code:
            if saved["iteration"] >= iterations:
                _warn(f"{folder} was trained to its end by another code version; training starts again.")
                return False
            _warn(f"resuming {folder}, a checkpoint written by another code version.")
        self.net.load_state_dict(saved.pop("net"))
        self.optimizer.load_state_dict(saved.pop("optimizer"))
        saved["curve"] = [Point(*point) for point in saved["curve"]]
        if saved["iteration"] == 0:  # no kernel has run yet
            saved["compiled"] = self.compiled
        start = self.history[0] | {"iteration": saved["iteration"]}
        vars(self).update(saved)
        self._warn_of_other_bits(start)
        self.history.append(start)
        return True

    def _read_newest(self, folder: Path, device: torch.device) -> dict[str, Any] | None:
        """The newest state that is whole; None if none was saved. A damaged newest one is deleted.

        Raises:
            UserError: as `load`.
        """
        wrong = []
        for path in (folder / STATE, folder / BEFORE):
            try:
                saved = self._read(path, device)
            except FileNotFoundError:
                continue
            except Exception as error:  # a file from elsewhere can raise anything
                problem = f"{path} cannot be read ({type(error).__name__}: {error})".split("\n")[0]
                if isinstance(error, OSError) and classify_error(error) == "unreadable":
                    raise make_read_error(path, error, problem) from error
                if is_out_of_memory(error):
                    raise
                wrong.append(problem)
                continue
            if wrong:
                _warn(f"{wrong[0]}; resuming from {BEFORE}.")
                (folder / STATE).unlink()  # the next save would keep it as the previous one
            return saved
        if wrong:
            message = f"{'; '.join(wrong)}; delete {folder} to train this run from its start."
            raise UserError(message, kind="damaged", file=folder / STATE)
        return None

    def _warn_of_other_bits(self, start: dict[str, Any]) -> None:
        """Warn if this start computes on other threads or another device than the one before it."""
        threads, device = self.threads[-1], self.history[-1].get("device", start["device"])  # older states lack it
        differ = "its last bits will differ from those of an uninterrupted run."
        if start["threads"] != threads:
            _warn(
                f"this run was trained on {threads} threads and resumes on {start['threads']}: {differ} "
                "OMP_NUM_THREADS sets the number."
            )
        if start["device"] != device:
            _warn(f"this run was trained on {device} and resumes on {start['device']}: {differ}")

    def _read(self, path: Path, device: torch.device) -> dict[str, Any]:
        """Read the fields that `save` wrote.

        Raises:
            ValueError: the file was changed, or written by another code version.
        """
        content = require_regular(path).read_bytes()
        if hashlib.sha256(content[:-32]).digest() != content[-32:]:
            raise ValueError("its digest does not match its content")
        saved: dict[str, Any] = torch.load(io.BytesIO(content[:-32]), map_location=device, weights_only=True)
        if saved.keys() != vars(self).keys():
            raise ValueError("it was saved by another code version")
        if saved["recipe"] != self.recipe:
            raise ValueError("it belongs to another run")
        return saved

    def check_finite(self) -> None:
        """Raise NonFiniteLoss, naming the iteration, if a loss since the last row of the curve is not finite."""
        for back, loss in enumerate(torch.stack(self.losses).tolist() if self.losses else []):
            if not math.isfinite(loss):
                raise NonFiniteLoss(f"the loss is {loss} at iteration {self.iteration - len(self.losses) + back}")


def _warn(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr)


def is_out_of_memory(error: Exception) -> bool:
    """Whether memory ran out, of this process or of a GPU. For a CPU torch has no class of its own."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "DefaultCPUAllocator" in str(error)


def set_rate(optimizer: torch.optim.SGD, rate: float, in_momentum: bool = False) -> None:
    """Set the learning rate of the next step.

    Args:
        in_momentum: the rate is inside the momentum, u = m u + rate g, w = w - u, as in the authors' Caffe. With u =
            rate v it is the same step, except that v is rescaled when the rate changes.
    """
    for parameters in optimizer.param_groups:
        if in_momentum and parameters["lr"] != rate:
            for weight in parameters["params"]:
                if (velocity := optimizer.state[weight].get("momentum_buffer")) is not None:
                    velocity *= parameters["lr"] / rate
        parameters["lr"] = rate


def _optimiser(net: nn.Module, recipe: Recipe) -> torch.optim.SGD:
    """SGD with momentum, v = m v + g, w = w - rate v; the rate is set by the loop."""
    options = recipe.optimiser
    decayed = [p for p in net.parameters() if options.weight_decay_scope == "all" or p.ndim > 1]
    others = [p for p in net.parameters() if not any(p is d for d in decayed)]
    groups = [
        {"params": decayed, "weight_decay": options.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    return torch.optim.SGD(
        [g for g in groups if g["params"]], lr=0.0, momentum=options.momentum, nesterov=options.nesterov
    )
