"""What a claim is, and how it is judged."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from replication import paper
from replication.config.profiles import named
from replication.results.studies import Study
from replication.tasks import Task
from replication.verdicts.comparisons import Comparison
from replication.verdicts.rule import Outcome, Verdict, verdict

Role = Literal["degradation", "cure", "gain"]  # its part in the summary of a study

Kind = Literal["confirmed"] | Verdict  # confirmed: counted on built nets, not measured

Compare = Callable[[Study], list[Comparison]]


@dataclass(frozen=True)
class Test:
    """How a claim is tested on the studies of a task."""

    claim: paper.Claim
    title: str  # of its card
    task: Task
    needs: tuple[str, ...]  # nets, "plain-56" or "plain-56/three-times-longer", that must have been trained
    role: Role | None
    compare: Compare
    any_net: bool = False  # it is tested on the nets that a study has
    variants: tuple[str, ...] = ()  # of the deepest of these nets, which it needs too

    @property
    def is_counted(self) -> bool:
        """Whether it is arithmetic on the built nets."""
        return not self.needs and not self.any_net

    def rests_on(self, study: Study) -> tuple[str, ...]:
        """The nets whose runs decide it."""
        if not self.any_net:
            return self.needs
        return (*study.nets, *(named(net, variant) for net in study.nets[-1:] for variant in self.variants))


@dataclass(frozen=True)
class Tested:
    """A claim with its verdict in one study."""

    test: Test
    verdict: Verdict
    provisional: bool  # fewer than three seeds, with a published spread in place of theirs
    comparisons: tuple[Comparison, ...]
    missing: tuple[str, ...]  # nets that must be trained first
    fidelity: str  # of the runs it rests on; "exact" for arithmetic

    @property
    def kind(self) -> Kind:
        """The verdict; `confirmed` if it is arithmetic."""
        return "confirmed" if self.test.is_counted and self.verdict == "supported" else self.verdict

    @property
    def words(self) -> str:
        """The verdict as the page says it: "single seed", "confirmed by counting", "provisional: supported"."""
        if self.kind == "confirmed":
            return "confirmed by counting"
        if self.verdict == "single seed":
            few = min(c.n for c in self.comparisons if c.is_deciding and c.outcome == "single seed" and c.n)
            return "single seed" if few == 1 else f"only {few} seeds"
        return f"provisional: {self.verdict}" if self.provisional else self.verdict


_tests: list[Test] = []


def claim(
    claim_id: str,
    title: str,
    *,
    task: Task,
    needs: Sequence[str] = (),
    any_net: bool = False,
    variants: Sequence[str] = (),
    role: Role | None = None,
) -> Callable[[Compare], Compare]:
    """Make a function from a study to comparisons the test of a claim of paper.yaml.

    Raises:
        ValueError: it has no title, or the task tests the claim already.
        KeyError: the paper has no such claim.
    """
    if not title.strip():
        raise ValueError(f"claim {claim_id} needs a title")
    if any((test.claim.id, test.task) == (claim_id, task) for test in _tests):
        raise ValueError(f"claim {claim_id} has a test of the task {task.name} already")
    of_paper = paper.claim(claim_id)

    def register(compare: Compare) -> Compare:
        _tests.append(Test(of_paper, title, task, tuple(needs), role, compare, any_net, tuple(variants)))
        return compare

    return register


def list_tests(task: Task) -> list[Test]:
    """The tests of a task's claims, in the order of their file."""
    return [test for test in _tests if test.task == task]


@lru_cache(maxsize=64)  # several parts of the page ask for it
def judge_claims(study: Study) -> list[Tested]:
    """The claims of the study's task, in the order of their file."""
    return [judge(test, study) for test in list_tests(study.task)]


def judge(test: Test, study: Study) -> Tested:
    """Judge a claim in a study. Its fidelity is the worst of the runs that it needs."""
    comparisons = test.compare(study)
    deciding = [c for c in comparisons if c.is_deciding]
    overall, outcomes = verdict([c.evidence for c in deciding], [c.part == "must" for c in deciding])
    of_deciding = iter(outcomes)
    judged = [replace(c, outcome=next(of_deciding) if c.is_deciding else _outcome(c)) for c in comparisons]
    provisional = overall != "single seed" and any(c.evidence.provisional for c in deciding if c.evidence)
    fidelity = "exact" if test.is_counted else study.fidelity_of(test.rests_on(study))
    elsewhere = any(c.is_out_of_reach for c in comparisons)
    missing = () if elsewhere else tuple(name for name in test.needs if not study.has(name))
    return Tested(test, overall, provisional, tuple(judged), missing, fidelity)


def _outcome(aside: Comparison) -> Outcome:
    """The outcome of a comparison that decides nothing, weighed by itself."""
    return verdict([aside.evidence], [True])[1][0] if aside.evidence else aside.outcome
