"""The task `cifar`: section 4.2, plain and residual nets of 6n+2 layers on CIFAR-10."""

from typing import Literal

from pydantic import Field, model_validator

from replication.config.recipe import SquareInputRecipe, Warmup
from replication.config.validation import BadValue, Flag, Section, Whole
from replication.errors import UserError
from replication.nets.names import blocks_of_cifar


class PaddedCrop(Section):
    """Augmentation of small images (section 4.2): a crop of the padded image or of its mirror image."""

    pad: Whole = Field(ge=0, le=4096, description="zero padding on each side, pixels · 4.2")
    mirror: Flag = Field(description="random horizontal mirror · 4.2")
    zero: Literal["after_mean", "before_mean"] = Field(
        description="padding zeros are set before or after the mean is subtracted · not said"
    )


class CifarRecipe(SquareInputRecipe):
    """A run of section 4.2."""

    task: Literal["cifar"]
    block: Literal["two_layers", "bottleneck", "one_layer"] = Field(
        "two_layers", description="what a shortcut spans: two 3x3 layers, a bottleneck, or one 3x3 layer · 4.2"
    )
    augmentation: PaddedCrop
    warmup: Warmup
    test: Literal["single_view"] = Field(description="test on the single original view · 4.2")

    @model_validator(mode="after")
    def _maps_are_halved_twice(self) -> "CifarRecipe":
        if self.input_size % 4:
            raise BadValue("input_size", f"{self.input_size} must be a multiple of 4, as the maps are halved twice")
        if self.augmentation.pad > self.input_size:
            pad, size = self.augmentation.pad, self.input_size
            raise BadValue("augmentation.pad", f"{pad} is more than input_size ({size}), so a crop can miss the image")
        self.check_last_maps(self.input_size // 4)
        return self

    @model_validator(mode="after")
    def _blocks_fill_the_net(self) -> "CifarRecipe":
        try:
            blocks_of_cifar(self.net, self.block)
        except UserError as error:
            raise BadValue(error.key or "net", str(error).removesuffix(".")) from error
        return self

    @property
    def net_options(self) -> dict[str, str]:
        return super().net_options | {"block": self.block}
