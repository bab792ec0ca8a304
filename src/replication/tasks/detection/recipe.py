"""The recipe of the task `detection`. Its defaults, in the profile `paper`, are those of the code of 2015.

Five of them differ from torchvision's Faster R-CNN: `sampling.inside`, `regions.pool`, `regions.background_from`,
`proposals.least_side` and `regions.beta`.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from replication.config.recipe import PUBLISHED, Recipe
from replication.config.validation import BadValue, Flag, Real, Section, Whole
from replication.errors import UserError
from replication.nets.names import COUNTERPARTS, EARLIER, check_imagenet
from replication.tasks.imagenet.recipe import Side
from replication.tasks.localization.recipe import Anchors

VGG = "vgg-16"  # what section 4.3 compares with
REFERENCE = 600  # the paper's shorter side, pixels, in which the scales of appendix B are given

Share = Annotated[Real, Field(gt=0, le=1)]
Count = Annotated[Whole, Field(gt=0, le=100_000)]


class Sampling(Section):
    """Which anchors of an image train the proposals."""

    anchors: Count = Field(description="anchors of an image that are trained on · not said")
    positive: Share = Field(description="share of positive ones among them, at most · not said")
    positive_from: Share = Field(description="overlap with an object from which an anchor is positive · not said")
    negative_below: Share = Field(description="overlap with all objects below which it is negative · not said")
    inside: Flag = Field(description="anchors that leave the image are not trained on · not said")

    @model_validator(mode="after")
    def _apart(self) -> "Sampling":
        if self.negative_below > self.positive_from:
            raise BadValue(
                "negative_below", f"{self.negative_below} must not be more than positive_from ({self.positive_from})"
            )
        return self


class Kept(Section):
    """How many proposals of an image are kept: the best ones, and of these what non-maximum suppression leaves."""

    before: Count = Field(description="proposals before non-maximum suppression · not said")
    after: Count = Field(description="proposals after it; of a test · A")


class Proposals(Section):
    """The boxes that the region proposal network hands on."""

    overlap: Share = Field(description="overlap with a better proposal from which one is dropped · not said")
    least_side: Real = Field(
        ge=0, le=10_000, description="proposals with a shorter side are dropped, pixels · not said"
    )
    training: Kept
    test: Kept


class Regions(Section):
    """The regions of an image that train the layers after pooling, and how they are pooled."""

    regions: Count = Field(description="regions of an image that are trained on · not said")
    positive: Share = Field(description="share of positive ones among them, at most · not said")
    positive_from: Share = Field(description="overlap with an object from which a region is positive · not said")
    background_from: Real = Field(
        ge=0,
        le=1,
        description="overlap with an object from which a region that is not positive is background · not said",
    )
    beta: Real = Field(gt=0, le=100, description="offset at which the smooth L1 loss becomes linear · not said")
    pool: Literal["max", "align"] = Field(description="RoI pooling by maximum, or RoIAlign · not said")
    size: Whole = Field(gt=0, le=64, description="side of a pooled region, places · not said")

    @model_validator(mode="after")
    def _apart(self) -> "Regions":
        if self.background_from >= self.positive_from:
            raise BadValue(
                "background_from", f"{self.background_from} must be less than positive_from ({self.positive_from})"
            )
        return self


class Scale(Section):
    """The size of an image: its shorter side has `shorter_side` pixels, unless its longer one had too many then."""

    shorter_side: Side = Field(description="shorter side after rescaling, pixels · B")
    longer_side: Side = Field(description="longer side after rescaling, at most, pixels · not said")

    @model_validator(mode="after")
    def _fits(self) -> "Scale":
        if not 32 <= self.shorter_side <= self.longer_side:
            raise BadValue("shorter_side", f"{self.shorter_side} must be from 32 to longer_side ({self.longer_side})")
        return self


class Augmentation(Scale):
    mirror: Flag = Field(description="random horizontal mirror · not said")


class Test(Scale):
    """How detections are chosen from the judged regions."""

    score_from: Real = Field(ge=0, lt=1, description="least score of a detection · not said")
    overlap: Share = Field(description="overlap with a better detection of its class from which one is dropped · B")
    most: Count = Field(description="detections of an image at most · not said")


class Improvements(Section):
    """Appendix B at test time: how a choice is made where the paper leaves one. It changes no weight."""

    refine: Literal["proposal", "class"] = Field(
        "proposal",
        description="boxes judged again: of the best class of a proposal, or of each probable one · not said",
    )
    vote_from: Share = Field(0.5, description="overlap with a detection from which boxes vote for its place · not said")
    # Both in pixels where test.shorter_side is 600, else in proportion.
    scales: tuple[Side, ...] = Field((200, 400, 600, 800, 1000), min_length=1, description="shorter sides · B")
    best_side: Side = Field(224, description="side of a region at its best scale · not said (SPPnet)")
    maxout: Literal["before", "after"] = Field(
        "after", description="maxout of two scales before the average pooling, or after it · not said"
    )

    @model_validator(mode="after")
    def _rising(self) -> "Improvements":
        if list(self.scales) != sorted(set(self.scales)):
            raise BadValue("scales", f"{list(self.scales)} must increase")
        return self


class DetectionRecipe(Recipe):
    """A run of section 4.3. With the role `backbone` in `starts` its first layers are those of a trained net: that of a
    run of the task `imagenet`, or torchvision's published weights.
    """

    task: Literal["detection"]
    starts: dict[Literal["backbone"], Literal["imagenet", "published"]] = Field(
        {}, description="runs that it starts from · A"
    )
    bottleneck_stride: Literal["1x1", "3x3"] = Field(
        description="layer of a bottleneck that halves the map · not said (Table 1's FLOPs show the first 1x1)"
    )
    maps: Literal["conv3", "conv4"] = Field(
        description="the last layers that regions share; the next stage judges each region · A"
    )
    frozen: Literal["none", "conv1", "conv2", "conv3", "conv4"] = Field(
        description="the last layers that are not trained · not said"
    )
    norm: Literal["fixed", "live"] = Field(description="batch norm: as in the net that it starts from, or trained · A")
    bn_group: Whole = Field(gt=0, description="images that are padded to one size and pass together · A (one a GPU)")
    bn_statistics: Literal["running"] = Field(description="test-time batch-norm statistics: running averages · A")
    anchors: Anchors
    sampling: Sampling
    proposals: Proposals
    regions: Regions
    context: Flag = Field(False, description="each region is judged with the features of the whole image · B")
    difficult: Flag = Field(description="objects marked as difficult are trained on · not said")
    augmentation: Augmentation
    test: Test
    improvements: Improvements = Improvements()

    @model_validator(mode="after")
    def _fits(self) -> "DetectionRecipe":
        if self.schedule.batch_size % self.bn_group:
            raise BadValue("bn_group", f"{self.bn_group} must divide schedule.batch_size ({self.schedule.batch_size})")
        if self.frozen > self.maps and self.frozen != "none":
            raise BadValue("frozen", f"{self.frozen} is not among the layers that regions share (up to {self.maps})")
        if self.net == VGG and (self.maps, self.regions.size) != ("conv4", 7):
            raise BadValue(
                "maps", f"{VGG} needs maps of a stride of 16 (conv4), and pooled regions of 7x7 (regions.size)"
            )
        if self.starts.get("backbone") == PUBLISHED:
            if self.net not in COUNTERPARTS:
                raise BadValue("starts", f"torchvision publishes no {self.net}, only {', '.join(COUNTERPARTS)}")
            if self.bottleneck_stride != "3x3":
                raise BadValue("bottleneck_stride", "must be 3x3, as in the published weights that the run starts from")
        if self.norm == "fixed" and not self.starts:
            raise BadValue("norm", "fixed batch norm needs the statistics of a backbone; set norm to live")
        return self

    @property
    def input_size(self) -> int:
        """The shorter side of a test image: what parameters and multiply-adds are counted at, on a square."""
        return self.test.shorter_side

    @property
    def net_options(self) -> dict[str, str]:
        return super().net_options | {"bottleneck_stride": self.bottleneck_stride}


def check_detection(net: str) -> None:
    """Refuse a name that is neither a net of Table 1 nor VGG-16.

    Raises:
        UserError: there is no such net, or it is another earlier system, on which no detector is built here.
    """
    if net in EARLIER and net != VGG:
        raise UserError(
            f"{net!r} cannot detect objects here. Choose {VGG} or a net of Table 1, such as resnet-101.",
            kind="unknown",
        )
    check_imagenet(net)
