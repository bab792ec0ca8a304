"""The rule of verdicts has a digest of what it does, and a history that says since when it holds."""

import datetime
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from made_up import study
from ruamel.yaml import YAML

from replication.verdicts import rule_since
from replication.verdicts.rule_grid import digest
from replication.verdicts.rule_since import Rule, present_rule, published_spreads, rule_hash

PROJECT = Path(__file__).parents[2]
RULE = "src/replication/verdicts/rule.py"
SOURCE = (PROJECT / RULE).read_text(encoding="utf-8")
HISTORY = YAML(typ="safe").load((PROJECT / "src/replication/verdicts/rule_history.yaml").read_text())


def digest_of(source: str) -> str:
    """What the grid gives for a rule that is written like this."""
    module = ModuleType("another_rule")
    sys.modules[module.__name__] = module  # its dataclasses look there
    exec(compile(source, module.__name__, "exec"), module.__dict__)
    return digest(module, published_spreads())


def git(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["git", *arguments], cwd=PROJECT, capture_output=True)


def test_the_rule_is_the_last_of_its_history() -> None:
    assert rule_hash() == digest_of(SOURCE)
    today = datetime.date.today()
    assert HISTORY[-1]["hash"] == rule_hash(), f'add to rule_history.yaml: - {{hash: "{rule_hash()}", since: {today}}}'
    assert present_rule() == Rule(rule_hash(), HISTORY[-1]["since"], HISTORY[-1].get("commit") or "")
    assert [entry["since"] for entry in HISTORY] == sorted(entry["since"] for entry in HISTORY)


@pytest.mark.parametrize("entry", HISTORY, ids=lambda entry: entry["hash"])
def test_a_commit_in_the_history_has_that_rule(entry: dict) -> None:
    shallow = git("rev-parse", "--is-shallow-repository")
    if not entry.get("commit") or shallow.returncode or shallow.stdout.strip() == b"true":
        pytest.skip("no commit is noted, or this checkout has no history")
    sources = [git("show", f"{entry['commit']}:{path}") for path in (RULE, "src/replication/study/rule.py")]
    source = next((source for source in sources if source.returncode == 0), None)
    assert source, f"{entry['commit']} is no commit here"
    assert digest_of(source.stdout.decode()) == entry["hash"]


def test_rewording_the_rule_keeps_its_digest() -> None:
    reworded = (
        SOURCE.replace('"""', '"""In other words. ', 1).replace("outcomes", "results").replace("  # ", "  # Or: ")
    )
    reworded = reworded.replace('"single seed"', '"too few"').replace("half = ", "# half\n    half = ")
    assert reworded != SOURCE and digest_of(reworded) == rule_hash()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LEVEL = 0.025", "LEVEL = 0.05"),
        ("LEVEL = 0.025", "LEVEL = 0.0251"),
        ("SEEDS = 3", "SEEDS = 2"),
        ("SEEDS = 3", "SEEDS = 4"),
        ("reversed_[measured] = holm(reversed_[measured])", "pass"),
        ("times = np.arange(count, 0, -1)", "times = np.full(count, count)"),
        ("np.maximum(self.values.var(-1, ddof=1), self.least)", "self.values.var(-1, ddof=1)"),
        ("(band - np.abs(value)) / error", "(band - value) / error"),
        ("np.maximum(np.abs(s) - 1, 0)", "np.abs(s)"),
        ("variance**2 / sum(part**2 / freedom for part, freedom in parts)", "sum(freedom for _, freedom in parts)"),
        ('"tested" if self.learned else "chance"', '"tested"'),
        ('outcome == "inconclusive" and not need', 'outcome == "inconclusive"'),
    ],
)
def test_another_behaviour_has_another_digest(old: str, new: str) -> None:
    changed = SOURCE.replace(old, new)
    assert changed != SOURCE, "the rule has no such text any more"
    assert digest_of(changed) != rule_hash()


def test_a_spread_that_others_publish_belongs_to_the_rule() -> None:
    from replication.verdicts import rule

    assert digest(rule, [[(0.5, 5)]]) != digest(rule, []) != rule_hash()
    assert digest(rule, published_spreads()) == rule_hash()


def test_a_digest_is_twelve_digits() -> None:
    assert re.fullmatch("[0-9a-f]{12}", rule_hash())


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
