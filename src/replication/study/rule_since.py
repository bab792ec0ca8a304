"""Since when the rule of verdicts holds: read from a file, so that the page needs no git and is the same anywhere."""

import datetime
import hashlib
import json
from dataclasses import dataclass
from importlib.resources import files

from ruamel.yaml import YAML

from replication.arms import ARMS
from replication.paper import published_spread
from replication.study.studies import Study

HISTORY = "rule_history.yaml"  # beside this file


@dataclass(frozen=True)
class Rule:
    """The rule of verdicts as it stands."""

    hash: str
    since: datetime.date | None  # None: it was changed here, and its history does not have it
    commit: str  # that made it so; "" until a later one has noted it

    def is_older_than(self, study: Study, names: tuple[str, ...]) -> bool:
        """Whether it stood before the first of these nets' runs had ended; on the day itself it did not."""
        ended = first_ended(study, names)
        return ended is None or (self.since is not None and self.since.isoformat() < ended)


def first_ended(study: Study, names: tuple[str, ...]) -> str | None:
    """The day on which the first run of some nets ended, "2026-01-02"; None if none of them was run."""
    return min((str(date) for name in names for date in study.runs_named(name)["date"]), default=None)


def rule_hash() -> str:
    """Of the source of the rule, byte for byte, and of the published spread that it may borrow."""
    of_depth = [arm for arm in ARMS.values() if not arm.boxes]  # no claim of the others is judged by it
    published = [published_spread(arm.name, arm.headline, arm.metric.name) for arm in of_depth]
    source = files(__package__).joinpath("rule.py").read_bytes()
    return hashlib.sha256(source + json.dumps(published).encode()).hexdigest()[:12]


def present_rule() -> Rule:
    """The rule by which verdicts are made now."""
    found, text = rule_hash(), files(__package__).joinpath(HISTORY).read_text(encoding="utf-8")
    entry = next((of for of in YAML(typ="safe").load(text) or [] if of["hash"] == found), {})
    return Rule(found, entry.get("since"), entry.get("commit") or "")
