"""The recipe: everything that determines a run besides the machine.

A profile (`pipeline/profiles/*.yaml`) holds the fields that all nets of an arm share; net, seed and data complete
them to a `Recipe`. What the paper leaves open is a field here, with the reading that we took as its value in
`pipeline/profiles/paper.yaml`. Each field's description says where in the paper it stands.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from replication.errors import UserError


class Section(BaseModel):
    """A group of recipe fields: immutable, and an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(Section):
    """Which images a run saw; `pixels` is "official" where their digest is the known one, else what they are."""

    name: str = Field(description="data set · 4")
    pixels: str = Field(description="pixels · 4")
    fingerprint: str = Field(description="sha256 of pixels and labels, in order; its first 16 digits")

    @field_validator("fingerprint")
    @classmethod
    def _digits(cls, value: str) -> str:
        return value[:16]


class Shortcut(Section):
    """Option A in detail; it has no parameters either way."""

    subsample: Literal["stride", "average"] = Field(
        description="option A keeps every other pixel, or averages 2x2 · not said"
    )
    zero_channels: Literal["split", "end"] = Field(description="where option A puts the zero channels · not said")


class Optimiser(Section):
    momentum: float = Field(ge=0, lt=1, description="momentum of SGD · 3.4, 4.2")
    nesterov: bool = Field(description="Nesterov momentum · not said")
    weight_decay: float = Field(ge=0, description="weight decay · 3.4, 4.2")
    weight_decay_scope: Literal["all", "weights"] = Field(
        description="weight decay on every parameter, or on convolution and fc weights only · not said"
    )


class Plateau(Section):
    """Drop the rate where the training error no longer falls: the words of section 3.4, made exact.

    After each `window` iterations the mean training error of the window is compared with that of the one before it,
    unless a drop lies between. The test error decides nothing.
    """

    window: int = Field(gt=0, description="iterations over which the error is averaged · not said")
    points: float = Field(description="a fall of less than this is a plateau, points of training error · not said")
    most: int = Field(gt=0, description="drops at most · not said")


class Schedule(Section):
    batch_size: int = Field(gt=0, description="images per iteration, over all devices · 3.4, 4.2")
    iterations: int = Field(gt=0, description="iterations · 3.4, 4.2")
    learning_rate: float = Field(gt=0, description="learning rate at the start · 3.4, 4.2")
    drops: tuple[int, ...] = Field(description="iterations at which the rate drops · Figure 4, 4.2")
    plateau: Plateau | None = Field(None, description="drops by the training error, with `drops` empty · 3.4")
    drop_factor: float = Field(gt=0, lt=1, description="factor of each drop · 3.4, 4.2")

    @model_validator(mode="after")
    def _drops_in_order(self) -> "Schedule":
        if list(self.drops) != sorted(set(self.drops)) or any(not 0 < d < self.iterations for d in self.drops):
            raise ValueError(
                f"drops {list(self.drops)} must increase and lie between 0 and iterations ({self.iterations})"
            )
        if self.plateau and self.drops:
            raise ValueError("give either drops or plateau; for plateau set drops to []")
        return self


class Warmup(Section):
    """A low rate until the net has begun to learn (section 4.2 and footnote 5)."""

    from_depth: int = Field(gt=0, description="nets of this depth or more warm up · 4.2")
    learning_rate: float = Field(gt=0, description="rate of the warm-up · 4.2")
    until_train_error_below: float = Field(gt=0, lt=100, description="training error that ends the warm-up, % · 4.2")
    window: int = Field(gt=0, description="iterations over which that error is averaged · not said")


class Logging(Section):
    """How finely the curve is recorded. It changes no weight, but the curve is part of a run."""

    log_every: int = Field(gt=0)
    evaluate_every: int = Field(gt=0)

    @model_validator(mode="after")
    def _evaluations_are_logged(self) -> "Logging":
        if self.evaluate_every % self.log_every:
            raise ValueError(
                f"evaluate_every ({self.evaluate_every}) must be a multiple of log_every ({self.log_every})"
            )
        return self


class Recipe(Section):
    """One run, but for the machine that it runs on: what the recipes of all arms share (`replication.arms`)."""

    arm: str
    net: str
    variant: str = "default"  # of the profile that this run is
    seed: int = Field(ge=0)
    data: Data
    input_size: int = Field(ge=4, description="side of the input, pixels · 3.4, 4.2")
    train_images: int = Field(gt=0, description="training images; the rest of the split is held out · 4.1, 4.2")
    shortcut: Shortcut
    initialisation: Literal["fan_in", "fan_out"] = Field(
        description="He initialisation by fan-in or fan-out · not said"
    )
    bn_group: int = Field(
        gt=0, description="images per batch-norm statistic: the share of one GPU · 4.2 (two GPUs); authors' README (8)"
    )
    bn_statistics: Literal["running", "recomputed"] = Field(
        description="test-time batch-norm statistics: running averages, or recomputed on training images · not said"
    )
    optimiser: Optimiser
    schedule: Schedule
    warmup: Warmup | None = None
    precision: Literal["fp32", "bf16"] = Field(description="arithmetic of convolutions · 2015's only choice was fp32")
    logging: Logging

    @model_validator(mode="after")
    def _groups_fill_the_batch(self) -> "Recipe":
        if self.schedule.batch_size % self.bn_group:
            raise ValueError(f"bn_group ({self.bn_group}) must divide schedule.batch_size ({self.schedule.batch_size})")
        return self

    @property
    def net_options(self) -> dict[str, str]:
        """What `build` needs besides name, classes and seed."""
        return {"initialisation": self.initialisation, **self.shortcut.model_dump()}

    @property
    def values(self) -> dict[str, Any]:
        """The fields as plain values, those at their default left out."""
        return self.model_dump(mode="json", exclude_defaults=True)

    @property
    def hash(self) -> str:
        """sha256 of the fields, 16 hex digits: names the resume state, and a run in the tables of results.

        A field at its default is left out, so that a new option with a default leaves old runs what they were.
        """
        text = json.dumps(self.values, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def merged(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`values` with `changes` put over it, section by section."""
    result = dict(values)
    for key, change in changes.items():
        old = result.get(key)
        result[key] = merged(old, change) if isinstance(old, Mapping) and isinstance(change, Mapping) else change
    return result


def validate(model: type[BaseModel], values: Any, where: str) -> Any:
    """Build `model` from `values`.

    Raises:
        UserError: one sentence with `where` (a file), the key, what is wrong and the value found.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "(top level)"
        message = {"extra_forbidden": "no such key", "missing": "missing"}.get(first["type"], first["msg"])
        found = "" if isinstance(first["input"], dict) else f" (found: {first['input']!r})"
        raise UserError(f"{where}: {key}: {message.removeprefix('Value error, ')}{found}.") from error
