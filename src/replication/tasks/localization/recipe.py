"""The task `localization`: appendix C, a box around the object of an image, whose class is given or guessed."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from replication.config.recipe import SquareInputRecipe
from replication.config.validation import BadValue, Real, Section, Whole
from replication.errors import UserError
from replication.nets.names import EARLIER, STRIDES, check_imagenet
from replication.tasks.imagenet.recipe import RescaledCrop, Side, Views

Share = Annotated[Real, Field(gt=0, le=1)]


class Anchors(Section):
    """The boxes at each place of the maps from which the net's own are counted."""

    sides: tuple[Side, ...] = Field(min_length=1, max_length=20, description="square roots of areas, pixels · not said")
    ratios: tuple[Annotated[Real, Field(ge=0.01, le=100)], ...] = Field(
        min_length=1, max_length=20, description="height over width · not said"
    )


class Sampling(Section):
    """Which anchors of an image train the logistics; the offsets are trained on the positive ones among them."""

    anchors: Whole = Field(gt=0, le=10_000, description="anchors of an image that are trained on · C")
    positive: Share = Field(description="share of positive ones among them, at most · C")
    positive_from: Share = Field(description="overlap with a true box from which an anchor is positive · not said")
    negative_below: Share = Field(description="overlap with all of them below which it is negative · not said")

    @model_validator(mode="after")
    def _apart(self) -> "Sampling":
        if self.negative_below > self.positive_from:
            raise BadValue(
                "negative_below", f"{self.negative_below} must not be more than positive_from ({self.positive_from})"
            )
        return self


class LocalizationRecipe(SquareInputRecipe):
    """A run of appendix C. With the role `backbone` in `starts` its first layers are those of a trained net."""

    task: Literal["localization"]
    starts: dict[Literal["backbone"], Literal["imagenet"]] = Field({}, description="runs that it starts from · C")
    bottleneck_stride: Literal["1x1", "3x3"] = Field(
        description="layer of a bottleneck that halves the map · not said (Table 1's FLOPs show the first 1x1)"
    )
    maps: Literal["conv3", "conv4", "conv5"] = Field(description="the last layers of the net that are kept · not said")
    anchors: Anchors
    sampling: Sampling
    visible: Share = Field(description="share of a true box that a crop must show, or the box is left out · not said")
    augmentation: RescaledCrop
    test: Views
    merged_from: Share = Field(
        description="boxes of the dense test that overlap the best one by this are averaged with it · not said"
    )

    @model_validator(mode="after")
    def _crops_fit(self) -> "LocalizationRecipe":
        sides = {
            "augmentation.shorter_side": self.augmentation.shorter_side[0],
            "test.shorter_side": self.test.shorter_side,
        }
        for key, side in sides.items():
            if side < self.input_size:
                raise BadValue(key, f"{side} pixels are less than the crop, input_size ({self.input_size})")
        if self.input_size < 32:
            raise BadValue("input_size", f"{self.input_size} must be 32 or more")
        self.check_last_maps(-(-self.input_size // STRIDES[self.maps]))
        return self

    @property
    def net_options(self) -> dict[str, str]:
        return super().net_options | {"bottleneck_stride": self.bottleneck_stride}


def check_localization(net: str) -> None:
    """Refuse a name that is no net of Table 1.

    Raises:
        UserError: there is no such net; the sentence names those that there are.
    """
    if net in EARLIER:
        raise UserError(
            f"{net!r} cannot locate objects: it is no net of Table 1. Choose one, such as resnet-101.", kind="unknown"
        )
    check_imagenet(net)
