"""Verdict cards: what each claim says, what was measured, and what may be concluded."""

from collections.abc import Sequence

from replication import paper
from replication.report.html import SYMBOL, WORDS, command, duration, render, runs_id
from replication.results.studies import Study
from replication.verdicts.claims import WAITING, Tested, judge_claims
from replication.verdicts.claims.settling import settling
from replication.verdicts.comparisons import Comparison
from replication.verdicts.of_paper import study_of_paper
from replication.verdicts.planning import MOST, POWER
from replication.verdicts.rule import SEEDS
from replication.verdicts.rule_since import first_ended, present_rule

EXPLAINED = {"T": "Table", "F": "Figure"}
MOST_SEEDS_IN_A_COMMAND = 10


def claim_cards(studies: Sequence[Study]) -> str:
    """A card a claim; in it a verdict for each study, with the comparisons that it rests on."""
    by_study = [(study, judge_claims(study)) for study in studies]
    printed = judge_claims(study_of_paper(studies[0].task, studies[0].paper))
    cards = []
    for of_paper, *of_claim in zip(printed, *(tested for _, tested in by_study), strict=True):
        test = of_paper.test
        verdicts = [_verdict(study, tested) for (study, _), tested in zip(by_study, of_claim, strict=True)]
        cards.append(
            {
                "id": f"{test.claim.id}-{test.task.name}",
                "title": test.title,
                "claim": test.claim,
                "support": _support(test.claim),
                "verdicts": verdicts[:1] if test.counted else verdicts,  # what is counted is the same in every study
                "counted": test.counted,
                "of_paper": "" if of_paper.verdict == "not tested" else of_paper.words,
            }
        )
    return render(
        "claims.html", cards=cards, symbol=SYMBOL, words=WORDS, power=POWER, most=MOST, seeds=SEEDS
    )  # fmt: skip


def waiting_claims() -> str:
    """The claims that nothing here can test yet, each with the sentence that says what it needs."""
    claims = [paper.claim(claim_id) for claim_id in WAITING]
    rows = [{"claim": claim, "support": _support(claim), "needs": WAITING[claim.id]} for claim in claims]
    return render("waiting.html", rows=rows, all=len(paper.claim_ids()))


def verdict_rule() -> str:
    """How a verdict is made, in words, with the hash of the rule and since when it holds."""
    lender = next(project for project in paper.replications() if "std" in project)
    return render("verdict_rule.html", rule=present_rule(), lender=lender)


def _verdict(study: Study, tested: Tested) -> dict[str, object]:
    needed, rule = settling(tested, study), present_rule()
    most = max(needed.seeds.values(), default=0) if needed else 0
    runnable = needed and 0 < most <= MOST_SEEDS_IN_A_COMMAND
    return {
        "study": study,
        "tested": tested,
        "runs": [_runs(study, of) for of in tested.comparisons],
        "needed": needed,
        "most": most,
        "hours": duration(needed.hours) if needed and needed.hours is not None else "",
        "command": command(study, list(needed.seeds), most) if runnable else "",
        "since": "" if rule.is_older_than(study, tested.test.rests_on(study)) else rule.since or "it was changed",
        "ended": first_ended(study, tested.test.rests_on(study)),
        # A column has a heading where one of its cells has something to say.
        "intervals": any(c.interval for c in tested.comparisons),
        "seeds": any(c.n for c in tested.comparisons),
    }


def _runs(study: Study, of: Comparison) -> str:
    """Where the runs of the first net stand that was measured for a comparison; "" if none was."""
    net = next(iter(of.samples), of.worse)
    return runs_id(study, net) if net and of.outcome != "not tested" else ""


def _support(claim: paper.Claim) -> list[dict[str, str]]:
    """Where the paper has it, in words; a table or a figure with its place on the page."""
    return [_place(place) for place in claim.support]


def _place(place: str) -> dict[str, str]:
    short, _, rest = place.partition(" ")
    if short[0] in EXPLAINED and short[1:].isdigit():
        kind, number = EXPLAINED[short[0]], short[1:]
        return {"id": f"{kind.lower()}-{number}", "words": f"{kind} {number} {rest}".strip()}
    return {"id": "", "words": f"section {place}"}
