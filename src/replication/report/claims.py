"""Verdict cards: what each claim says, what was measured, and what may be concluded."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from replication import paper
from replication.report.html import render, render_table
from replication.report.setups import build_command, runs_id
from replication.report.values import Cell, Figure, Row, Table
from replication.results.studies import Study
from replication.results.tables import SCORES
from replication.verdicts.claim import Kind
from replication.verdicts.claims import WAITING, Tested, judge_claims
from replication.verdicts.claims.settling import plan_settling
from replication.verdicts.comparisons import Comparison
from replication.verdicts.paper_study import make_paper_study
from replication.verdicts.planning import MOST, POWER
from replication.verdicts.rule import SEEDS, Outcome
from replication.verdicts.rule_since import first_ended, present_rule
from replication.words import format_duration

# Of verdicts, and of the outcomes of their comparisons: no two are told apart by colour alone.
SYMBOL: dict[Kind | Outcome, str] = {
    "supported": "●", "confirmed": "■", "contradicted": "▲", "inconclusive": "◐", "single seed": "◔", "not tested": "○",
    "chance": "×",
}  # fmt: skip
WORDS = {outcome: outcome for outcome in SYMBOL} | {"chance": "did not learn", "confirmed": "confirmed by counting"}
KINDS = {"T": "Table", "F": "Figure"}  # of a claim's support
MOST_SEEDS_IN_A_COMMAND = 10


def claim_cards(studies: Sequence[Study]) -> list[Figure]:
    """A card a claim; in it a verdict for each study, with the comparisons that it rests on. None without a study."""
    if not studies:
        return []
    task, verdicts = studies[0].task, [judge_claims(study) for study in studies]
    cards, numbers = [], []
    for printed, *of_claim in zip(judge_claims(make_paper_study(task, studies[0].paper)), *verdicts, strict=True):
        pairs = list(zip(studies, of_claim, strict=True))[: 1 if printed.test.is_counted else None]  # all alike
        cards.append(_card(printed, pairs))
        numbers += [_describe(study, tested, one) for study, tested in pairs for one in tested.comparisons]
    return [Figure(
        id=f"claims-{task.name}", caption=f"Claims of section {task.section}", script=__name__, studies=studies,
        data=[SCORES], numbers=numbers,
        drawing=render("claims.html", cards=cards, symbol=SYMBOL, power=POWER, most=MOST, seeds=SEEDS),
    )]  # fmt: skip


def _describe(study: Study, tested: Tested, one: Comparison) -> dict[str, object]:
    """A comparison, as a row of the CSV."""
    return {
        "who": study.name, "claim": tested.test.claim.id, "verdict": tested.words, "comparison": one.what,
        "paper": one.paper, "here": one.here, "interval": one.interval, "n": one.n or "", "outcome": WORDS[one.outcome],
    }  # fmt: skip


def _card(printed: Tested, pairs: Sequence[tuple[Study, Tested]]) -> dict[str, object]:
    """What the card of a claim says; `printed` is the verdict on the paper's own numbers."""
    test = printed.test
    return {
        "id": f"{test.claim.id}-{test.task.name}",
        "title": test.title,
        "claim": test.claim,
        "support": _list_support(test.claim),
        "verdicts": [_describe_verdict(study, tested) for study, tested in pairs],
        "counted": test.is_counted,
        "printed": "" if printed.verdict == "not tested" else printed.words,
    }


def _describe_verdict(study: Study, tested: Tested) -> dict[str, object]:
    needed, rule, nets = plan_settling(tested, study), present_rule(), tested.test.rests_on(study)
    most = max(needed.seeds.values(), default=0) if needed else 0
    is_runnable = needed and 0 < most <= MOST_SEEDS_IN_A_COMMAND
    return {
        "study": study,
        "tested": tested,
        "table": render_table(_comparisons_table(study, tested)),
        "needed": needed,
        "most": most,
        "duration": format_duration(3600 * needed.hours) if needed and needed.hours is not None else "",
        "command": build_command(study, list(needed.seeds), most) if is_runnable else "",
        "since": "" if rule.is_older_than(study, nets) else rule.since or "it was changed",
        "ended": first_ended(study, nets),
    }


def _comparisons_table(study: Study, tested: Tested) -> Table:
    """What a verdict rests on. A column stands where one of its cells has something to say."""
    comparisons = tested.comparisons
    has_intervals, has_seeds = any(one.interval for one in comparisons), any(one.n for one in comparisons)
    columns = ["comparison", "paper", "here", *["95 % interval"] * has_intervals, *["n"] * has_seeds]
    rows = []
    for one in comparisons:
        words = WORDS[one.outcome]
        cells = [one.what, one.paper, Cell(one.here, "here", _find_runs(study, one))]
        cells += [Cell(one.interval, "interval")] * has_intervals + [str(one.n or "")] * has_seeds
        cells.append(Cell(SYMBOL[one.outcome], label=words, title=words))
        rows.append(Row(cells, f"{one.outcome.replace(' ', '-')}{'' if one.is_deciding else ' aside'}"))
    return Table(
        id=f"{tested.test.claim.id}-{study.folder}", script=__name__, style="comparisons", rows=rows,
        caption=f"{tested.test.claim.id} · {tested.test.title}{'' if tested.test.is_counted else f' {study.name}'}",
        columns=[*columns, Cell(label="outcome")],
    )  # fmt: skip


def _find_runs(study: Study, comparison: Comparison) -> str:
    """The id of the runs of the first net that was measured for a comparison; "" if none was."""
    net = next(iter(comparison.samples), comparison.worse)
    return runs_id(study, net) if net and comparison.outcome != "not tested" else ""


def list_waiting_claims() -> Markup:
    """The claims that nothing here can test yet, each with the sentence that says what it needs."""
    claims = [paper.claim(claim_id) for claim_id in WAITING]
    rows = [{"claim": claim, "support": _list_support(claim), "needs": WAITING[claim.id]} for claim in claims]
    return render("waiting.html", rows=rows, count=len(paper.claim_ids()))


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
