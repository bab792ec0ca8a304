"""The paper's side experiments, told there in a sentence or a footnote without numbers, as variants of our nets.

More iterations (section 4.1, footnote 3), plain bottleneck nets (footnote 4), blocks of one layer (section 3.2).
"""

from replication.results.studies import Study
from replication.tasks.cifar import CIFAR
from replication.tasks.imagenet import IMAGENET
from replication.verdicts import rule
from replication.verdicts.claim import claim
from replication.verdicts.claims.section_4_1 import TEN_CROP
from replication.verdicts.claims.section_4_2 import ALIKE, TEST
from replication.verdicts.comparisons import TRAIN, Comparison, Measure, compare, weighed

LONGER, BOTTLENECK, ONE_LAYER = "three-times-longer", "bottleneck", "one-layer-blocks"
DEPTHS = (20, 56)  # at which blocks of one layer are tried


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
    """The deep net, trained longer, against the shallow one; and beside it both trained longer."""
    own = [compare(study, of, f"{deep}/{LONGER}", shallow, None) for of in (TRAIN, measure)]
    both = [compare(study, of, f"{deep}/{LONGER}", f"{shallow}/{LONGER}", None, "aside") for of in (TRAIN, measure)]
    return [*own, *(c for c in both if c.evidence)]


@claim(
    "K25",
    "Plain nets of bottlenecks degrade too.",
    task=CIFAR,
    needs=[f"plain-20/{BOTTLENECK}", f"plain-56/{BOTTLENECK}"],
)
def bottlenecks_degrade(study: Study) -> list[Comparison]:
    return [compare(study, of, f"plain-56/{BOTTLENECK}", f"plain-20/{BOTTLENECK}", None) for of in (TRAIN, TEST)]


@claim(
    "K26",
    "A residual block of one layer brings nothing.",
    task=CIFAR,
    needs=[*(f"plain-{d}" for d in DEPTHS), *(f"resnet-{d}/{ONE_LAYER}" for d in DEPTHS)],
)
def one_layer_brings_nothing(study: Study) -> list[Comparison]:
    """Its error is not below that of the plain net of its depth by more than what is alike."""
    return [_no_better(study, f"resnet-{depth}/{ONE_LAYER}", f"plain-{depth}") for depth in DEPTHS]


def _no_better(study: Study, residual: str, plain: str) -> Comparison:
    samples = {net: TEST.sample(study, net) for net in (residual, plain)}
    what = f"{residual} − {plain} above −{ALIKE:g}, {TEST.words}"
    return weighed(
        what, "no better", samples, lambda of: rule.difference([(1, of[residual]), (-1, of[plain])], above=-ALIKE)
    )
