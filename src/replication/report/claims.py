"""Verdict cards: what each claim says, what was measured, and what may be concluded."""

from replication.report.html import command, data_name, render, schedule_share, shown
from replication.study.claims import Comparison, Tested, judge_claims
from replication.study.results import Study

SYMBOL = {"supported": "●", "not supported": "▲", "cannot tell yet": "◐"}
MARK = {"holds": "✓", "fails": "✗", "open": "≈", "missing": "–"}
TITLES = {
    "K01": "The deeper plain net is worse, on training data too.",
    "K04": "With shortcuts the deeper net is better.",
    "K05": "At 34 layers the residual net beats the plain one.",
    "K06": "At 18 layers both end alike, but the residual net learns faster.",
    "K07": "Shortcut options differ little: projections are not essential.",
    "K09": "Errors fall with depth, from 34 to 152 layers.",
    "K10": "152 layers cost less than VGG.",
    "K12": "One ResNet-152 beats every earlier ensemble.",
    "K02": "Plain nets get worse with depth, on training data too.",
    "K03": "A plain net of 110 layers does not train.",
    "K08": "Identity shortcuts are free: same parameters, same multiply-adds.",
    "K14": "Residual nets gain from depth, up to 110 layers.",
    "K15": "A residual net beats the plain net of its depth.",
}
ARITHMETIC = ("K08", "K10")  # counted on the built nets: no study matters
EXPLAINED = {"T": "Table", "F": "Figure"}


def claim_cards(studies: list[Study], profile: str) -> str:
    """A card a claim; in it a verdict for each study shown, with the comparisons that it rests on."""
    seen = shown(studies, profile)
    by_study = [(study, {tested.claim.id: tested for tested in judge_claims(study)}) for study in seen]
    cards = []
    for claim_id in by_study[0][1]:
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
        if claim_id in ARITHMETIC:
            verdicts = verdicts[:1]
        first: Tested = verdicts[0]["tested"]
        support = ", ".join(_place(place) for place in first.claim.support)
        cards.append(
            {
                "id": f"{claim_id}-{seen[0].arm}",
                "title": TITLES[claim_id],
                "claim": first.claim,
                "support": support,
                "verdicts": verdicts,
                "arithmetic": claim_id in ARITHMETIC,
            }
        )
    nearest = [card["verdicts"][0]["tested"].verdict for card in cards]
    counts = [(SYMBOL[verdict], verdict, nearest.count(verdict)) for verdict in SYMBOL]
    return render(
        "claims.html", cards=cards, counts=counts, symbol=SYMBOL, mark=MARK, nearest=seen[0].profile, arm=seen[0].arm
    )


def headline(study: Study) -> str:
    """What a study says of degradation, its cure and the gain from depth, in one sentence."""
    tests = {tested.claim.id: tested for tested in judge_claims(study)}
    degrades, beats, gains = ("K02", "K15", "K14") if study.arm == "cifar" else ("K01", "K05", "K04")
    cured = [c for c in tests[beats].comparisons if c.outcome == "holds" and c.kind != "train"]
    gain = tests[gains].comparisons[0]
    parts = [
        {
            "supported": "degradation shows: the deep plain net is worse on training and on test data",
            "not supported": "degradation does not show",
            "cannot tell yet": "degradation cannot be told yet",
        }[tests[degrades].verdict]
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
    if short[0] in EXPLAINED and short[1:].isdigit():
        return f"{EXPLAINED[short[0]]} {short[1:]} {rest}".strip()
    return f"section {place}"
