"""The recipe of the task `rcnn`."""

from typing import Literal

from pydantic import Field, model_validator

from replication.config.recipe import Section, SquareInputRecipe
from replication.config.validation import BadValue, Whole
from replication.tasks.imagenet.recipe import RescaledCrop
from replication.tasks.localization.recipe import Share


class Regions(Section):
    """The boxes that a trained localization net proposes for a class, each cropped and warped to the input."""

    proposals: Whole = Field(gt=0, le=10_000, description="boxes that are proposed for a class of an image · C")
    positive: Share = Field(description="share of positive ones in a batch, where they are proposed · not said")
    positive_from: Share = Field(description="overlap with a true box from which a proposal is positive · not said")


class RcnnRecipe(SquareInputRecipe):
    """A run of R-CNN. It starts from a classifier (role `backbone`) and a localization net (role `proposals`)."""

    task: Literal["rcnn"]
    starts: dict[Literal["backbone", "proposals"], Literal["imagenet", "localization"]] = Field(
        {}, description="runs that it starts from · C"
    )
    bottleneck_stride: Literal["1x1", "3x3"] = Field(
        description="layer of a bottleneck that halves the map · not said (Table 1's FLOPs show the first 1x1)"
    )
    regions: Regions
    augmentation: RescaledCrop  # of its draws mirror and colour shift are used
    merged_from: Share = Field(
        description="boxes of the dense test that overlap the best one by this are averaged with it · not said"
    )

    @model_validator(mode="after")
    def _has_proposals(self) -> "RcnnRecipe":
        if self.starts.get("proposals") != "localization" or self.starts.get("backbone", "imagenet") != "imagenet":
            raise BadValue("starts", "must be {backbone: imagenet, proposals: localization}; backbone can be null")
        if self.input_size < 32:
            raise BadValue("input_size", f"{self.input_size} must be 32 or more")
        self.check_last_maps(-(-self.input_size // 32))
        return self

    @property
    def net_options(self) -> dict[str, str]:
        return super().net_options | {"bottleneck_stride": self.bottleneck_stride}
