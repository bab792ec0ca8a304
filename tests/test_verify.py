"""verify.py confirms the committed record, and finds a wrong digit in each kind of place."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from checkout import PROJECT

from replication.tasks import TASKS
from replication.verdicts import rule

READ = ["verify.py", "results", "weights", "reports/claims.json", "src/replication/paper/paper.yaml"]
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
    assert confirmed == count and int(count.replace(",", "")) > 1_500


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
        (SUMMARY, '"plain-56": 60.27', '"plain-56": 60.28'),
        (SUMMARY, '"plain-56": 1.65', '"plain-56": 1.66'),
        (SUMMARY, '"plain-56": 3', '"plain-56": 2'),
        (SUMMARY, '"cure_gap": 35.27', '"cure_gap": 35.28'),
        (CLAIMS, '"supported": 1', '"supported": 2'),
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


def test_it_has_the_documented_values_and_no_code_of_ours() -> None:
    source = (PROJECT / "verify.py").read_text("utf-8")
    values: dict[str, Any] = {}
    exec(compile(source, "verify.py", "exec"), values | {"__name__": "verify", "__file__": "verify.py"}, values)
    assert values["HEADLINE"] == {task.name: task.headline for task in TASKS.values()}
    assert (values["LEVEL"], values["SEEDS"]) == (rule.LEVEL, rule.SEEDS)
    imported = set(re.findall(r"^(?:from|import) (\w+)", source, re.MULTILINE))
    assert imported <= sys.stdlib_module_names
