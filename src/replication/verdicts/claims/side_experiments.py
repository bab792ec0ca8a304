"""The paper's side experiments, as variants of our nets. The paper mentions each in a sentence, without numbers.

More iterations (section 4.1, footnote 3), plain bottleneck nets (footnote 4), blocks of one layer (section 3.2).
"""

from replication.results.studies import Study
from replication.tasks.cifar import CIFAR
from replication.tasks.imagenet import IMAGENET
from replication.verdicts.claim import claim
from replication.verdicts.claims.section_4_1 import TEN_CROP
from replication.verdicts.claims.section_4_2 import ALIKE, TEST
from replication.verdicts.comparisons import TRAIN, Comparison, Measure, compare, compare_not_better

LONGER, BOTTLENECK, ONE_LAYER = "three-times-longer", "bottleneck", "one-layer-blocks"
DEPTHS = (20, 56)  # of the nets with blocks of one layer


@claim(
    "K24",
    "Three times the iterations do not remove degradation.",
    task=IMAGENET,
    needs=["plain-18", f"plain-34/{LONGER}"],
)
def longer_on_imagenet(study: Study) -> list[Comparison]:
    return _longer(study, TEN_CROP, "plain-34", "plain-18")


@claim(
    "K24",
    "Three times the iterations do not remove degradation.",
    task=CIFAR,
    needs=["plain-20", f"plain-56/{LONGER}"],
)
def longer_on_cifar(study: Study) -> list[Comparison]:
    return _longer(study, TEST, "plain-56", "plain-20")


def _longer(study: Study, measure: Measure, deep: str, shallow: str) -> list[Comparison]:
    """The deep net, trained longer, against the shallow one. Both trained longer are shown, and decide nothing."""
    deep_longer, shallow_longer, measures = f"{deep}/{LONGER}", f"{shallow}/{LONGER}", (TRAIN, measure)
    deciding = [compare(study, one, deep_longer, shallow, None) for one in measures]
    both_longer = [compare(study, one, deep_longer, shallow_longer, None, "aside") for one in measures]
    return [*deciding, *(c for c in both_longer if c.evidence)]


@claim(
    "K25",
    "Plain nets of bottlenecks degrade too.",
    task=CIFAR,
    needs=[f"plain-20/{BOTTLENECK}", f"plain-56/{BOTTLENECK}"],
)
def bottlenecks_degrade(study: Study) -> list[Comparison]:
    deep, shallow = f"plain-56/{BOTTLENECK}", f"plain-20/{BOTTLENECK}"
    return [compare(study, measure, deep, shallow, None) for measure in (TRAIN, TEST)]


@claim(
    "K26",
    "A residual block of one layer brings nothing.",
    task=CIFAR,
    needs=[*(f"plain-{d}" for d in DEPTHS), *(f"resnet-{d}/{ONE_LAYER}" for d in DEPTHS)],
)
def one_layer_brings_nothing(study: Study) -> list[Comparison]:
    """The residual net is not better than the plain net of its depth by more than `ALIKE`."""
    return [compare_not_better(study, TEST, f"resnet-{d}/{ONE_LAYER}", f"plain-{d}", ALIKE) for d in DEPTHS]
