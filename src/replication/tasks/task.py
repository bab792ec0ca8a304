"""A task: metadata, readable without torch. Its code is in tasks/<name>/, under names that all tasks share:

recipe.py      the recipe of its runs
feed.py        make_batches(images, recipe, device, rank, ranks) → `Batches`
loss.py        loss(output of the net, truth) → `Loss`
               count_errors(net, batches, split) → `ErrorCount` of this process's part of a split, for the curve
evaluate.py    PROTOCOLS: by name, (net, batches) → `Outcome` of the test images
               COMPARED: by name, (outcomes of these) → `Outcome`, for protocols that compare others image by image
               OUTCOME: the class of outcomes that an ensemble averages
               evaluate_together(nets, batches) → outcomes by protocol of their ensemble, if `joins_seeds`
               measure_layers(net, batches) → a number a layer, if `measures_layers`
               measure_precision(images, outcomes) → points of curves, if `measures_precision`
               draw_examples(images, outcomes) → a PNG file, if `draws_examples`
net.py         make_head(recipe) → what puts the task's own layers on a net of the paper, if `has_own_net`
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import Literal

from replication.config.recipe import Recipe


@dataclass(frozen=True)
class Metric:
    """A number that a protocol measures. Every comparison reads its direction, `better`."""

    name: str  # as in scores.csv, "top1_error"
    label: str  # on the page, "top-1 error"
    unit: str = "%"
    better: Literal["lower", "higher"] = "lower"

    @property
    def sign(self) -> int:
        """1 if lower is better, -1 if higher is better: value times sign is larger for the worse net."""
        return 1 if self.better == "lower" else -1


TOP1 = Metric("top1_error", "top-1 error")
TOP5 = Metric("top5_error", "top-5 error")


@dataclass(frozen=True)
class Protocol:
    """A way to test a net, and its metrics."""

    name: str  # as in scores.csv, "ten_crop"
    label: str  # on the page, "10 crops"
    metrics: tuple[Metric, ...]
    not_for: frozenset[str] = frozenset()  # nets that it cannot test
    needs: str = ""  # role in `Recipe.starts` of the run whose net it uses


@dataclass(frozen=True)
class Task:
    """One line of experiments of the paper."""

    name: str  # "cifar": its section in params.yaml and profiles, its folders
    section: str  # of the paper, "4.2"; empty: the paper has no such task, and no run of it is exact
    label: str  # on the page, "CIFAR-10"
    datasets: tuple[str, ...]  # that a profile may name; the last is the paper's own
    recipe: type[Recipe]
    check_net: Callable[[str], object]  # raises UserError, with the nearest names, for an unknown net
    protocols: tuple[Protocol, ...]  # the first, a single view, is that of the curves
    headline: str  # the protocol of comparisons and main tables; its first metric is the task's error
    more_paper_data: tuple[str, ...] = ()  # of `datasets`; the paper's recipe of each is the profile of its name
    classes: tuple[str, ...] = ()  # of its own; empty: those of the images
    photographs: bool = False  # images have sizes of their own: they are rescaled and cropped (section 3.4)
    needs_boxes: bool = False  # images come with the boxes of their objects
    shares_images_of: str = ""  # the task whose prepared images it uses; empty: it has its own
    has_own_net: bool = False  # its layers on top of a net of the paper
    has_chance_level: bool = True  # False: its classes are too imbalanced
    measures_layers: bool = False  # the responses of the layers (Figure 7)
    measures_precision: bool = False  # precision-recall curves of the classes
    draws_examples: bool = False  # a picture of test images with the net's output
    averages_seeds: bool = False  # the ensemble of all seeds of a net is tested: the mean of their outcomes
    joins_seeds: bool = False  # the same, by nets that see each image together
    depth_net: str = ""  # the net that `depth` of params.yaml adds, "resnet-{depth}"
    curve_limit: float = 100.0  # error in percent at which the paper's figures of training curves end

    def code(self, part: str) -> ModuleType:
        """A module of its folder: "feed", "loss", "evaluate" or "net"."""
        return import_module(f"{self.package}.{part}")

    @property
    def package(self) -> str:
        """The package with its code."""
        return f"{__package__}.{self.name}"

    def paper_data(self, dataset: str) -> str:
        """The paper's own data set that runs on a data set are compared with: itself, if it is one."""
        return dataset if dataset in self.more_paper_data else self.datasets[-1]

    def class_names(self, of_images: Sequence[str]) -> list[str]:
        """The classes that its nets tell apart, from those of the images."""
        return list(self.classes or of_images)

    def protocol(self, name: str) -> Protocol:
        """The protocol of that name."""
        return next(protocol for protocol in self.protocols if protocol.name == name)

    @property
    def metric(self) -> Metric:
        """The metric of comparisons: the first of the headline protocol."""
        return self.protocol(self.headline).metrics[0]

    @property
    def curve_metric(self) -> Metric:
        """The test metric of training curves."""
        return self.protocols[0].metrics[0]

    @property
    def images_folder(self) -> str:
        """The folder of its prepared images, below data/."""
        return self.shares_images_of or self.name
