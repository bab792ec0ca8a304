"""verify.py confirms the committed record, and finds a wrong digit in each kind of place."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checkout import PROJECT

from replication.results import reproduced
from replication.tasks import TASKS
from replication.verdicts import rule

PAGE = "reports/replication.html"
READ = ["verify.py", "results", "weights", "reports/claims.json", PAGE, "src/replication/paper/paper.yaml"]
CARD, SUMMARY, CLAIMS = "results/cpu/cifar/README.md", "results/cpu/cifar/summary.json", "reports/claims.json"
SCORES, RECIPES = "results/cpu/cifar/scores.csv", "results/cpu/cifar/recipes.json"


@pytest.fixture
def record(tmp_path: Path) -> Path:
    for name in READ:
        source, target = PROJECT / name, tmp_path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
    return tmp_path


def verify(record: Path) -> subprocess.CompletedProcess[str]:
    """With the standard library alone: without site-packages and PYTHONPATH."""
    return subprocess.run([sys.executable, "-S", "-E", "verify.py"], cwd=record, capture_output=True, text=True)


def test_the_committed_record_is_confirmed(record: Path) -> None:
    done = verify(record)
    assert done.returncode == 0, done.stderr
    confirmed, count = re.search(r"([\d,]+) of ([\d,]+) numbers", done.stdout).groups()
    assert confirmed == count and int(count.replace(",", "")) > 2_500


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        (SCORES, "plain-56,default,0,single_view,top1_error,61.85", "plain-56,default,0,single_view,top1_error,61.86"),
        ("results/quick/cifar/curves.csv", ",test,top1_error,", ",test,top1_error,1"),
        (RECIPES, '"iterations": 4000', '"iterations": 4001'),
        ("weights/SHA256SUMS", "89e8d488", "89e8d489"),
        (CARD, "| 60.27 ± 1.65 | 3 |", "| 60.28 ± 1.65 | 3 |"),
        (CARD, "| 60.27 ± 1.65 | 3 |", "| 60.27 ± 1.64 | 3 |"),
        (CARD, "| 60.27 ± 1.65 | 3 |", "| 60.27 ± 1.65 | 4 |"),
        (CARD, "| 32,000 |", "| 32,001 |"),
        (CARD, "value: 60.27", "value: 60.28"),
        (SUMMARY, '"plain-56": 60.27', '"plain-56": 60.28'),
        (SUMMARY, '"plain-56": 1.65', '"plain-56": 1.66'),
        (SUMMARY, '"plain-56": 3', '"plain-56": 2'),
        (SUMMARY, '"cure_gap": 35.27', '"cure_gap": 35.28'),
        (CLAIMS, '"supported": 1', '"supported": 2'),
        # The page: the first screen, how close, the paper's tables, claims, all comparisons, and the runs.
        (PAGE, ">+41.2</a><small>[37.3, 45.0]", ">+41.3</a><small>[37.3, 45.0]"),
        (PAGE, ">+41.2</a><small>[37.3, 45.0]", ">+41.2</a><small>[37.3, 45.1]"),
        (PAGE, "[37.3, 45.0], n = 3", "[37.3, 45.0], n = 4"),
        (PAGE, ">opposite sign, inconclusive<", ">opposite sign, supported<"),
        (PAGE, ">agrees at 2 of 2 depths", ">agrees at 3 of 3 depths"),
        (PAGE, "K02, supported:", "K02, contradicted:"),
        (PAGE, '|supported">1</span>', '|supported">2</span>'),
        (PAGE, "+7.7 to +47.0 points", "+7.7 to +46.0 points"),
        (PAGE, ">16.45 ± 0.52<", ">16.45 ± 0.53<"),
        (PAGE, ">79.75<", ">79.74<"),
        (PAGE, "best 15.88", "best 15.78"),
        (PAGE, ">+44.27<", ">+44.37<"),
        (PAGE, ">[+41.61, +46.93]<", ">[+41.61, +46.83]<"),
        (PAGE, ">61.85<", ">61.86<"),
        (PAGE, ">supported: CIFAR-10", ">inconclusive: CIFAR-10"),
        (PAGE, ">● supported<", ">▲ contradicted<"),
    ],
)
def test_a_wrong_digit_is_found_and_named(record: Path, file: str, before: str, after: str) -> None:
    path = record / file
    text = path.read_text("utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), "utf-8")
    told = verify(record)
    named = file if "SUMS" not in file else "weights/plain-20.safetensors"
    assert told.returncode == 1 and named in told.stderr and "Traceback" not in told.stderr


def forge(number: Any) -> Any:
    """Another value of the same type."""
    words = {"supported": "inconclusive", "inconclusive": "supported", True: False, False: True}
    return (
        words[number] if isinstance(number, str | bool) else number + 0.01 if isinstance(number, float) else number + 1
    )


@pytest.mark.parametrize(
    "place",
    ["verdict", "outcome", "n", "value", "low", "high", "learned", "least_variance", "values", "test"],
)
def test_a_wrong_entry_of_a_claim_is_found_and_named(record: Path, place: str) -> None:
    path = record / CLAIMS
    claims = json.loads(path.read_text("utf-8"))
    (claim,) = [one for one in claims["claims"] if (one["claim"], one["study"]) == ("K02", "cpu/cifar")]
    comparison = claim["comparisons"][0]
    entry = next(one for one in (claim, comparison, comparison["samples"][0]) if place in one)
    if place == "values":
        entry[place][1] = forge(entry[place][1])
    elif place == "test":
        entry[place][1][0] = -1  # a weight
    else:
        entry[place] = forge(entry[place])
    path.write_text(json.dumps(claims), "utf-8")
    told = verify(record)
    assert told.returncode == 1 and "K02 of cpu/cifar" in told.stderr and "Traceback" not in told.stderr


@pytest.mark.parametrize(
    ("file", "before", "after", "found"),
    [
        (SCORES, "single_view,top1_error,61.85", "single_view,top1_error,61.95", CARD),
        (RECIPES, '"iterations": 4000', '"iterations": 4001', "runs.csv, line 2"),
        ("results/cpu/cifar/responses.csv", "plain-20,default,0,4000,1,", "plain-20,default,0,4000,1,1", "K21"),
    ],
)
def test_a_changed_table_with_a_new_digest_is_found_by_what_rests_on_it(
    record: Path, file: str, before: str, after: str, found: str
) -> None:
    path, claims = record / file, record / CLAIMS
    old = hashlib.sha256(path.read_bytes()).hexdigest()
    text = path.read_text("utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), "utf-8")
    new = hashlib.sha256(path.read_bytes()).hexdigest()
    claims.write_text(claims.read_text("utf-8").replace(old, new), "utf-8")
    told = verify(record)
    assert told.returncode == 1 and found in told.stderr


@pytest.fixture(scope="module")
def verifier() -> dict[str, Any]:
    """What verify.py defines."""
    values: dict[str, Any] = {"__name__": "verify", "__file__": "verify.py"}
    exec(compile((PROJECT / "verify.py").read_text("utf-8"), "verify.py", "exec"), values)
    return values


def test_it_has_the_documented_values_and_no_code_of_ours(verifier: dict[str, Any]) -> None:
    assert verifier["HEADLINE"] == {task.name: (task.headline, task.metric.name) for task in TASKS.values()}
    assert (verifier["LEVEL"], verifier["SEEDS"]) == (rule.LEVEL, rule.SEEDS)
    assert (verifier["OUTSIDE"], verifier["SEEDS"]) == (reproduced.LEVEL, reproduced.SEEDS)
    imported = re.findall(r"^(?:from|import) (\w+)", (PROJECT / "verify.py").read_text("utf-8"), re.MULTILINE)
    assert set(imported) <= sys.stdlib_module_names


def weighed_by_both(verifier: dict[str, Any], evidence: rule.Evidence) -> tuple[list[float], tuple[Any, ...]]:
    """The numbers of an evidence, and those that verify.py finds for the same samples."""
    samples = [
        (s.values.tolist(), float(s.variance), s.published and (s.published.variance, s.published.freedom), s.state)
        for s in evidence.samples
    ]
    numbers = [evidence.value, evidence.low, evidence.high, evidence.score, evidence.freedom]
    return [float(number) for number in numbers], verifier["weigh"](evidence.test, samples)


def test_it_weighs_and_judges_as_the_rule_does_on_samples_of_all_kinds(verifier: dict[str, Any]) -> None:
    """All tests of the rule, single seeds with and without a published spread, ties, and nets at chance."""
    random = np.random.default_rng(0)
    spread = rule.pooled([(0.16, 5), (0.3, 4)])
    for _ in range(40):
        samples = [
            rule.of_errors(
                random.normal(20, 3, n).round(int(random.integers(3))), 1000, random.random() > 0.1,
                spread if random.random() < 0.5 else None,
            )
            for n in random.integers(1, 6, 3)
        ]  # fmt: skip
        a, b, c = samples
        evidence = [
            rule.difference([(1, a), (-1, b)], float(random.normal())),
            rule.difference([(1, a), (-2, b), (1, c)]),
            rule.alike([(1, a), (-1, b)], 3.0),
            rule.bound(a, above=19.0),
            rule.bound(a, below=19.0),
            rule.spread(a, 1.0, 6.0),
            rule.trend(samples),
        ]
        for one in evidence:
            ours, theirs = weighed_by_both(verifier, one)
            assert theirs == pytest.approx(ours, rel=1e-6, abs=1e-9, nan_ok=True), one.test
        must = (random.random(len(evidence)) < 0.5).tolist()
        flat = [(one.n, one.state, float(one.score), float(one.freedom)) for one in evidence]
        for size in range(1, len(evidence) + 1):
            assert verifier["judge"](flat[:size], must[:size]) == rule.verdict(evidence[:size], must[:size])
