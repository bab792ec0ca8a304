"""The recipe: everything that determines a run besides the machine.

A profile (`pipeline/profiles/*.yaml`) holds the fields that all nets of a task share; net, seed and data complete
them to a `Recipe`. What the paper leaves open is a field here, with the reading that we took as its value in
`pipeline/profiles/paper.yaml`. Each field's description says where in the paper it stands.
"""

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from replication.config.validation import BadValue, Flag, Real, Section, Whole

# More than an upper bound below is a slip of the finger, 1e20 say.
MAX_COUNT = 10**9  # iterations, or images
Seed = Annotated[Whole, Field(ge=0, le=2**32 - 1)]  # what every generator takes


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
    momentum: Real = Field(ge=0, lt=1, description="momentum of SGD · 3.4, 4.2")
    nesterov: Flag = Field(description="Nesterov momentum · not said")
    rate_in_momentum: Flag = Field(False, description="the learning rate is inside the momentum · authors' README")
    weight_decay: Real = Field(ge=0, le=1, description="weight decay · 3.4, 4.2")
    weight_decay_scope: Literal["all", "weights"] = Field(
        description="weight decay on every parameter, or on convolution and fc weights only · not said"
    )

    @model_validator(mode="after")
    def _nesterov_has_momentum(self) -> "Optimiser":
        if self.nesterov and not self.momentum:
            raise BadValue("nesterov", "Nesterov needs momentum, which is 0; set nesterov to false")
        return self


class Plateau(Section):
    """Drop the rate where the training error no longer falls: the words of section 3.4, made exact.

    After each `window` iterations the mean training error of the window is compared with that of the one before it,
    unless a drop lies between. The test error decides nothing.
    """

    window: Whole = Field(gt=0, le=MAX_COUNT, description="iterations over which the error is averaged · not said")
    points: Real = Field(
        ge=-100, le=100, description="a fall of less than this is a plateau, points of training error · not said"
    )
    most: Whole = Field(gt=0, le=100, description="drops at most · not said")


class Schedule(Section):
    batch_size: Whole = Field(gt=0, le=100_000, description="images per iteration, over all devices · 3.4, 4.2")
    iterations: Whole = Field(gt=0, le=MAX_COUNT, description="iterations · 3.4, 4.2")
    learning_rate: Real = Field(gt=0, le=100, description="learning rate at the start · 3.4, 4.2")
    drops: tuple[Whole, ...] = Field(description="iterations at which the rate drops · Figure 4, 4.2")
    plateau: Plateau | None = Field(None, description="drops by the training error, with `drops` empty · 3.4")
    drop_factor: Real = Field(gt=0, lt=1, description="factor of each drop · 3.4, 4.2")

    @model_validator(mode="after")
    def _drops_in_order(self) -> "Schedule":
        if list(self.drops) != sorted(set(self.drops)) or any(not 0 < d < self.iterations for d in self.drops):
            raise BadValue(
                "drops", f"{list(self.drops)} must increase and lie between 0 and iterations ({self.iterations})"
            )
        if self.plateau and self.drops:
            raise BadValue("drops", "drops and plateau exclude each other; for plateau set drops to []")
        return self


class Warmup(Section):
    """A low rate until the net has begun to learn (section 4.2 and footnote 5)."""

    from_depth: Whole = Field(gt=0, le=MAX_COUNT, description="nets of this depth or more warm up · 4.2")
    learning_rate: Real = Field(gt=0, le=100, description="rate of the warm-up · 4.2")
    until_train_error_below: Real = Field(gt=0, lt=100, description="training error that ends the warm-up, % · 4.2")
    window: Whole = Field(gt=0, le=MAX_COUNT, description="iterations over which that error is averaged · not said")


class Logging(Section):
    """How finely the curve is recorded. It changes no weight, but the curve is part of a run."""

    log_every: Whole = Field(gt=0, le=MAX_COUNT)
    evaluate_every: Whole = Field(gt=0, le=MAX_COUNT)

    @model_validator(mode="after")
    def _evaluations_are_logged(self) -> "Logging":
        if self.evaluate_every % self.log_every:
            raise BadValue(
                "evaluate_every", f"{self.evaluate_every} must be a multiple of log_every ({self.log_every})"
            )
        return self


PUBLISHED = "published"  # among `starts`, in place of a task: weights that torchvision publishes


class Recipe(Section):
    """One run, but for the machine that it runs on: what the recipes of all tasks share (`replication.tasks`)."""

    task: str
    net: str
    variant: str = "default"  # of the profile that this run is
    seed: Seed
    weights_seed: Seed | None = None  # of initialisation; none: `seed`
    order_seed: Seed | None = None  # of data order and augmentation; none: `seed`
    data: Data
    # Tasks of the runs that it starts from, by role: runs of the same net and seed. None takes one of a profile away.
    starts: dict[str, str] = Field({}, max_length=0, description="runs that it starts from · C")
    started_from: dict[str, str] = Field({})  # the hashes of their recipes, by role
    train_images: Whole = Field(
        gt=0, le=MAX_COUNT, description="training images; the rest of the split is held out · 4.1, 4.2"
    )
    shortcut: Shortcut
    initialisation: Literal["fan_in", "fan_out"] = Field(
        description="He initialisation by fan-in or fan-out · not said"
    )
    bn_statistics: Literal["running", "recomputed"] = Field(
        description="test-time batch-norm statistics: running averages, or recomputed on training images · not said"
    )
    optimiser: Optimiser
    schedule: Schedule
    warmup: Warmup | None = None
    precision: Literal["fp32", "bf16"] = Field(description="arithmetic of convolutions · 2015's only choice was fp32")
    logging: Logging

    @field_validator("starts", mode="before")
    @classmethod
    def _without_none(cls, value: Any) -> Any:
        return {role: task for role, task in value.items() if task is not None} if isinstance(value, dict) else value

    @property
    def seeds(self) -> tuple[int, int]:
        """Of initialisation, and of data order and augmentation."""
        weights, order = self.weights_seed, self.order_seed
        return self.seed if weights is None else weights, self.seed if order is None else order

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


class SquareInputRecipe(Recipe):
    """A run whose net trains on square images of one size, with batch norm over groups of them."""

    input_size: Whole = Field(ge=4, le=4096, description="side of the input, pixels · 3.4, 4.2")
    bn_group: Whole = Field(
        gt=0, description="images per batch-norm statistic: the share of one GPU · 4.2 (two GPUs); authors' README (8)"
    )

    @model_validator(mode="after")
    def _groups_fill_the_batch(self) -> "SquareInputRecipe":
        if self.schedule.batch_size % self.bn_group:
            raise BadValue("bn_group", f"{self.bn_group} must divide schedule.batch_size ({self.schedule.batch_size})")
        return self

    def check_last_maps(self, side: int) -> None:
        """Refuse batch-norm statistics over one value each, in the last maps of `side` pixels; torch makes none.

        Raises:
            BadValue: `bn_group` is 1 and the last maps are 1x1.
        """
        if self.bn_group * side**2 < 2:
            raise BadValue("bn_group", f"{self.bn_group} must be 2 or more, as the last maps are {side}x{side}")
