"""Claims judged on made-up studies; each net has three seeds, 0.2 points apart, unless it says so."""

from typing import Any

from made_up import PAPER, study

from replication.results.studies import Study
from replication.verdicts import claims
from replication.verdicts.claim import judge
from replication.verdicts.claim import list_tests as task_folder


def seeds(errors: dict[str, tuple[float, float]] = PAPER, count: int = 3, **options: Any) -> Study:
    return study(errors, count, **{"spread": 0.2} | options)


def judged(found: Study, claim_id: str) -> claims.Tested:
    return next(judge(test, found) for test in task_folder(found.task) if test.claim.id == claim_id)


def verdict(found: Study, claim_id: str) -> str:
    """Its kind, "provisional: supported" if a spread was borrowed."""
    tested = judged(found, claim_id)
    return f"provisional: {tested.kind}" if tested.provisional else tested.kind


def outcomes(found: Study, claim_id: str) -> dict[str, str]:
    return {c.what: c.outcome for c in judged(found, claim_id).comparisons}
