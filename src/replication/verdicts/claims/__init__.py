"""Claims of the paper, tested on a study. A verdict follows from comparisons, which are all shown.

A claim is a function in the file of its section, decorated with `claim`: it takes a study and returns comparisons.
`waiting` has the claims that cannot be tested yet, each with a sentence about what it needs.
"""

from importlib import import_module
from pkgutil import iter_modules

from replication.verdicts.claim import Tested, judge_claims, list_tests
from replication.verdicts.claims.waiting import WAITING

__all__ = ["WAITING", "Tested", "judge_claims", "list_tests"]

for module in iter_modules(__path__):
    import_module(f"{__name__}.{module.name}")
