"""What a claim is, and how its verdict is made."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from replication import paper
from replication.arms import Arm
from replication.study.comparisons import Comparison
from replication.study.fidelity import RANK
from replication.study.studies import Study

Verdict = Literal["supported", "not supported", "cannot tell yet"]
Role = Literal["degradation", "cure", "gain"]  # in the sentence that sums up a study; its first comparison is told

Compare = Callable[[Study], list[Comparison]]


@dataclass(frozen=True)
class Test:
    """How a claim is tested on the studies of an arm."""

    claim: paper.Claim
    title: str  # of its card
    arm: Arm
    needs: tuple[str, ...]  # nets that must have been trained; none: it is counted on the built nets
    role: Role | None
    compare: Compare


@dataclass(frozen=True)
class Tested:
    """A claim with its verdict in one study."""

    test: Test
    verdict: Verdict
    comparisons: tuple[Comparison, ...]
    missing: tuple[str, ...]  # nets that would have to be trained to tell
    fidelity: str  # of the runs it rests on; "exact" for arithmetic


_tests: list[Test] = []


def claim(
    claim_id: str, title: str, *, arm: Arm, needs: Sequence[str] = (), role: Role | None = None
) -> Callable[[Compare], Compare]:
    """Make a function from a study to comparisons the test of a claim of paper.yaml.

    Raises:
        ValueError: it has no title, or the arm tests the claim already.
        KeyError: the paper has no such claim.
    """
    if not title.strip():
        raise ValueError(f"claim {claim_id} needs a title")
    if any((test.claim.id, test.arm) == (claim_id, arm) for test in _tests):
        raise ValueError(f"claim {claim_id} has a test of the arm {arm.name} already")
    of_paper = paper.claim(claim_id)

    def register(compare: Compare) -> Compare:
        _tests.append(Test(of_paper, title, arm, tuple(needs), role, compare))
        return compare

    return register


def tests_of(arm: Arm) -> list[Test]:
    """The tests of an arm's claims, in the order of their file."""
    return [test for test in _tests if test.arm == arm]


def judge(test: Test, study: Study) -> Tested:
    """A claim's verdict in a study; its fidelity is the worst of the runs that it needs."""
    comparisons = tuple(test.compare(study))
    used = [fidelity for net in test.needs for fidelity in study.runs_of(net)["fidelity"]]
    worst = max(used, key=RANK.__getitem__) if used else study.fidelity
    missing = tuple(net for net in test.needs if net not in study.nets)
    return Tested(test, verdict(comparisons), comparisons, missing, worst if test.needs else "exact")


def verdict(comparisons: Sequence[Comparison]) -> Verdict:
    """Supported if every deciding comparison holds; not supported if one fails; else it cannot be told yet."""
    outcomes = {c.outcome for c in comparisons if c.deciding}
    if "fails" in outcomes:
        return "not supported"
    return "supported" if outcomes == {"holds"} else "cannot tell yet"
