"""The task `imagenet`: section 4.1, the nets of Table 1 on photographs."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from replication.config.recipe import SquareInputRecipe
from replication.config.validation import BadValue, Flag, Real, Section, Whole

Side = Annotated[Whole, Field(gt=0, le=10_000)]  # pixels


class RescaledCrop(Section):
    """Augmentation of photographs (section 3.4): rescaled at random, a crop or its mirror image, a colour shift.

    `shorter_side` counts pixels after rescaling; what matters is its ratio to the crop, which is `input_size`.
    """

    shorter_side: tuple[Side, Side] = Field(description="shorter side after rescaling, drawn from, pixels · 3.4")
    mirror: Flag = Field(description="random horizontal mirror · 3.4")
    colour: Real = Field(
        ge=0,
        le=10,
        description="standard deviation of the colour shift along each principal component · 3.4 (AlexNet's 0.1)",
    )

    @model_validator(mode="after")
    def _a_range(self) -> "RescaledCrop":
        if self.shorter_side[0] > self.shorter_side[1]:
            raise BadValue("shorter_side", f"{list(self.shorter_side)} must be [least, most]")
        return self


class Views(Section):
    """How photographs are tested (section 3.4)."""

    shorter_side: Side = Field(description="shorter side for the centre crop and the 10 crops · authors' README")
    scales: tuple[Side, ...] = Field(min_length=1, description="shorter sides of the fully convolutional test · 3.4")
    mirrored: Flag = Field(description="the fully convolutional test averages in mirror images · not said")


class ImagenetRecipe(SquareInputRecipe):
    """A run of section 4.1."""

    task: Literal["imagenet"]
    bottleneck_stride: Literal["1x1", "3x3"] = Field(
        description="layer of a bottleneck that halves the map · not said (Table 1's FLOPs show the first 1x1)"
    )
    max_pooling: Literal["padded", "rounded_up"] = Field(
        "padded", description="max pooling with padding, or rounded up without, as in the authors' Caffe · not said"
    )
    augmentation: RescaledCrop
    test: Views

    @model_validator(mode="after")
    def _crops_fit(self) -> "ImagenetRecipe":
        sides = {
            "augmentation.shorter_side": self.augmentation.shorter_side[0],
            "test.shorter_side": self.test.shorter_side,
            "test.scales": min(self.test.scales),
        }
        for key, side in sides.items():
            if side < self.input_size:
                raise BadValue(key, f"{side} pixels are less than the crop, input_size ({self.input_size})")
        if self.input_size < 32:
            raise BadValue("input_size", f"{self.input_size} must be 32 or more, as the maps are halved five times")
        self.check_last_maps(-(-self.input_size // 32))
        return self

    @property
    def net_options(self) -> dict[str, str]:
        pooling = {} if self.max_pooling == "padded" else {"max_pooling": self.max_pooling}
        return super().net_options | {"bottleneck_stride": self.bottleneck_stride} | pooling
