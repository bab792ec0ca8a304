"""The command that makes a study or extends it. Needs no torch."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from replication.tasks import Task

SHIPPED = "quick"  # the profile of params.yaml as it comes


def command_of(
    task: Task, profile: str, names: Sequence[str], seeds: Sequence[int], override: Mapping[str, Any]
) -> str:
    """The command that adds nets, "resnet-110" or "resnet-110/no-warmup", with these seeds to a study under a profile.

    Args:
        override: fields that differ from the profile, "schedule.iterations" → 300.
    """
    lists = {"nets": list(names), "seeds": [str(seed) for seed in seeds]}
    set_lists = "".join(
        f" -S '{task.name}.{key}=[{','.join(items)}]'"
        for key, items in lists.items()
        if key == "nets" or items != ["0"]
    )
    chosen = "" if profile == SHIPPED else f" -S profile={profile}"
    changes = "".join(f" -S '++{task.name}.override.{key}={json.dumps(value)}'" for key, value in override.items())
    return f"dvc exp run{chosen}{set_lists}{changes} tabulate@{task.name}"
