"""Two ways to locate compared image by image: how often one alone is wrong.

The two counts give the difference of their errors and its standard error over images, which is what a bootstrap of
images gives, without random numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from replication.nets.boxes import RIGHT
from replication.tasks.localization import ALONE, PAIRS, PAIRS_OF_GUESSES, PAIRS_OF_REGIONS
from replication.tasks.localization.outcome import Located

Of = tuple[str, str]  # a protocol and a way


@dataclass(frozen=True)
class Pairs:
    """For each pair, whether the first and the second are wrong, each [N] bool."""

    wrong: Mapping[str, tuple[Tensor, Tensor]]

    @property
    def images(self) -> int:
        return len(next(iter(self.wrong.values()))[0])

    def value(self, metric: str) -> float:
        """`<pair>_first_alone_wrong` or `<pair>_second_alone_wrong`: percent of the images."""
        alone = next(alone for alone in ALONE if metric.endswith(alone))
        first, second = self.wrong[metric.removesuffix(f"_{alone}")]
        which = first & ~second if alone == ALONE[0] else second & ~first
        return 100 * which.double().mean().item()

    def tensors(self) -> dict[str, Tensor]:
        """Nothing: what they are made of is kept with the protocols."""
        return {}


def pairs(scores: Mapping[str, Located]) -> Pairs:
    """Those of the first step."""
    return _compared(scores, PAIRS)


def pairs_of_regions(scores: Mapping[str, Located]) -> Pairs:
    """Those of R-CNN and the boxes that it begins with."""
    return _compared(scores, PAIRS_OF_REGIONS)


def pairs_of_guesses(scores: Mapping[str, Located]) -> Pairs:
    """Likewise, for the guessed classes."""
    return _compared(scores, PAIRS_OF_GUESSES)


def _compared(scores: Mapping[str, Located], pairs: Mapping[str, tuple[Of, Of]]) -> Pairs:
    def wrong(protocol: str, way: str) -> Tensor:
        return scores[protocol].overlaps[way] < RIGHT

    return Pairs({name: (wrong(*first), wrong(*second)) for name, (first, second) in pairs.items()})
