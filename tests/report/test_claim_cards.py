"""The matrix of claims, on made-up studies whose numbers are known."""

import html
import re

import pytest
from made_up import PAPER, PAPER_PROFILE, study
from reading import csv_of

from replication import paper
from replication.report.claims import claim_matrix, describe_rule
from replication.report.html import render_item
from replication.report.values import Figure
from replication.results.studies import Study
from replication.tasks import TASKS
from replication.verdicts.claim import list_tests
from replication.verdicts.claims import WAITING, judge_claims
from replication.verdicts.claims.settling import plan_settling
from replication.verdicts.rule_since import present_rule


def matrix(*studies: Study) -> Figure:
    return claim_matrix({task: [one for one in studies if one.task == task] for task in TASKS.values()}, PAPER_PROFILE)


def cards_of(*studies: Study) -> dict[str, str]:
    """Rows of claims with what they open to, by their id, "K02-cifar"."""
    parts = html.unescape(matrix(*studies).open).split('<details class="claim" id="')[1:]
    return {part.partition('"')[0]: part for part in parts}


def kind_of(card: str) -> str:
    """The kind of a claim's first verdict, from its class."""
    return re.search(r'<div class="verdict ([a-z-]+)"', card)[1]


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
    assert needed(found, "K02").runs == 4 and "4 more" in card
    assert 'href="#fill"' in card


def test_an_inconclusive_claim_says_how_many_seeds_would_settle_it() -> None:
    near = study(PAPER | {"resnet-20": (0.6, 9.3)}, seeds=3, spread=0.2)
    card, more = cards_of(near)["K15-cifar"], needed(near, "K15")
    assert kind_of(card) == "inconclusive"
    assert str(more.seeds["plain-20"]) in card and f"{more.runs} more" in card
    equal = PAPER | {"resnet-20": (0.6, 9.69)}
    assert needed(study(equal, seeds=3, spread=0.2), "K15").too_many
    settled = study(PAPER, seeds=3, spread=0.2)
    assert kind_of(cards_of(settled)["K15-cifar"]) == "supported" and needed(settled, "K15") is None


def test_a_claim_has_a_verdict_in_each_setup_and_what_is_counted_one_in_all() -> None:
    cards = cards_of(study(PAPER), study(PAPER, profile="other"))
    assert cards["K02-cifar"].count('<div class="verdict') == 2
    assert kind_of(cards["K08-cifar"]) == "confirmed" and cards["K08-cifar"].count('<div class="verdict') == 1


def test_that_the_rule_is_younger_than_runs_is_said_once() -> None:
    found = study({"plain-20": (1, 9), "plain-56": (5, 13)})
    assert matrix(found).open.count(str(present_rule().since)) == 1
    found.runs["date"] = "2999-01-01"
    assert str(present_rule().since) not in matrix(found).open


def test_the_csv_of_the_cards_has_a_row_a_comparison() -> None:
    found = study(PAPER, seeds=3, spread=0.2)
    lines = csv_of(render_item(matrix(found)))
    assert len(lines) == 1 + sum(len(tested.comparisons) for tested in judge_claims(found))
    (line,) = (line for line in lines if line[1] == "K02" and line[3] == "plain-56 − plain-20, test error")
    assert line[0] == found.name and line[2] == "supported" and line[4:6] == ["+3.54", "+3.54"]


@pytest.mark.parametrize("studies", [[], [study(PAPER)]], ids=["nothing run", "one setup"])
def test_each_claim_of_the_paper_has_a_row_whatever_was_run(studies: list[Study]) -> None:
    tested = {f"{test.claim.id}-{task.name}" for task in TASKS.values() for test in list_tests(task)}
    assert cards_of(*studies).keys() == tested | WAITING.keys()
    assert {claim.partition("-")[0] for claim in cards_of(*studies)} == set(paper.claim_ids())


def test_the_rule_is_told_with_its_hash_and_since_when_it_holds() -> None:
    text, rule = describe_rule(), present_rule()
    assert rule.hash in text and str(rule.since) in text and rule.commit in text
    lender = next(project for project in paper.replications() if "std" in project)
    assert lender["name"] in text


def test_claims_that_nothing_tests_say_what_they_need() -> None:
    cards = cards_of()
    assert all(need in cards[claim] for claim, need in WAITING.items())
