"""Verdict cards: what each claim says, what was measured, and what may be concluded."""

from collections.abc import Sequence
from typing import get_args

from replication import paper
from replication.claims import WAITING, Tested, judge_claims
from replication.claims.settling import settling
from replication.report.html import command, data_name, duration, render, schedule_share
from replication.study.comparisons import TRAIN
from replication.study.of_paper import study_of_paper
from replication.study.planning import MOST, POWER
from replication.study.rule import SEEDS, Verdict
from replication.study.rule_since import first_ended, present_rule
from replication.study.studies import Study

SYMBOL: dict[Verdict, str] = {
    "supported": "●", "not supported": "▲", "cannot tell yet": "◐", "no verdict": "○", "not tested": "–",
}  # fmt: skip
MARK = {"holds": "✓", "fails": "✗", "open": "≈", "missing": "–", "too few": "–", "chance": "–"}
EXPLAINED = {"T": "Table", "F": "Figure"}
MOST_SEEDS_IN_A_COMMAND = 10


def claim_cards(studies: Sequence[Study]) -> str:
    """A card a claim; in it a verdict for each study, with the comparisons that it rests on."""
    by_study = [(study, judge_claims(study)) for study in studies]
    printed = judge_claims(study_of_paper(studies[0].arm, studies[0].paper))
    cards = []
    for of_paper, *of_claim in zip(printed, *(tested for _, tested in by_study), strict=True):
        test = of_paper.test
        verdicts = [_verdict(study, tested) for (study, _), tested in zip(by_study, of_claim, strict=True)]
        cards.append(
            {
                "id": f"{test.claim.id}-{test.arm.name}",
                "title": test.title,
                "claim": test.claim,
                "support": _support(test.claim),
                "verdicts": verdicts[:1] if test.counted else verdicts,  # what is counted is the same in every study
                "counted": test.counted,
                "of_paper": "" if of_paper.verdict == "not tested" else of_paper.words,
            }
        )
    nearest = [card["verdicts"][0]["tested"] for card in cards]
    measured = [tested for tested in nearest if not tested.test.counted]
    counts = [
        {
            "symbol": SYMBOL[kind], "kind": kind,
            "count": sum(tested.verdict == kind for tested in measured),
            "provisional": sum(tested.verdict == kind and tested.provisional for tested in measured),
        }
        for kind in get_args(Verdict)
    ]  # fmt: skip
    counted = [tested.verdict == "supported" for tested in nearest if tested.test.counted]
    return render(
        "claims.html", cards=cards, counts=counts, counted=counted, symbol=SYMBOL, mark=MARK, nearest=studies[0].name,
        power=POWER, most=MOST, seeds=SEEDS,
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


def headline(study: Study) -> str:
    """The verdicts of a study on degradation, its cure and the gain from depth, with what was measured."""
    tests = {tested.test.role: tested for tested in judge_claims(study) if tested.test.role}
    subjects = {
        "degradation": "degradation of plain nets", "cure": "its cure by shortcuts", "gain": "the gain from depth",
    }  # fmt: skip
    parts = [
        {"subject": subject, "verdict": tests[role].words.replace(": ", ", "), "measured": _told(tests[role])}
        for role, subject in subjects.items()
    ]
    return render("headline.html", data=data_name(study), schedule=schedule_share(study), parts=parts, study=study)


def _verdict(study: Study, tested: Tested) -> dict[str, object]:
    needed, rule = settling(tested, study), present_rule()
    most = max(needed.seeds.values(), default=0) if needed else 0
    runnable = needed and 0 < most <= MOST_SEEDS_IN_A_COMMAND
    return {
        "study": study,
        "data": data_name(study),
        "schedule": schedule_share(study),
        "tested": tested,
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


def _told(tested: Tested) -> str:
    """The measured difference that a headline tells: the widest of the gain from depth, the deepest of the others."""
    measured = [c for c in tested.comparisons if c.deciding and c.worse and c.evidence and c.measure != TRAIN]
    if not measured:
        return ""
    found = measured[0 if tested.test.role == "gain" else -1]
    points, told, other = float(found.evidence.value), found.better, found.worse
    if tested.test.role == "degradation":
        points, told, other = -points, other, told
    words = f"{told} has {abs(points):.2f} points {'less' if points > 0 else 'more'} {found.measure.words} than {other}"
    learned = all(sample.learned for sample in found.samples.values())
    return words if learned else f"{words}, and one of them did not learn"


def _support(claim: paper.Claim) -> str:
    return ", ".join(_place(place) for place in claim.support)


def _place(place: str) -> str:
    short, _, rest = place.partition(" ")
    if short[0] in EXPLAINED and short[1:].isdigit():
        return f"{EXPLAINED[short[0]]} {short[1:]} {rest}".strip()
    return f"section {place}"
