"""Claims of the paper, tested on a study. A verdict follows from comparisons, and shows each of them."""

from dataclasses import dataclass
from typing import Literal

from replication.paper import Claim, claim
from replication.study import cifar_claims, imagenet_claims
from replication.study.comparisons import Comparison
from replication.study.fidelity import RANK
from replication.study.results import Study

Verdict = Literal["supported", "not supported", "cannot tell yet"]

TESTS = {"cifar": cifar_claims.TESTS, "imagenet": imagenet_claims.TESTS}


@dataclass(frozen=True)
class Tested:
    """A claim with its verdict in one study."""

    claim: Claim
    verdict: Verdict
    comparisons: tuple[Comparison, ...]
    missing: tuple[str, ...]  # nets that would have to be trained to tell
    fidelity: str  # of the runs it rests on; "exact" for arithmetic


def judge_claims(study: Study) -> list[Tested]:
    """The claims on the study's section that training curves, final errors and arithmetic can test."""
    there = set(study.runs["net"])
    tested = []
    for claim_id, (test, needed) in TESTS[study.arm].items():
        comparisons = tuple(test(study))
        used = study.runs[study.runs["net"].isin(needed)]["fidelity"]
        worst = max(used, key=RANK.__getitem__) if len(used) else study.fidelity
        missing = tuple(net for net in needed if net not in there)
        fidelity = worst if needed else "exact"
        tested.append(Tested(claim(claim_id), verdict(comparisons), comparisons, missing, fidelity))
    return tested


def verdict(comparisons: tuple[Comparison, ...]) -> Verdict:
    """Supported if every deciding comparison holds; not supported if one fails; else it cannot be told yet."""
    outcomes = {c.outcome for c in comparisons if c.deciding}
    if "fails" in outcomes:
        return "not supported"
    return "supported" if outcomes == {"holds"} else "cannot tell yet"
