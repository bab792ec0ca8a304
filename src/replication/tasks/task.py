"""What a task of the study is: one value, which everything else asks."""

from collections.abc import Callable
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any

from replication.config.recipe import Recipe


@dataclass(frozen=True)
class Metric:
    """A figure that a protocol gives, in percent: an error (less is better), or a precision (more is)."""

    name: str  # as in scores.csv, "top1_error"
    words: str  # on the page, "top-1 error"
    less_is_better: bool = True


TOP1 = Metric("top1_error", "top-1 error")
TOP5 = Metric("top5_error", "top-5 error")


@dataclass(frozen=True)
class Protocol:
    """A way to test a net, and the metrics that it gives.

    `score` names the function (net, batches) → `evaluation.scores.Scores`, or, `of_scores`, (scores of the protocols
    before it) → the same; `not_for` the nets that it cannot test.
    """

    name: str  # as in scores.csv, "ten_crop"
    words: str  # on the page, "10 crops"
    metrics: tuple[Metric, ...]
    score: str
    not_for: frozenset[str] = frozenset()
    guesses: bool = False  # it needs a net that guesses the class, the one that the net began with
    of_scores: bool = False  # it compares, image by image, what the protocols before it gave


@dataclass(frozen=True)
class Task:
    """One line of experiments of the paper.

    Feed, objective and protocols are named "package.module:function" and found when they are needed, so that records,
    params and profiles are read without torch, and a stage depends on no code of another.
    """

    name: str  # "cifar"; names its section in params.yaml and in the profiles, and its folders
    section: str  # of the paper, "4.2"
    words: str  # on the page, "CIFAR-10"
    datasets: tuple[str, ...]  # that a profile may name; the last is the paper's own
    recipe: type[Recipe]
    check_net: Callable[[str], object]  # raises UserError, with the nearest names, for a net that is not of this task
    feed: str  # (images, recipe, device, rank, ranks) → Batches
    objective: str  # (scores, truth) → sum of losses, number of wrong answers
    protocols: tuple[Protocol, ...]  # the first, a single view, is that of the curves
    headline: str  # the protocol of the task's comparisons and main tables; its first metric is the task's error
    watch: str = "replication.tasks.inference:wrong_top1"  # (net, batches, split) → wrong answers, for the curve
    boxes: bool = False  # images come with the boxes of their objects
    draw: str | None = None  # (images, scores) → PNG file of some test images, kept beside the scores
    propose: str | None = None  # (folder of a run of the first step, images, device) → what proposes boxes
    starts_from: str | None = None  # the task whose trained net, of the same name, its nets begin with
    photographs: bool = False  # images have sizes of their own: they are rescaled and cropped (section 3.4)
    of_depth: str | None = None  # the net that `depth` of params.yaml adds, "resnet-{depth}"
    cut: float = 100.0  # error in percent at which the paper's figures of training curves end
    second: "Task | None" = (
        None  # its second step, for the recipes that say so: another net, which works on what the first finds
    )

    def protocol(self, name: str) -> Protocol:
        """The protocol of that name."""
        return next(protocol for protocol in self.protocols if protocol.name == name)

    @property
    def all_protocols(self) -> tuple[Protocol, ...]:
        """Those of its second step too; a name that both have stands there twice, with the metrics of each."""
        return (*self.protocols, *(self.second.protocols if self.second else ()))

    @property
    def watched(self) -> str:
        """The column of a curve with the test error, "single_view_error": it is of the first protocol."""
        return f"{self.protocols[0].name}_error"

    @property
    def metric(self) -> Metric:
        """What the task's nets are compared by."""
        return self.protocol(self.headline).metrics[0]


def found(name: str) -> Any:
    """The function or class that a task names."""
    return resolve_name(name)
