"""What it would take to tell what cannot be told yet: seeds, and hours on the machine of the study."""

from dataclasses import dataclass

from replication.cost import hours_a_run
from replication.results.studies import Study
from replication.verdicts.claim import Tested
from replication.verdicts.planning import seeds_to_settle
from replication.verdicts.rule import SEEDS


@dataclass(frozen=True)
class Settling:
    """Seeds of each net, by name, that a claim needs, and how many hours the runs take that are not there yet."""

    seeds: dict[str, int]
    runs: int  # that are not there yet
    hours: float | None  # None: not known
    measured: bool  # at the measured means and spreads; else the least that a verdict needs
    too_many: bool = False  # no number of seeds that we name would settle it


def settling(tested: Tested, study: Study) -> Settling | None:
    """What would settle a claim without a verdict; None where more seeds are not what it needs."""
    if tested.verdict in ("supported", "contradicted") or any(c.elsewhere for c in tested.comparisons):
        return None
    there = {name: len(study.runs_named(name)) for name in tested.test.rests_on(study)}
    wanted = {name: SEEDS for name, seeds in there.items() if seeds < SEEDS}
    measured = False
    for comparison in tested.comparisons:
        if comparison.part == "must" and comparison.outcome == "inconclusive":
            seeds, measured = seeds_to_settle(comparison), True
            if seeds is None:
                return Settling({}, 0, None, measured, too_many=True)
            wanted |= {name: max(seeds, wanted.get(name, 0)) for name in comparison.samples}
    there |= {name: len(study.runs_named(name)) for name in wanted}
    more = {name: seeds - there[name] for name, seeds in wanted.items() if seeds > there[name]}
    if not more:
        return None
    hours = [hours_a_run(study, name) for name in more]
    total = None if None in hours else sum(of * runs for of, runs in zip(hours, more.values(), strict=True))
    return Settling(wanted, sum(more.values()), total, measured)
