"""The rule of verdicts has a hash, and a history that says since when it holds."""

import datetime
import hashlib
import json
import subprocess
from pathlib import Path

import pytest
from made_up import study
from ruamel.yaml import YAML

from replication.paper import published_spread
from replication.study import rule_since
from replication.study.rule_since import Rule, present_rule, rule_hash

PROJECT = Path(__file__).parents[2]
RULE = "src/replication/study/rule.py"
HISTORY = YAML(typ="safe").load((PROJECT / "src/replication/study/rule_history.yaml").read_text())
PUBLISHED = [published_spread("cifar", "single_view", "top1_error"), []]


def hash_of(source: bytes) -> str:
    return hashlib.sha256(source + json.dumps(PUBLISHED).encode()).hexdigest()[:12]


def git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], cwd=PROJECT, capture_output=True)


def test_the_rule_is_the_last_of_its_history() -> None:
    assert rule_hash() == hash_of((PROJECT / RULE).read_bytes())
    today = datetime.date.today()
    assert HISTORY[-1]["hash"] == rule_hash(), f'add to rule_history.yaml: - {{hash: "{rule_hash()}", since: {today}}}'
    assert present_rule() == Rule(rule_hash(), HISTORY[-1]["since"], HISTORY[-1].get("commit") or "")
    assert [of["since"] for of in HISTORY] == sorted(of["since"] for of in HISTORY)


@pytest.mark.parametrize("entry", HISTORY, ids=lambda entry: entry["hash"])
def test_a_commit_in_the_history_has_that_rule(entry: dict) -> None:
    shallow = git("rev-parse", "--is-shallow-repository")
    if not entry.get("commit") or shallow.returncode or shallow.stdout.strip() == b"true":
        pytest.skip("no commit is noted, or this checkout has no history")
    source = git("show", f"{entry['commit']}:{RULE}")
    found = git("log", "--format=%h", f"-S{entry['hash']}", "--", "src/replication/study/rule_history.yaml")
    assert source.returncode == 0, f"{entry['commit']} is no commit here; is it {found.stdout.split()}?"
    assert hash_of(source.stdout) == entry["hash"]


def test_a_rule_that_was_changed_here_is_older_than_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule_since, "rule_hash", lambda: "0" * 12)
    assert present_rule() == Rule("0" * 12, None, "")
    assert not present_rule().is_older_than(study({"plain-20": (1, 9)}), ("plain-20",))


@pytest.mark.parametrize(("since", "older"), [("2026-01-01", True), ("2026-01-02", False), ("2026-01-03", False)])
def test_a_rule_is_older_than_runs_that_ended_on_a_later_day(since: str, older: bool) -> None:
    found = study({"plain-20": (1, 9), "plain-56": (1, 9)})
    assert set(found.runs["date"].astype(str)) == {"2026-01-02"}
    rule = Rule("", datetime.date.fromisoformat(since), "")
    assert rule.is_older_than(found, ("plain-20", "plain-56")) == older
    found.runs.loc[found.runs["net"] == "plain-56", "date"] = "2025-12-31"
    assert not rule.is_older_than(found, ("plain-20", "plain-56")), "the first of them counts"
    assert rule.is_older_than(found, ("resnet-110",)), "there are none"
