"""Claims of the paper, tested on a study. A verdict follows from comparisons, and shows each of them.

A claim is a function in the file of its section, decorated with `claim`: it takes a study and returns comparisons.
Those that cannot be tested yet stand in `waiting`, each with the sentence that says what it needs.
"""

from importlib import import_module
from pkgutil import iter_modules

from replication.verdicts.claim import Tested, judge_claims
from replication.verdicts.claims.waiting import WAITING

__all__ = ["WAITING", "Tested", "judge_claims"]

for module in iter_modules(__path__):
    import_module(f"{__name__}.{module.name}")
