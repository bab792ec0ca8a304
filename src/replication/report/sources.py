"""The source of a printed number: the attribute `data-source` of its place on the page, which verify.py reads.

Bars separate the parts of a source; docs/verify.md lists them.
"""

from collections.abc import Sequence

from replication.config.profiles import DEFAULT
from replication.results.studies import Study
from replication.verdicts.claim import Tested
from replication.verdicts.comparisons import Comparison


def score_source(
    keys: Sequence[str], study: Study, net: str, protocol: str, metric: str, variant: str = DEFAULT,
    seed: int | None = None,
) -> str:  # fmt: skip
    """Numbers made of scores, in the order in which they are printed.

    Args:
        keys: "mean", "std", "best" and "n" of the seeds; "complement", 100 - mean; "share", mean / 100; "members" of an
            ensemble; "over images", the mean of the metric's standard error.
        seed: of a run; None: all seeds.
    """
    number = [study.folder, net, variant, protocol, metric, *([] if seed is None else [str(seed)])]
    return "|".join(["scores", ", ".join(keys), *number])


def mean_keys(n: int, mean: str = "mean") -> list[str]:
    """The keys of `setups.mean_and_std` over n seeds."""
    return [mean, "std"] if n > 1 else [mean]


def claim_source(kind: str, study: Study, tested: Tested) -> str:
    """A verdict: "verdict", or "finding" on the first screen."""
    return f"{kind}|{tested.test.claim.id}|{study.folder}"


def comparison_source(study: Study, tested: Tested, comparison: Comparison, *keys: str) -> str:
    """Numbers of a comparison, "value", "low", "high" and "n"; or its "outcome". Nothing if it was not measured."""
    number = next(place for place, one in enumerate(tested.comparisons, start=1) if one is comparison)
    about = f"comparison|{tested.test.claim.id}|{study.folder}|{number}|{', '.join(keys)}"
    return about if comparison.evidence and comparison.n else ""
