"""Verdict cards: what each claim says, what was measured, and what may be concluded."""

from replication.report.html import command, data_name, render, schedule_share, shown
from replication.study.claims import Comparison, Tested, judge_claims
from replication.study.results import Study

SYMBOL = {"supported": "●", "not supported": "▲", "cannot tell yet": "◐"}
MARK = {"holds": "✓", "fails": "✗", "open": "≈", "missing": "–"}
TITLES = {
    "K02": "Plain nets get worse with depth, on training data too.",
    "K03": "A plain net of 110 layers does not train.",
    "K08": "Identity shortcuts are free: same parameters, same multiply-adds.",
    "K14": "Residual nets gain from depth, up to 110 layers.",
    "K15": "A residual net beats the plain net of its depth.",
}
EXPLAINED = {"T6": "Table 6", "F1": "Figure 1", "F6": "Figure 6"}


def claim_cards(studies: list[Study], profile: str) -> str:
    """A card a claim; in it a verdict for each study shown, with the comparisons that it rests on."""
    seen = shown(studies, profile)
    by_study = [(study, {tested.claim.id: tested for tested in judge_claims(study)}) for study in seen]
    cards = []
    for claim_id, title in TITLES.items():
        verdicts = [
            {
                "study": study,
                "data": data_name(study),
                "schedule": schedule_share(study),
                "tested": tests[claim_id],
                "command": command(study, list(tests[claim_id].missing)),
            }
            for study, tests in by_study
        ]
        if claim_id == "K08":  # arithmetic: no study matters
            verdicts = verdicts[:1]
        first: Tested = verdicts[0]["tested"]
        support = ", ".join(_place(place) for place in first.claim.support)
        cards.append({"id": claim_id, "title": title, "claim": first.claim, "support": support, "verdicts": verdicts})
    nearest = [card["verdicts"][0]["tested"].verdict for card in cards]
    counts = [(SYMBOL[verdict], verdict, nearest.count(verdict)) for verdict in SYMBOL]
    return render("claims.html", cards=cards, counts=counts, symbol=SYMBOL, mark=MARK, nearest=seen[0].profile)


def headline(study: Study) -> str:
    """What a study says of degradation, its cure and the gain from depth, in one sentence."""
    tests = {tested.claim.id: tested for tested in judge_claims(study)}
    degradation = tests["K02"].verdict
    cured = [c for c in tests["K15"].comparisons if c.outcome == "holds"]
    gain = tests["K14"].comparisons[0]
    parts = [
        {
            "supported": "degradation shows: the deep plain net is worse on training and on test data",
            "not supported": "degradation does not show",
            "cannot tell yet": "degradation cannot be told yet",
        }[degradation]
    ]
    if cured:
        deepest = cured[-1]
        parts.append(f"the cure shows: {deepest.better} has {_points(deepest)} test error than {deepest.worse}")
    else:
        parts.append("the cure does not show yet")
    measured = f"{gain.better} has {_points(gain)} test error than {gain.worse}"
    parts.append(
        {
            "holds": f"the gain from depth shows: {measured}",
            "fails": f"the gain from depth does not show: {measured}",
            "open": f"the gain from depth does not show: {measured}, which may be chance",
            "missing": "the gain from depth was not tested",
        }[gain.outcome]
    )
    return render("headline.html", data=data_name(study), schedule=schedule_share(study), parts=parts, study=study)


def _points(comparison: Comparison) -> str:
    points = comparison.points or 0
    return f"{abs(points):.2f} points {'less' if points > 0 else 'more'}"


def _place(place: str) -> str:
    short, _, rest = place.partition(" ")
    return f"{EXPLAINED[short]} {rest}".strip() if short in EXPLAINED else f"section {place}"
