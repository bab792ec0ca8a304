"""The paper's three main findings, the setup that represents each task, and the verdict on each of 32 claims."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from replication import paper
from replication.config.profiles import Profile, read_profile
from replication.results.studies import Study
from replication.tasks import TASKS, Task
from replication.verdicts.claim import Kind, Role, Tested, judge_claims
from replication.verdicts.comparisons import TRAIN, Comparison, Measure
from replication.verdicts.paper_study import make_paper_study
from replication.verdicts.rule import Verdict

TITLES: dict[Role, str] = {
    "degradation": "Deeper plain nets are worse",
    "cure": "Shortcuts prevent degradation",
    "gain": "Deeper ResNets are better",
}
DECIDED: tuple[Verdict, ...] = ("supported", "contradicted", "inconclusive")


@dataclass(frozen=True)
class Finding:
    """One of the three findings in one setup, or in the paper alone."""

    tested: Tested
    comparison: Comparison  # the main one: the widest gain from depth, or the deepest pair
    status: Verdict  # supported also where only some depths were run and all of them support it
    supported_depths: int
    tested_depths: int
    all_depths: int
    undertrained: tuple[str, ...]  # nets of the comparison
    not_learned: tuple[str, ...]

    @property
    def title(self) -> str:
        return TITLES[self.tested.test.role]

    @property
    def is_decided(self) -> bool:
        """Whether the setup has enough seeds of its own for a verdict."""
        return self.status in DECIDED and not self.tested.provisional

    @property
    def is_partial(self) -> bool:
        """Whether all measured depths support it, but some depths were not run."""
        return self.status == "supported" and self.tested.verdict == "inconclusive"

    @property
    def is_opposite(self) -> bool:
        """Whether the sign is opposite to the paper's."""
        evidence = self.comparison.evidence
        return evidence is not None and float(evidence.value) < 0


@lru_cache(maxsize=64)  # several parts of the first screen ask for it
def findings(study: Study) -> list[Finding]:
    """The three findings in a setup, in the order of `TITLES`; none for a task that does not test them."""
    judged = {tested.test.role: tested for tested in judge_claims(study)}
    return [_finding(judged[role], study) for role in TITLES if role in judged]


def _finding(tested: Tested, study: Study) -> Finding:
    pairs = [c for c in tested.comparisons if c.is_deciding and c.worse and c.measure != TRAIN]
    measured = [c for c in pairs if c.evidence]
    is_gain = tested.test.role == "gain"
    main = (measured or pairs)[0 if is_gain else -1]
    nets = tested.test.needs if is_gain else [c.what for c in pairs]
    tested_nets = [net for net in nets if study.has(net)] if is_gain else measured
    return Finding(
        tested,
        comparison=main,
        status=_status(tested, main),
        supported_depths=sum(c.outcome == "supported" for c in measured),
        tested_depths=len(tested_nets),
        all_depths=len(nets),
        undertrained=tuple(net for net in main.samples if is_undertrained(study, net)),
        not_learned=tuple(net for net, sample in main.samples.items() if not sample.learned),
    )


def _status(tested: Tested, main: Comparison) -> Verdict:
    """The verdict; if a claim is inconclusive only because nets were not run, the verdict on what was measured."""
    needed = [c for c in tested.comparisons if c.part == "must" and c.evidence]
    if tested.verdict == "inconclusive" and all(c.outcome == "supported" for c in (main, *needed)):
        return "supported"
    return tested.verdict


def is_undertrained(study: Study, net: str) -> bool:
    """Whether our training error exceeds the paper's by more than the test gap of this net in the paper.

    The test gap is test error minus training error. False where the paper gives no training error.
    """
    paper_study, headline = (
        read_paper_study(study.task, study.paper),
        Measure("", study.task.headline, study.task.metric),
    )
    trained = TRAIN.sample(study, net)
    paper_trained, paper_tested = TRAIN.sample(paper_study, net), headline.sample(paper_study, net)
    if not (trained and paper_trained and paper_tested):
        return False
    return bool(trained.mean - paper_trained.mean > max(paper_tested.mean - paper_trained.mean, 0))


def read_paper_study(task: Task, profile: Profile) -> Study:
    """The paper's own numbers as a study; cached."""
    return _cache_paper_study(task, profile.path)


@lru_cache(maxsize=8)
def _cache_paper_study(task: Task, path: Path) -> Study:
    return make_paper_study(task, read_profile(path.parent, path.stem))


def choose_answer(studies: Sequence[Study]) -> Study | None:
    """The setup that represents a task: the one on the paper's data with the most verdicts, then the longest schedule.

    None if no setup has three seeds of all nets of one finding.
    """
    candidates = [study for study in studies if study.has_paper_data]
    counts = {study: sum(finding.is_decided for finding in findings(study)) for study in candidates}
    best = max(candidates, key=lambda study: (counts[study], study.share), default=None)
    return best if best and counts[best] else None


def judge_paper(studies: Sequence[Study], profile: Profile) -> dict[str, Tested | None]:
    """Judge each of the 32 claims by the closest setup with a verdict; None where none tests it.

    The setup that represents its task judges a finding. Arithmetic on built nets needs no setup.
    """
    by_claim: dict[str, list[Tested]] = {claim_id: [] for claim_id in paper.claim_ids()}
    for task in TASKS.values():
        task_folder = [study for study in studies if study.task == task]
        answer = choose_answer(task_folder)
        for tested in judge_claims(read_paper_study(task, profile)):
            if tested.test.is_counted:
                by_claim[tested.test.claim.id].append(tested)
        for study in task_folder:
            for tested in judge_claims(study):
                if study is answer or not (answer and tested.test.role):
                    by_claim[tested.test.claim.id].append(tested)
    nearest = {claim_id: min(of_claim, key=_rank_verdict, default=None) for claim_id, of_claim in by_claim.items()}
    return {key: tested if tested and tested.verdict != "not tested" else None for key, tested in nearest.items()}


def _rank_verdict(tested: Tested) -> int:
    """Sort key: first a verdict, then a provisional one, then single seeds."""
    if tested.verdict in DECIDED:
        return int(tested.provisional)
    return 2 if tested.verdict == "single seed" else 3


def count_kinds(judged: Mapping[str, Tested | None]) -> dict[Kind, int]:
    """The number of claims with each verdict; they add up to all claims of the paper."""
    kinds: list[Kind] = ["supported", "confirmed", "contradicted", "inconclusive", "single seed", "not tested"]
    of_claims = [tested.kind if tested else "not tested" for tested in judged.values()]
    return {kind: of_claims.count(kind) for kind in kinds}
