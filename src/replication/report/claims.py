"""The matrix of claims: one row per claim, one column per setup. A row opens to the comparisons and their verdicts."""

from collections.abc import Mapping, Sequence
from itertools import chain

from markupsafe import Markup

from replication import paper
from replication.config.profiles import Profile
from replication.report.html import render_table
from replication.report.setups import runs_id
from replication.report.sources import claim_source, comparison_source
from replication.report.templating import render
from replication.report.values import Cell, Figure, Row, Table
from replication.results.studies import Study
from replication.results.tables import SCORES
from replication.tasks import Task
from replication.verdicts.claim import Kind, Test, Tested
from replication.verdicts.claims import WAITING, judge_claims, list_tests
from replication.verdicts.claims.findings import read_paper_study
from replication.verdicts.claims.settling import plan_settling
from replication.verdicts.comparisons import Comparison
from replication.verdicts.rule import SEEDS, Outcome
from replication.verdicts.rule_since import present_rule
from replication.verdicts.seeds_needed import MAX_SEEDS, POWER

# Of verdicts, and of the outcomes of their comparisons: no two are told apart by colour alone.
SYMBOL: dict[Kind | Outcome, str] = {
    "supported": "●", "confirmed": "■", "contradicted": "▲", "inconclusive": "◐", "single seed": "◔", "not tested": "○",
    "chance": "×",
}  # fmt: skip
WORDS = {outcome: outcome for outcome in SYMBOL} | {"chance": "did not learn", "confirmed": "confirmed by counting"}
KEYS = (["value"], ["low", "high"], ["n"], ["outcome"])  # of the cells of a comparison
KINDS = {"T": "Table", "F": "Figure"}  # of a claim's support


def claim_matrix(by_task: Mapping[Task, Sequence[Study]], profile: Profile) -> Figure:
    """The paper's claims by task, each in the studies of its task; then those that nothing can test yet.

    Args:
        profile: the paper's.
    """
    groups, numbers = [], []
    all_studies = [study for studies in by_task.values() for study in studies]
    for task, studies in sorted(by_task.items(), key=lambda item: item[0].section):
        if tests := sorted(list_tests(task), key=lambda test: test.claim.id):
            judged = [{tested.test: tested for tested in judge_claims(study)} for study in studies]
            by_test = {
                test: [(study, found[test]) for study, found in zip(studies, judged, strict=True)] for test in tests
            }
            rows = [_make_row(test, pairs, profile) for test, pairs in by_test.items()]
            groups.append({"title": f"Section {task.section}, {task.label}", "studies": studies, "rows": rows})
            for study, tested in chain.from_iterable(by_test.values()):
                numbers += [_describe(study, tested, one) for one in tested.comparisons]
    waiting = [
        {"claim": paper.claim(claim_id), "support": _list_support(paper.claim(claim_id)), "needs": needs}
        for claim_id, needs in WAITING.items()
    ]
    return Figure(
        id="claim-matrix", caption="Each claim in each setup", script=__name__, studies=all_studies, data=[SCORES],
        numbers=numbers, is_wide=True,
        open=render(
            "claims.html", groups=groups, waiting=waiting, symbol=SYMBOL, words=WORDS, power=POWER, most=MAX_SEEDS,
            seeds=SEEDS, since=present_rule().since, older=_list_older(all_studies),
        ),
    )  # fmt: skip


def _list_older(studies: Sequence[Study]) -> list[str]:
    """The setups with runs that ended before the rule of verdicts was last changed."""
    return [study.name for study in studies if not present_rule().is_older_than(study, study.nets)]


def _describe(study: Study, tested: Tested, one: Comparison) -> dict[str, object]:
    """A comparison, as a row of the CSV."""
    return {
        "who": study.name, "claim": tested.test.claim.id, "verdict": tested.words, "comparison": one.what,
        "paper": one.paper, "here": one.here, "interval": one.interval, "n": one.n or "", "outcome": WORDS[one.outcome],
    }  # fmt: skip


def _make_row(test: Test, pairs: Sequence[tuple[Study, Tested]], profile: Profile) -> dict[str, object]:
    """A claim with its verdict in each study; arithmetic is the same in all, and needs none."""
    printed = next(t for t in judge_claims(read_paper_study(test.task, profile)) if t.test == test)
    if test.is_counted:
        pairs = pairs[:1] or [(read_paper_study(test.task, profile), printed)]
    return {
        "id": f"{test.claim.id}-{test.task.name}",
        "title": test.title,
        "claim": test.claim,
        "support": _list_support(test.claim),
        "verdicts": [_describe_verdict(study, tested) for study, tested in pairs],
        "is_counted": test.is_counted,
        "printed": "" if printed.verdict == "not tested" else printed.words,
    }


def _describe_verdict(study: Study, tested: Tested) -> dict[str, object]:
    needed = plan_settling(tested, study)
    return {
        "study": study, "tested": tested, "source": claim_source("verdict", study, tested),
        "table": render_table(_comparisons_table(study, tested)), "needed": needed,
        "most": max(needed.seeds.values(), default=0) if needed else 0,
    }  # fmt: skip


def _comparisons_table(study: Study, tested: Tested) -> Table:
    """What a verdict rests on. A column stands where one of its cells has something to say."""
    comparisons = tested.comparisons
    has_intervals, has_seeds = any(one.interval for one in comparisons), any(one.n for one in comparisons)
    columns = ["comparison", "paper", "here", *["95 % interval"] * has_intervals, *["n"] * has_seeds]
    rows = []
    for one in comparisons:
        words = WORDS[one.outcome]
        sources = [comparison_source(study, tested, one, *keys) for keys in KEYS]
        cells = [one.what, one.paper, Cell(one.here, "here", find_runs(study, one), source=sources[0])]
        cells += [Cell(one.interval, "interval", source=sources[1] if one.interval else "")] * has_intervals
        cells += [Cell(str(one.n or ""), source=sources[2])] * has_seeds
        cells.append(Cell(SYMBOL[one.outcome], label=words, title=words, source=sources[3]))
        rows.append(Row(cells, f"{one.outcome.replace(' ', '-')}{'' if one.is_deciding else ' aside'}"))
    return Table(
        id=f"{tested.test.claim.id}-{study.folder}", script=__name__, style="comparisons", rows=rows,
        caption=f"{tested.test.claim.id} · {tested.test.title}{'' if tested.test.is_counted else f' {study.name}'}",
        columns=[*columns, Cell(label="outcome")],
    )  # fmt: skip


def find_runs(study: Study, comparison: Comparison) -> str:
    """The id of the runs of the first net that was measured for a comparison; "" if none was."""
    net = next(iter(comparison.samples), comparison.worse)
    return runs_id(study, net) if net and comparison.outcome != "not tested" else ""


def describe_rule() -> Markup:
    """How a verdict is made, with the hash of the rule and since when it holds."""
    lender = next(project for project in paper.replications() if "std" in project)
    return render("verdict_rule.html", rule=present_rule(), lender=lender)


def _list_support(claim: paper.Claim) -> list[Mapping[str, str]]:
    """Where the paper states a claim, in words; a table or a figure with its id on the page."""
    places = []
    for place in claim.support:
        short, _, rest = place.partition(" ")
        if short[0] in KINDS and short[1:].isdigit():
            kind, number = KINDS[short[0]], short[1:]
            places.append({"id": f"{kind.lower()}-{number}", "words": f"{kind} {number} {rest}".strip()})
        else:
            places.append({"id": "", "words": f"section {place}"})
    return places
