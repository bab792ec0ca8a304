"""Drills: kills, damage, odd values, odd sources and full disks, and what comes of each. `make drill`.

Each trial must end in the right result (survived) or in one sentence that names a file or key (sentence). One that
ends in a wrong result or in accepted nonsense (silent), in no end (hung) or in a traceback is printed below the table,
with the command that tries it again, and the exit status is 1. All trials take about 15 minutes of one core; `--small`,
some of each drill, less than a minute. Equal seeds give equal trials, but for the moments of kills.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from importlib import import_module
from pathlib import Path

# All trials of each drill are made by its module; so many of them are tried under --small.
DRILLS = {"kills": 8, "mutations": 25, "sources": 12, "tables": 12, "states": 9, "disks": 6}
MOUNTS = "DRILLS_MOUNTS"  # in the environment of a process that may mount file systems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn")
    parser.add_argument("--only", default="", metavar="DRILL[:NUMBER]", help=f"{', '.join(DRILLS)}, or a trial of it")
    parser.add_argument("--small", action="store_true", help="some trials of each drill")
    options = parser.parse_args()
    _with_mounts_of_its_own()
    only, _, number = options.only.partition(":")
    table, faults = [f"{'drill':10} |{_cells(('tried', *_outcomes()))}"], []
    for name in [only] if only else DRILLS:
        begin = time.monotonic()
        ended = _drill(name, options.seed, DRILLS[name] * options.small, int(number) if number else None, bool(only))
        counts = Counter(outcome for _, outcome, _ in ended)
        note = "" if ended else "  not tried: no mounts here"
        table.append(f"{name:10} |{_cells((len(ended), *(counts[word] for word in _outcomes())))}{note}")
        faults += [(name, *found) for found in ended if found[1] in _outcomes()[2:]]
        print(f"{name}: {len(ended)} trials in {time.monotonic() - begin:.0f} seconds", flush=True)
    print("\n".join(["", *table, ""]))
    for name, trial, outcome, words in faults:
        words = words.strip().splitlines()[-1] if outcome == "traceback" else words
        print(f"{outcome}: {trial}: {words}\n  make drill SEED={options.seed} ONLY={name}:{trial.split()[0]}\n")
    return 1 if faults else 0


def _drill(name: str, seed: int, most: int, number: int | None, shown: bool) -> list[tuple[str, str, str]]:
    """The trials of a drill: number and name, outcome, words; at most so many (0: all), or the one of that number."""
    import torch

    from drills.runner import attempt

    torch.set_num_threads(1)
    ended = []
    with tempfile.TemporaryDirectory(prefix=f"drill-{name}-") as temporary:
        shared = Path(temporary)
        trials = list(enumerate(import_module(f"drills.{name}").trials(random.Random(f"{name} {seed}"), shared)))
        chosen = trials if not most else [trials[i * len(trials) // most] for i in range(min(most, len(trials)))]
        for place, trial in [trials[number]] if number is not None else chosen:
            outcome, words = attempt(trial, shared / f"trial-{place}", quiet=number is None)
            ended.append((f"{place} ({trial.name})", outcome, words))
            if len(ended) % max(1, len(chosen) // 10) == 0:
                print(f"{name}: {len(ended)} of {len(chosen)}", flush=True)
            if shown and outcome != "survived":
                print(f"{name}:{place} ({trial.name}): {outcome}: {words}", flush=True)
    return ended


def _outcomes() -> tuple[str, ...]:
    from drills.runner import OUTCOMES

    return OUTCOMES


def _cells(values: tuple[object, ...]) -> str:
    return " |".join(f"{value:>10}" for value in values)


def _with_mounts_of_its_own() -> None:
    """Begin anew where this process may mount file systems that no other sees, if the machine allows it."""
    if MOUNTS in os.environ or not shutil.which("unshare"):
        return
    mount = ["unshare", "-rm", "mount", "-t", "tmpfs", "none", tempfile.gettempdir()]
    if subprocess.run(mount, capture_output=True).returncode == 0:
        os.environ[MOUNTS] = "yes"
        os.execvp("unshare", ["unshare", "-rm", sys.executable, "-m", "drills", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
