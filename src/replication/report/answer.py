"""The page's first screen: what was covered, how near to the paper, and what may be said."""

from collections.abc import Sequence
from typing import get_args

from replication import paper
from replication.claims import WAITING, Tested, judge_claims
from replication.claims.claim import Role
from replication.report.html import SYMBOL, data_name, render, runs_id, schedule_share
from replication.study.comparisons import POINTS, TRAIN, Comparison
from replication.study.fidelity import RANK
from replication.study.rule import SEEDS, Verdict
from replication.study.studies import Study

SUBJECTS: dict[Role, str] = {
    "degradation": "deeper plain nets are worse", "cure": "shortcuts cure it", "gain": "depth then pays",
}  # fmt: skip
SILENT: tuple[Verdict, ...] = ("no verdict", "not tested")


def answer(arms: Sequence[Sequence[Study]]) -> str:
    """What was covered of the paper, and what each study that is shown says of its three main findings.

    Args:
        arms: the studies shown of each arm, the one nearest to the paper first.
    """
    found = claims_tested(arms)
    measured = [tested.verdict for tested in found.values() if not tested.test.counted]
    counted = [tested.verdict == "supported" for tested in found.values() if tested.test.counted]
    kinds = [kind for kind in get_args(Verdict) if kind != "not tested"]
    counts = [{"symbol": SYMBOL[kind], "kind": kind, "count": measured.count(kind)} for kind in kinds]
    not_run = measured.count("not tested")
    rows = [_row(study) for studies in arms for study in sorted(studies, key=lambda study: RANK[study.fidelity])]
    shown = [study for studies in arms for study in studies]
    return render(
        "answer.html", tested=len(found) - not_run, not_run=not_run, claims=len(paper.claim_ids()),
        waiting=len(WAITING), counts=counts,
        counted=counted, rows=[row for row in rows if any(row["cells"])], subjects=list(SUBJECTS.values()),
        best=min((study.fidelity for study in shown), key=RANK.__getitem__), seeds=SEEDS,
    )  # fmt: skip


def claims_tested(arms: Sequence[Sequence[Study]]) -> dict[str, Tested]:
    """Each claim as it is judged in the study nearest to the paper that gives a verdict; if none does, in the first."""
    found: dict[str, Tested] = {}
    for study in (study for studies in arms for study in studies):
        for tested in judge_claims(study):
            there = found.setdefault(tested.test.claim.id, tested)
            if there.verdict in SILENT and tested.verdict not in SILENT:
                found[tested.test.claim.id] = tested
    return found


def claims_by_verdict(arms: Sequence[Sequence[Study]]) -> dict[str, int]:
    """How many of the paper's claims have which verdict, "claims_supported" say, for `dvc metrics` and `dvc exp`.

    Those that are counted on the built nets are left out: no run changes them.
    """
    verdicts = [tested.verdict for tested in claims_tested(arms).values() if not tested.test.counted]
    return {f"claims_{kind.replace(' ', '_')}": verdicts.count(kind) for kind in get_args(Verdict)}


def _row(study: Study) -> dict[str, object]:
    by_role = {tested.test.role: tested for tested in judge_claims(study) if tested.test.role}
    return {
        "section": study.arm.section,
        "data": data_name(study),
        "schedule": schedule_share(study),
        "fidelity": study.fidelity,
        "cells": [_cell(study, by_role[role]) if role in by_role else None for role in SUBJECTS],
    }


def _cell(study: Study, tested: Tested) -> dict[str, object]:
    found = told(tested)
    deciding = [c for c in tested.comparisons if c.deciding]
    lacking = sum(c.evidence is None for c in deciding) if tested.verdict == "cannot tell yet" else 0
    return {
        "symbol": SYMBOL[tested.verdict], "verdict": tested.verdict, "words": tested.words,
        "runs": runs_id(study, found.worse) if found else "",
        "card": f"{tested.test.claim.id}-{tested.test.arm.name}",
        "what": f"{found.worse} − {found.better}" if found else "",
        "here": POINTS.format(float(found.evidence.value)) if found and found.evidence else "",
        "paper": found.paper if found else "",
        "interval": found.interval if found else "",
        "lacking": f"{lacking} of its {len(deciding)} comparisons not run" if lacking else "",
        "unlearnt": bool(found) and not all(sample.learned for sample in found.samples.values()),
    }  # fmt: skip


def told(tested: Tested) -> Comparison | None:
    """The comparison that a finding is told by: the widest of the gain from depth, the deepest of the others."""
    measured = [c for c in tested.comparisons if c.deciding and c.worse and c.evidence and c.measure != TRAIN]
    if not measured:
        return None
    return measured[0 if tested.test.role == "gain" else -1]
