"""Claims of the paper, tested on a study. A verdict follows from comparisons, and shows each of them."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import pandas as pd

from replication.nets import complexity
from replication.paper import Claim, claim, figure, table
from replication.study.fidelity import RANK
from replication.study.results import END_OF_TRAINING, Study
from replication.study.statistics import Interval, above, difference, sample

Outcome = Literal["holds", "fails", "open", "missing"]
Verdict = Literal["supported", "not supported", "cannot tell yet"]

DEPTHS = (20, 32, 44, 56)


@dataclass(frozen=True)
class Comparison:
    """One inequality that a claim rests on, as the paper has it and as it was measured here."""

    what: str
    outcome: Outcome
    paper: str
    here: str
    n: int | None = None  # the smaller number of seeds
    deciding: bool = True  # False: shown, but the verdict does not rest on it
    worse: str = ""  # the two nets compared, the one with the larger error in the paper first
    better: str = ""
    points: float | None = None  # error of `worse` minus that of `better`, as measured here


@dataclass(frozen=True)
class Tested:
    """A claim with its verdict in one study."""

    claim: Claim
    verdict: Verdict
    comparisons: tuple[Comparison, ...]
    missing: tuple[str, ...]  # nets that would have to be trained to tell
    fidelity: str  # of the runs it rests on; "exact" for arithmetic


def judge_claims(study: Study) -> list[Tested]:
    """The claims on section 4.2 that training curves and final errors can test: K02, K03, K08, K14 and K15."""
    tests: dict[str, Callable[[Study], list[Comparison]]] = {
        "K02": _plain_nets_degrade,
        "K03": _plain_110_fails,
        "K08": _shortcuts_are_free,
        "K14": _residual_nets_gain_from_depth,
        "K15": _residual_beats_plain,
    }
    needed = {
        "K02": ["plain-20", "plain-56"],
        "K03": ["plain-110"],
        "K08": [],
        "K14": [f"resnet-{d}" for d in (*DEPTHS, 110)],
        "K15": [f"{kind}-{d}" for d in DEPTHS for kind in ("plain", "resnet")],
    }
    there = set(study.runs["net"])
    tested = []
    for claim_id, test in tests.items():
        comparisons = tuple(test(study))
        missing = tuple(net for net in needed[claim_id] if net not in there)
        used = study.runs[study.runs["net"].isin(needed[claim_id])]["fidelity"]
        worst = max(used, key=RANK.__getitem__) if len(used) else study.fidelity
        if not needed[claim_id]:
            worst = "exact"
        tested.append(Tested(claim(claim_id), verdict(comparisons), comparisons, missing, worst))
    return tested


def verdict(comparisons: tuple[Comparison, ...]) -> Verdict:
    """Supported if every deciding comparison holds; not supported if one fails; else it cannot be told yet."""
    outcomes = {c.outcome for c in comparisons if c.deciding}
    if "fails" in outcomes:
        return "not supported"
    return "supported" if outcomes == {"holds"} else "cannot tell yet"


def errors_of(study: Study, net: str, split: str) -> pd.Series:
    """Errors of a net's seeds in percent: `split` is "test" (last iteration) or "train" (end of the schedule)."""
    return study.runs.loc[study.runs["net"] == net, f"{split}_error"]


def _plain_nets_degrade(study: Study) -> list[Comparison]:
    ends = figure(6)["digitised"]
    paper = {
        split: {f"plain-{d}": ends[key][f"plain-{d}"] for d in DEPTHS}
        for split, key in (("train", "train_mean_59_64k"), ("test", "test_final"))
    }
    pairs = [("plain-56", "plain-20", True)]
    pairs += [(f"plain-{b}", f"plain-{a}", False) for a, b in pairwise(DEPTHS)]
    compared = [
        _compare(study, split, worse, better, paper[split][worse] - paper[split][better], deciding)
        for worse, better, deciding in pairs
        for split in ("train", "test")
    ]
    return [c for c in compared if c.deciding or c.outcome != "missing"]


def _plain_110_fails(study: Study) -> list[Comparison]:
    comparisons = []
    for split in ("train", "test"):
        values = errors_of(study, "plain-110", split)
        what, paper = f"plain-110 above 60 %, {_NAME[split]}", "> 60 %"
        if values.empty:
            comparisons.append(Comparison(what, "missing", paper, "plain-110 was not run"))
            continue
        interval = above(sample(values, _images(study, "plain-110", split)), 60)
        comparisons.append(Comparison(what, _outcome(interval), paper, f"{values.mean():.1f} %", len(values)))
    return comparisons


def _shortcuts_are_free(_: Study) -> list[Comparison]:
    comparisons = []
    for depth in (*DEPTHS, 110, 1202):
        plain, residual = complexity(f"plain-{depth}", 32), complexity(f"resnet-{depth}", 32)
        printed = next(r["params_m"] for r in table(6) if r["kind"] == "own" and r["layers"] == depth)
        here = f"{residual.parameters:,} parameters, {residual.macs / 1e6:.1f} M multiply-adds"
        if plain != residual:
            here += f"; plain: {plain.parameters:,}, {plain.macs / 1e6:.1f} M"
        outcome: Outcome = "holds" if plain == residual else "fails"
        comparisons.append(Comparison(f"{depth} layers, plain = residual", outcome, f"{printed} M parameters", here))
    return comparisons


def _residual_nets_gain_from_depth(study: Study) -> list[Comparison]:
    paper = {r["layers"]: r.get("mean", r["error"]) for r in table(6) if r["kind"] == "own"}
    depths = (*DEPTHS, 110)
    pairs = list(pairwise(depths))
    measured = [d for d in depths if f"resnet-{d}" in set(study.runs["net"])]
    if len(measured) > 1 and (measured[0], measured[-1]) not in pairs:
        pairs.insert(0, (measured[0], measured[-1]))
    return [
        _compare(study, "test", f"resnet-{shallow}", f"resnet-{deep}", paper[shallow] - paper[deep])
        for shallow, deep in pairs
    ]


def _residual_beats_plain(study: Study) -> list[Comparison]:
    ends = figure(6)["digitised"]["test_final"]
    return [
        _compare(study, "test", f"plain-{d}", f"resnet-{d}", ends[f"plain-{d}"] - ends[f"ResNet-{d}"]) for d in DEPTHS
    ]


_NAME = {"train": "training error", "test": "test error"}


def _compare(study: Study, split: str, worse: str, better: str, paper: float, deciding: bool = True) -> Comparison:
    """Whether `worse` has the larger error, as the claim says."""
    what = f"{worse} − {better}, {_NAME[split]}"
    values = {net: errors_of(study, net, split) for net in (worse, better)}
    absent = [net for net, found in values.items() if found.empty]
    if absent:
        return Comparison(what, "missing", f"{paper:+.2f}", f"{' and '.join(absent)} not run", deciding=deciding)
    interval = difference(*(sample(values[net], _images(study, net, split)) for net in (worse, better)))
    here = f"{interval.value:+.2f} [{interval.low:+.2f}, {interval.high:+.2f}]"
    diverged = [net for net in values if (study.runs.loc[study.runs["net"] == net, "status"] == "diverged").any()]
    if diverged:
        here += f"; {' and '.join(diverged)} diverged"
    n = min(map(len, values.values()))
    return Comparison(
        what, _outcome(interval), f"{paper:+.2f}", here, n, deciding, worse, better, round(interval.value, 2)
    )


def _outcome(interval: Interval) -> Outcome:
    if interval.low > 0:
        return "holds"
    return "fails" if interval.high < 0 else "open"


def _images(study: Study, net: str, split: str) -> int:
    """Images behind one error: the test set, or the training images of the end of the schedule."""
    row = study.runs[study.runs["net"] == net].iloc[0]
    if split == "test":
        return int(row["test_images"])
    return int(row["iterations"] * row["batch_size"] * END_OF_TRAINING)
