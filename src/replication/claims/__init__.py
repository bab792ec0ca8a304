"""Claims of the paper, tested on a study. A verdict follows from comparisons, and shows each of them.

A claim is a function in the file of its section, decorated with `claim`: it takes a study and returns comparisons.
Those that cannot be tested yet stand in `waiting`, each with the sentence that says what it needs.
"""

from functools import lru_cache
from importlib import import_module
from pkgutil import iter_modules

from replication.claims.claim import Tested, judge, tests_of
from replication.claims.waiting import WAITING
from replication.study.studies import Study

__all__ = ["WAITING", "Tested", "judge_claims"]

for module in iter_modules(__path__):
    import_module(f"{__name__}.{module.name}")


@lru_cache(maxsize=32)  # several parts of the page ask for the same
def judge_claims(study: Study) -> list[Tested]:
    """The claims of the study's arm, in the order of their file."""
    return [judge(test, study) for test in tests_of(study.arm)]
