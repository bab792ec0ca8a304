"""How often the rule is wrong in made-up studies of equal nets; `benchmarks/verdicts.py` prints the whole table."""

import numpy as np
import pytest

from benchmarks.verdicts import KINDS, NORMAL, SEEDS, Kind, on_errors, rates
from replication.tasks import TASKS

STUDIES = 4_000  # a rate of 5 % is known within 0.7
MEASURED = [test for task in TASKS.values() for test in on_errors(task)]


@pytest.mark.parametrize("seeds", SEEDS)
@pytest.mark.parametrize("kind", NORMAL, ids=lambda kind: kind.words)
def test_equal_nets_are_rarely_called_supported_or_not_and_intervals_have_the_truth(kind: Kind, seeds: int) -> None:
    found = {test.claim.id: rates(test, kind, seeds, STUDIES) for test in MEASURED}
    for claim_id, rate in found.items():
        assert rate["supported"] < 5 and rate["contradicted"] < 5, (claim_id, rate)
    assert np.mean([rate["covered"] for rate in found.values()]) >= 94


def test_one_seed_with_a_published_spread_is_as_careful() -> None:
    (kind,) = (kind for kind in KINDS if kind.exact)
    for test in on_errors(TASKS["cifar"]):
        rate = rates(test, kind, 1, STUDIES)
        assert rate["supported"] < 5 and rate["contradicted"] < 5, (test.claim.id, rate)
        assert rate["covered"] >= 94 or np.isnan(rate["covered"])
