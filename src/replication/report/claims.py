"""Verdict cards: what each claim says, what was measured, and what may be concluded."""

from collections.abc import Sequence

from replication.claims import Tested, judge_claims
from replication.report.html import command, data_name, render, schedule_share
from replication.study.comparisons import TRAIN, Comparison
from replication.study.studies import Study

SYMBOL = {"supported": "●", "not supported": "▲", "cannot tell yet": "◐"}
MARK = {"holds": "✓", "fails": "✗", "open": "≈", "missing": "–"}
EXPLAINED = {"T": "Table", "F": "Figure"}


def claim_cards(studies: Sequence[Study]) -> str:
    """A card a claim; in it a verdict for each study, with the comparisons that it rests on."""
    by_study = [(study, judge_claims(study)) for study in studies]
    cards = []
    for of_claim in zip(*(tested for _, tested in by_study), strict=True):
        test = of_claim[0].test
        verdicts = [_verdict(study, tested) for (study, _), tested in zip(by_study, of_claim, strict=True)]
        cards.append(
            {
                "id": f"{test.claim.id}-{test.arm.name}",
                "title": test.title,
                "claim": test.claim,
                "support": ", ".join(_place(place) for place in test.claim.support),
                "verdicts": verdicts if test.needs else verdicts[:1],  # what is counted is the same in every study
                "counted": not test.needs,
            }
        )
    nearest = [card["verdicts"][0]["tested"].verdict for card in cards]
    counts = [(SYMBOL[verdict], verdict, nearest.count(verdict)) for verdict in SYMBOL]
    return render("claims.html", cards=cards, counts=counts, symbol=SYMBOL, mark=MARK, nearest=studies[0].name)


def verdict_rule() -> str:
    """How a verdict is made, in words."""
    return render("verdict_rule.html")


def headline(study: Study) -> str:
    """What a study says of degradation, its cure and the gain from depth, in one sentence."""
    tests = {tested.test.role: tested for tested in judge_claims(study) if tested.test.role}
    cured = [c for c in tests["cure"].comparisons if c.outcome == "holds" and c.measure != TRAIN]
    gain = tests["gain"].comparisons[0]
    parts = [
        {
            "supported": "degradation shows: the deep plain net is worse on training and on test data",
            "not supported": "degradation does not show",
            "cannot tell yet": "degradation cannot be told yet",
        }[tests["degradation"].verdict]
    ]
    if cured:
        deepest = cured[-1]
        parts.append(f"the cure shows: {deepest.better} has {_points(deepest)} than {deepest.worse}")
    else:
        parts.append("the cure does not show yet")
    measured = f"{gain.better} has {_points(gain)} than {gain.worse}"
    parts.append(
        {
            "holds": f"the gain from depth shows: {measured}",
            "fails": f"the gain from depth does not show: {measured}",
            "open": f"the gain from depth does not show: {measured}, which may be chance",
            "missing": "the gain from depth was not tested",
        }[gain.outcome]
    )
    return render("headline.html", data=data_name(study), schedule=schedule_share(study), parts=parts, study=study)


def _verdict(study: Study, tested: Tested) -> dict[str, object]:
    return {
        "study": study,
        "data": data_name(study),
        "schedule": schedule_share(study),
        "tested": tested,
        "command": command(study, tested.missing) if tested.missing else "",
        # A column has a heading where one of its cells has something to say.
        "intervals": any(c.interval for c in tested.comparisons),
        "seeds": any(c.n for c in tested.comparisons),
    }


def _points(comparison: Comparison) -> str:
    points = comparison.points or 0
    error = comparison.measure.words if comparison.measure else "error"
    return f"{abs(points):.2f} points {'less' if points > 0 else 'more'} {error}"


def _place(place: str) -> str:
    short, _, rest = place.partition(" ")
    if short[0] in EXPLAINED and short[1:].isdigit():
        return f"{EXPLAINED[short[0]]} {short[1:]} {rest}".strip()
    return f"section {place}"
