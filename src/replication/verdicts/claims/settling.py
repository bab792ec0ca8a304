"""What would settle an inconclusive claim."""

from dataclasses import dataclass

from replication.results.studies import Study
from replication.verdicts.claim import Tested
from replication.verdicts.rule import SEEDS
from replication.verdicts.seeds_needed import seeds_to_settle


@dataclass(frozen=True)
class Settling:
    """Seeds of each net, by name, that a claim needs."""

    seeds: dict[str, int]
    runs: int  # that are missing
    measured: bool  # at the measured means and spreads; else the least that a verdict needs
    too_many: bool = False  # more seeds than `seeds_needed.MAX_SEEDS`


def plan_settling(tested: Tested, study: Study) -> Settling | None:
    """What would settle a claim without a verdict; None where more seeds are not what it needs."""
    if tested.verdict in ("supported", "contradicted") or any(c.is_out_of_reach for c in tested.comparisons):
        return None
    present = {name: len(study.runs_named(name)) for name in tested.test.rests_on(study)}
    needed = {name: SEEDS for name, seeds in present.items() if seeds < SEEDS}
    measured = False
    for comparison in tested.comparisons:
        if comparison.part == "must" and comparison.outcome == "inconclusive":
            seeds, measured = seeds_to_settle(comparison), True
            if seeds is None:
                return Settling({}, 0, measured, too_many=True)
            needed |= {name: max(seeds, needed.get(name, 0)) for name in comparison.samples}
    present |= {name: len(study.runs_named(name)) for name in needed}
    missing = {name: seeds - present[name] for name, seeds in needed.items() if seeds > present[name]}
    return Settling(needed, sum(missing.values()), measured) if missing else None
