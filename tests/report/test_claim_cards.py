"""Verdict cards, on made-up studies whose numbers are known."""

import html
import re

from made_up import PAPER, study
from reading import csv_of

from replication import paper
from replication.report.claims import claim_cards, describe_rule, list_waiting_claims
from replication.report.html import render_item
from replication.report.setups import build_command
from replication.results.studies import Study
from replication.verdicts.claims import WAITING, judge_claims
from replication.verdicts.claims.settling import plan_settling
from replication.verdicts.rule_since import present_rule


def cards_of(*studies: Study) -> dict[str, str]:
    """Cards of claims by their id, "K02-cifar"."""
    (cards,) = claim_cards(studies)
    parts = html.unescape(cards.drawing).split('<li id="')[1:]
    return {part.partition('"')[0]: part for part in parts}


def kind_of(card: str) -> str:
    """The kind of a card's first verdict, from its class."""
    return re.search(r'<details class="verdict ([a-z-]+)"', card)[1]


def tables_of(card: str) -> list[list[list[str]]]:
    """The rows of each table of a card, heads first, by the words of their cells."""
    found = []
    for table in re.findall(r"<table.*?</table>", card, flags=re.DOTALL):
        lines = re.findall("<tr.*?</tr>", table, re.DOTALL)
        cells = [re.findall(r"<t[hd]\b.*?</t[hd]>", line, re.DOTALL) for line in lines]
        found.append([[" ".join(re.sub("</?[a-z][^>]*>", " ", cell).split()) for cell in line] for line in cells])
    return found


def test_columns_of_a_claim_have_headings_that_fit_their_cells() -> None:
    for card in cards_of(study(PAPER | {"plain-110": (70.0, 71.0)}, seeds=3, spread=0.1)).values():
        for heads, *lines in tables_of(card):
            assert {len(line) for line in lines} == {len(heads)}
            for column in {"95 % interval", "n"}.intersection(heads):
                assert any(line[heads.index(column)] for line in lines), "a column without a word"


def test_with_one_seed_each_value_is_printed_and_no_interval() -> None:
    card = cards_of(study({"plain-20": (1, 9), "plain-56": (5, 13)}))["K02-cifar"]
    (line,) = (line for line in tables_of(card)[0] if line[0] == "plain-56 − plain-20, test error")
    _, printed, here, n, _ = line
    assert kind_of(card) == "single-seed" and (printed, n) == ("+3.54", "1")
    assert re.findall(r"[+\d.]+\d", here.replace("plain-56", "").replace("plain-20", "")) == ["+4.00", "13.00", "9.00"]


def needed(found: Study, claim_id: str) -> object:
    return next(plan_settling(tested, found) for tested in judge_claims(found) if tested.test.claim.id == claim_id)


def test_without_a_verdict_a_card_says_what_three_seeds_would_take() -> None:
    found = study({"plain-20": (1, 9), "plain-56": (5, 13)})
    card = cards_of(found)["K02-cifar"]
    assert needed(found, "K02").runs == 4 and "4 more" in card and "40 min" in card
    assert f"<code>{build_command(found, ['plain-20', 'plain-56'], 3)}</code>" in card


def test_an_inconclusive_claim_says_how_many_seeds_would_settle_it() -> None:
    near = study(PAPER | {"resnet-20": (0.6, 9.3)}, seeds=3, spread=0.2)
    card, more = cards_of(near)["K15-cifar"], needed(near, "K15")
    assert kind_of(card) == "inconclusive"
    assert str(more.seeds["plain-20"]) in card and f"{more.runs} more" in card
    equal = PAPER | {"resnet-20": (0.6, 9.69)}
    assert needed(study(equal, seeds=3, spread=0.2), "K15").too_many
    settled = study(PAPER, seeds=3, spread=0.2)
    assert kind_of(cards_of(settled)["K15-cifar"]) == "supported" and needed(settled, "K15") is None


def test_a_claim_that_rests_on_variants_has_the_command_that_runs_them() -> None:
    found = study({"plain-20": (1, 9)})
    cards = cards_of(found)
    assert build_command(found, ["plain-20", "plain-56/three-times-longer"], 3) in cards["K24-cifar"]
    assert build_command(found, ["plain-20/bottleneck", "plain-56/bottleneck"], 3) in cards["K25-cifar"]


def test_what_is_counted_is_confirmed_and_opens_no_verdict_a_study() -> None:
    card = cards_of(study(PAPER), study(PAPER))["K08-cifar"]
    assert kind_of(card) == "confirmed" and card.count("<details") == 1


def test_a_claim_whose_rule_is_younger_than_its_runs_says_so() -> None:
    found = study({"plain-20": (1, 9), "plain-56": (5, 13)})
    cards, since = cards_of(found), str(present_rule().since)
    assert since in cards["K02-cifar"] and "2026-01-02" in cards["K02-cifar"], "when it began, and when they ended"
    assert since not in cards["K08-cifar"] and since not in cards["K14-cifar"], "no runs"
    found.runs["date"] = "2999-01-01"
    assert since not in cards_of(found)["K02-cifar"]


def test_the_csv_of_the_cards_has_a_row_a_comparison() -> None:
    found = study(PAPER, seeds=3, spread=0.2)
    (cards,) = claim_cards([found])
    lines = csv_of(render_item(cards))
    assert len(lines) == 1 + sum(len(tested.comparisons) for tested in judge_claims(found))
    (line,) = (line for line in lines if line[1] == "K02" and line[3] == "plain-56 − plain-20, test error")
    assert line[0] == found.name and line[2] == "supported" and line[4:6] == ["+3.54", "+3.54"]


def test_without_a_study_there_are_no_cards() -> None:
    assert claim_cards([]) == []


def test_the_rule_is_told_with_its_hash_and_since_when_it_holds() -> None:
    text, rule = describe_rule(), present_rule()
    assert rule.hash in text and str(rule.since) in text and rule.commit in text
    lender = next(project for project in paper.replications() if "std" in project)
    assert lender["name"] in text


def test_claims_that_nothing_tests_say_what_they_need() -> None:
    text = list_waiting_claims()
    assert re.findall(r'<li id="(K\d\d)"', text) == list(WAITING)
    assert all(need in html.unescape(text) for need in WAITING.values())
