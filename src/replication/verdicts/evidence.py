"""What every verdict rests on, as plain values for reports/claims.json: anyone can recount it (verify.py does)."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from replication.config.profiles import Profile
from replication.files import sha256
from replication.results.labels import SMOKE_TESTS
from replication.results.studies import Study
from replication.results.tables import OPTIONAL, RECIPES, RERUNS, TABLES
from replication.verdicts.claim import Tested, judge_claims
from replication.verdicts.claims.findings import judge_paper
from replication.verdicts.comparisons import Comparison
from replication.verdicts.rule import Evidence, Sample
from replication.verdicts.rule_since import rule_hash


def group_studies(studies: Sequence[Study]) -> dict[str, list[Study]]:
    """Studies by their data: the paper's own, digits, and others that stand in for it. Verdicts are counted apart."""
    others = [study for study in studies if not study.has_paper_data]
    return {
        "own_data": [study for study in studies if study.has_paper_data],
        "smoke_test": [study for study in others if study.dataset in SMOKE_TESTS],
        "proxy": [study for study in others if study.dataset not in SMOKE_TESTS],
    }


def describe_evidence(studies: Sequence[Study], profile: Profile, results: Path) -> dict[str, Any]:
    """The sha256 of each table, and each claim that a study says something of, with its comparisons.

    Both are lists, as `dvc metrics` would make a column of each text that is not in a list.

    Args:
        profile: the paper's.
        results: folder of the studies.
    """
    names = [f"{study.folder}/{name}" for study in studies for name in (RECIPES, *TABLES, *OPTIONAL, RERUNS)]
    tables = [{"file": name, "sha256": sha256(results / name)} for name in names if (results / name).exists()]
    claims = []
    for group, members in group_studies(studies).items():
        counted = {id(tested) for tested in judge_paper(members, profile).values()}
        for study in members:
            for tested in judge_claims(study):
                if any(comparison.evidence for comparison in tested.comparisons):
                    counted_in = group if id(tested) in counted else None
                    claims.append(_describe_claim(study, tested) | {"counted_in": counted_in})
    return {"tables": tables, "claims": claims}


def _describe_claim(study: Study, tested: Tested) -> dict[str, Any]:
    about = {"claim": tested.test.claim.id, "study": study.folder, "fidelity": tested.fidelity, "rule": rule_hash()}
    comparisons = [_describe_comparison(comparison) for comparison in tested.comparisons]
    return about | {"verdict": tested.verdict, "provisional": tested.provisional, "comparisons": comparisons}


def _describe_comparison(comparison: Comparison) -> dict[str, Any]:
    about = {"what": comparison.what, "part": comparison.part, "outcome": comparison.outcome}
    return about | (_describe(comparison.evidence) if comparison.evidence else {})


def _describe(evidence: Evidence) -> dict[str, Any]:
    numbers = {key: _number(value) for key, value in vars(evidence).items() if key in ("value", "low", "high")}
    samples = [_describe_sample(sample) for sample in evidence.samples]
    return {"test": evidence.test, "n": evidence.n} | numbers | {"samples": samples}


def _describe_sample(sample: Sample) -> dict[str, Any]:
    published = sample.published
    return {
        "source": sample.source,
        "values": [_number(sample.sign * value) for value in sample.values],
        "sign": sample.sign,
        "least_variance": _number(sample.least),
        "learned": bool(sample.learned),
        "published_spread": [published.variance, published.freedom] if published else None,
    }


def _number(value: Any) -> float | None:
    return float(f"{float(value):.12g}") if math.isfinite(value) else None
