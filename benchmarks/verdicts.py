"""How often the rule of verdicts is wrong where it should say nothing: `python benchmarks/verdicts.py`.

Prints, for every claim that rests on runs, what percentage of 20,000 made-up studies of equal nets it calls supported
and contradicted, and what percentage of their 95 % intervals has the true value in it: at 3, 5 and 10 seeds, and at
one seed with the spread that others published. The claims' own functions weigh them, by the rule itself. Takes a minute
on one core. Expect less than 5 % of either verdict in the first four kinds of studies, and 94 % or more of intervals.

Equal nets have one error, the bound of the claim where it has one. Three claims are true or false of equal nets: in
their studies a net is off by as much as the claim allows. The last two kinds are not what Student's t is made for: they
show where the rule fails. Differences stand, but a net whose seeds are skewed is called above or below a bound too
often.
"""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from replication.paper import published_spread
from replication.results.schema import TRAINING
from replication.tasks import TASKS, Task
from replication.tasks.detection.recipe import VGG
from replication.verdicts import rule
from replication.verdicts.claim import Test, list_tests
from replication.verdicts.claims import signals
from replication.verdicts.claims.section_4_2 import ALIKE, OF_110
from replication.verdicts.claims.section_4_3 import MARGIN
from replication.verdicts.comparisons import ORDER, SPREAD, Comparison

STUDIES = 20_000
SEEDS = (3, 5, 10)
ERRORS = {"K03": 60.0, "K12": 4.82, "K16": 7.54, "K18": OF_110["mean"], "K19": 0.1}  # the bound of a claim, percent
ERROR = 8.0  # of nets of other claims
# Of claims that are true or false of equal nets: by how many points a net, by the end of its name, is off.
EDGES = {"K18": ("resnet-110", ALIKE), "K26": ("one-layer-blocks", -ALIKE), "K27": (VGG, MARGIN)}
DATASETS = {"K28": "coco"}  # of a claim, if it is not the paper's of the task
DIFFERENCE = ("difference",)  # source of a sample of differences between two errors of a net


@dataclass(frozen=True)
class Kind:
    """How seeds spread: standard deviations of the nets by turns, in points; images of the test; how they are drawn."""

    words: str
    spreads: tuple[float, ...]
    images: int
    draw: str = "normal"
    exact: bool = False  # the published spread is of nets like these


KINDS = [
    Kind("spread of 1 point, many images", (1.0,), 10**9),
    Kind("spread of 0.2 points, 10,000 images", (0.2,), 10_000),
    Kind("spreads of 0.5 and 3 points by turns", (0.5, 3.0), 10**9),
    Kind("one seed, published spread", (0.2,), 10**9, exact=True),
    Kind("skewed: log-normal", (1.0,), 10**9, "skewed"),
    Kind("one seed in ten is 10 points worse", (0.5,), 10**9, "outlying"),
]
NORMAL = KINDS[:3]


@dataclass
class Studies:
    """Many made-up studies at once: what a claim asks of a study, with a first axis of studies in every sample."""

    task: Task
    kind: Kind
    n: int
    error: float
    count: int = STUDIES
    off: tuple[str, float] = ("", 0.0)
    dataset: str = ""
    random: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    made: dict[tuple[str, ...], rule.Sample] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.dataset, self.nets = self.dataset or self.task.datasets[-1], ["resnet-101"]
        nets = 5  # whose spread was published from five seeds each, differently in each made-up world
        drawn = self.kind.spreads[0] ** 2 * self.random.chisquare(4 * nets, self.count) / (4 * nets)
        self.published = rule.Spread(drawn, 4 * nets) if self.kind.exact else None

    def mean(self, name: str) -> float:
        end, points = self.off
        return self.error + (points if end and name.endswith(end) else 0)

    def true(self, name: str, sample: rule.Sample) -> float:
        """What the mean of a net's sample would be, of infinitely many seeds."""
        return 0.0 if sample.source == DIFFERENCE else self.mean(name)

    def sample(self, name: str, protocol: str, metric: str) -> rule.Sample:
        key = (name, protocol, metric)
        if key not in self.made:
            order = len({net for net, *_ in self.made} - {name})
            values = self.mean(name) + self.kind.spreads[order % len(self.kind.spreads)] * self._noise()
            published = None if protocol == TRAINING else self.published
            self.made[key] = rule.of_errors(values, self.kind.images, published=published)
        return self.made[key]

    def _noise(self) -> rule.Array:
        """With mean 0, and standard deviation 1 where it is normal."""
        size = (self.count, self.n)
        if self.kind.draw == "skewed":
            return self.random.lognormal(0, 1, size) - np.exp(0.5)
        late = 20 * (self.random.random(size) < 0.1) - 2 if self.kind.draw == "outlying" else 0
        return self.random.normal(size=size) + late

    def sample_at(self, name: str, iteration: int) -> rule.Sample:
        return self.sample(name, f"iteration {iteration}", "top1_error")

    def iterations_until(self, name: str, error: float) -> rule.Sample:
        return self.sample(name, f"{error} %", "iterations")

    def first_test_from(self, names: list[str], share: float) -> int:
        return 1

    def errors(self, net: str, protocol: str, metric: str) -> pd.Series:
        return pd.Series(dtype=float)

    def ensemble_of(self, net: str) -> None:
        return None

    def sample_differences(
        self, net: str, first: tuple[str, str], second: tuple[str, str], alone: object
    ) -> rule.Sample:
        one, other = (self.sample(net, *number) for number in (first, second))
        least = np.asarray(one.least) + np.asarray(other.least)
        return rule.Sample(one.values - other.values, least, source=DIFFERENCE)

    def curve(self, net: str, split: str) -> pd.DataFrame:
        return pd.DataFrame(columns=["iteration", "value"])

    def has(self, name: str) -> bool:
        return True

    def fidelity_of(self, names: list[str]) -> str:
        return "exact"


def rates(test: Test, kind: Kind, n: int, count: int = STUDIES) -> dict[str, float]:
    """Percent of studies that are called supported and contradicted, and of intervals that have the true value.

    The last is the mean over the comparisons of the claim; nan where none has an interval.
    """
    spread = OF_110["std"] if test.claim.id == "K18" else None
    kind = replace(kind, spreads=(spread,)) if spread else kind
    error = ERRORS.get(test.claim.id, ERROR)
    studies = Studies(
        test.task, kind, n, error, count, EDGES.get(test.claim.id, ("", 0.0)), DATASETS.get(test.claim.id, "")
    )
    comparisons = test.compare(studies)
    deciding = [c for c in comparisons if c.is_deciding and c.evidence]  # what is not built yet supports nothing
    holds, reversed_ = rule.decide([c.evidence for c in deciding])
    must = np.array([c.part == "must" for c in deciding])
    contradicted = reversed_.any(0)
    supported = holds[must].all(0) & ~contradicted
    of_means = [c for c in comparisons if c.samples and c.form not in (ORDER, SPREAD) and c.evidence.state == "tested"]
    covered = np.mean([_covered(c, studies) for c in of_means]) if of_means else np.nan
    found = {"supported": supported.mean(), "contradicted": contradicted.mean(), "covered": covered}
    return {key: 100 * float(share) for key, share in found.items()}


def _covered(comparison: Comparison, studies: Studies) -> float:
    """The share of intervals that have the true value."""
    true = {
        net: replace(of, values=np.full(rule.SEEDS, studies.true(net, of)), least=1.0)
        for net, of in comparison.samples.items()
    }
    value, found = comparison.weigh(true).value, comparison.evidence
    return float(np.mean((found.low < value) & (value < found.high)))


def on_errors(task: Task) -> list[Test]:
    """The claims that are simulated: those on errors of nets. K21 to K23 weigh what was measured layer by layer, by the
    same difference, trend and bound; no such numbers are made up here.
    """
    return [test for test in list_tests(task) if not test.is_counted and test.compare.__module__ != signals.__name__]


def main() -> None:
    tests = [test for task in TASKS.values() for test in on_errors(task)]
    for kind in KINDS:
        print(f"\n{kind.words}\n{'claim':15}" + "".join(f"{'n = ' + str(n):^27}" for n in seeds_of(kind)))
        print(" " * 15 + " supported  not  covered   " * len(seeds_of(kind)))
        for test in tests:
            if kind.exact and not published_spread(test.task.name, test.task.headline, test.task.metric.name):
                continue
            found = [rates(test, kind, n) for n in seeds_of(kind)]
            cells = (f"{f['supported']:8.2f} {f['not supported']:6.2f} {f['covered']:8.1f}   " for f in found)
            print(f"{test.claim.id + ' ' + test.task.name:15}" + "".join(cells), flush=True)


def seeds_of(kind: Kind) -> tuple[int, ...]:
    """At which numbers of seeds a kind of studies is made."""
    return (1,) if kind.exact else SEEDS


if __name__ == "__main__":
    main()
