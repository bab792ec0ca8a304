"""The date of the rule of verdicts, read from a file: the page needs no git and is the same everywhere."""

import datetime
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from ruamel.yaml import YAML

from replication.paper import published_spread
from replication.results.studies import Study
from replication.tasks import TASKS
from replication.verdicts import rule
from replication.verdicts.rule_grid import digest

HISTORY = "rule_history.yaml"  # beside this file


@dataclass(frozen=True)
class Rule:
    """The present rule of verdicts."""

    hash: str
    since: datetime.date | None  # None: it was changed here and is not in the history
    commit: str  # that made it so; "" until a later one has noted it

    def is_older_than(self, study: Study, names: tuple[str, ...]) -> bool:
        """Whether the rule was fixed on a day before the first of these nets' runs ended."""
        ended = first_ended(study, names)
        return ended is None or (self.since is not None and self.since.isoformat() < ended)


def first_ended(study: Study, names: tuple[str, ...]) -> str | None:
    """The day on which the first run of some nets ended, "2026-01-02"; None if none of them was run."""
    return min((str(date) for name in names for date in study.runs_named(name)["date"]), default=None)


@cache
def rule_hash() -> str:
    """The digest of what the rule does, not of its text; see `rule_grid`."""
    return digest(rule, published_spreads())


def published_spreads() -> list[list[tuple[float, int]]]:
    """The spreads between seeds that others published, and that the rule may borrow."""
    spreads = [published_spread(task.name, task.headline, task.metric.name) for task in TASKS.values()]
    return [spread for spread in spreads if spread]


def present_rule() -> Rule:
    """The rule by which verdicts are made now."""
    text = files(__package__).joinpath(HISTORY).read_text(encoding="utf-8")
    entry = next((entry for entry in YAML(typ="safe").load(text) or [] if entry["hash"] == rule_hash()), {})
    return Rule(rule_hash(), entry.get("since"), entry.get("commit") or "")
