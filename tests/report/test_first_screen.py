"""The first screen of the page on made-up studies: its answer, its rows, its squares and its figure."""

import re
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from made_up import JPEG, PAPER_IMAGENET, PAPER_PROFILE, joined
from made_up import study as made_up

from replication import paper
from replication.report.answer import ONLY_SIGNS, choose_main_setup, write_answer, write_notes
from replication.report.depth import error_by_depth
from replication.report.first_screen import count_claims, first_screen
from replication.report.setups import choose_judged, choose_shown
from replication.results.studies import Study
from replication.tasks import TASKS
from replication.verdicts.claims.findings import choose_answer, count_kinds, findings, is_undertrained, judge_paper

# (training, test) errors in percent of the committed study of a sixteenth of the schedule.
SHORT = {"plain-20": (19, 19.1), "plain-56": (63, 60.3), "resnet-20": (16, 16.45), "resnet-56": (25, 25.0)}
LONG = {"plain-20": (6, 12.1), "plain-56": (18, 22.2), "resnet-20": (4, 10.4), "resnet-56": (1, 9.1)}
PAIR_OF_20 = {"plain-20": (6, 12), "resnet-20": (4, 10)}
DIGITS = {"plain-20": (1, 2.0), "plain-56": (60, 66.0), "resnet-20": (1, 1.9), "resnet-56": (1, 1.8)}


def schedule(iterations: int) -> dict[str, object]:
    drops = [iterations // 2, iterations * 3 // 4]
    return {"pixels": "official", "schedule": {"iterations": iterations, "drops": drops}}


def sixteenth(seeds: int = 3, errors: dict[str, tuple[float, float]] = SHORT) -> Study:
    """As committed; ResNet-56 spreads more than the others, as there."""
    found = made_up(errors, seeds, 0.3, profile="cpu", **schedule(4000))
    if "resnet-56" in errors and seeds == 3:
        of_56 = (found.scores["net"] == "resnet-56") & (found.scores["protocol"] == "single_view")
        found.scores.loc[of_56, "value"] = [23.24, 29.23, 22.54]
    return found


def quarter(seeds: int = 3, errors: dict[str, tuple[float, float]] = LONG) -> Study:
    return made_up(errors, seeds, 0.3, profile="cpu-long", **schedule(16_000))


def exact(seeds: int = 1, errors: dict[str, tuple[float, float]] | None = None) -> Study:
    return made_up(
        errors or {"plain-20": (1.4, 9.6), "resnet-20": (0.7, 8.8)}, seeds, 0.2, profile="paper", pixels="official"
    )


def digits() -> Study:
    return made_up(
        DIGITS,
        3,
        0.2,
        profile="quick",
        dataset="digits",
        pixels="8x8 digits",
        schedule={"iterations": 400, "drops": [200, 300]},
    )


class Screen(HTMLParser):
    """What a first screen holds: rows of its table, squares, links, ids of links and the drawing's description."""

    def __init__(self, html: str):
        super().__init__()
        self.html, self.links, self.squares, self.label = html, [], {}, ""
        self.feed(html)
        body = re.search(r"<tbody>(.*?)</tbody>", html, re.S)[1]
        self.rows = [
            re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", row)) for row in re.findall("<tr>(.*?)</tr>", body, re.S)
        ]
        self.kinds = re.findall(r'<td class="([a-z-]+)"><span class="mark"', body)
        self.bold = re.search(r"<b>(.*?)</b>", html, re.S)[1]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "a":
            self.links.append(values["href"])
            if claim := re.match(r"K\d\d", values.get("title") or ""):
                self.squares[claim[0]] = (values["class"], values["href"])
        if tag == "svg" and values.get("role") == "img":
            self.label = values["aria-label"]


def screen(*studies: Study) -> Screen:
    return Screen(first_screen(studies, PAPER_PROFILE))


def word(*studies: Study) -> str:
    """Yes, Partly, No or Not yet."""
    _, study = choose_main_setup(studies)
    rows = findings(study) if study else []
    return write_answer(rows, study).partition(":")[0]


# --- the five cases


def test_where_nothing_was_run_the_paper_stands_alone() -> None:
    found = screen()
    assert word() == "Not yet" and found.bold.startswith("Not yet")
    assert found.kinds == ["not-tested"] * 3
    assert [re.search(r"\+\d\.\d", row)[0] for row in found.rows][:2] == ["+3.5", "+6.2"]
    assert {kind for kind, _ in found.squares.values()} == {"not-tested", "confirmed"}
    assert "Here: not run yet: nothing" in found.label


def test_digits_alone_answer_nothing_and_are_counted_apart() -> None:
    found, counts = screen(digits()), count_claims([digits()], PAPER_PROFILE)
    assert word(digits()) == "Not yet" and choose_main_setup([digits()])[1] is None
    assert found.kinds == ["not-tested"] * 3 and "66" not in found.label
    assert counts["own_data"]["supported"] == 0 and counts["smoke_test"]["supported"] >= 1
    assert "Digits smoke test" in found.html


def test_a_sixteenth_of_the_schedule_replicates_partly() -> None:
    found = screen(sixteenth(), digits())
    assert word(sixteenth()) == "Partly" and "CIFAR-10" in found.bold and "1/16" in found.bold
    assert found.kinds == ["supported", "partial", "inconclusive"]
    for row, here, printed in zip(found.rows, ("+41.2", "+35.3", "−8.6"), ("+3.5", "+6.2", "+1.8"), strict=True):
        assert here in row and printed in row and "n = 3" in row and "undertrained" in row
    assert (
        "larger" in found.rows[0]
        and "2 of 2 depths tested (of 4)" in found.rows[1]
        and "opposite sign" in found.rows[2]
    )
    assert found.squares["K02"] == ("supported", "#K02-cifar")
    assert found.squares["K15"][0] == "inconclusive", "two of its depths were not run"
    assert "one of three main findings is supported and one agrees" in found.bold
    assert ONLY_SIGNS in found.html and len(ONLY_SIGNS.split()) <= 20


def test_a_quarter_in_which_depth_pays_replicates() -> None:
    found = screen(quarter(), sixteenth(), digits())
    assert word(quarter(), sixteenth()) == "Yes, where tested" and "1/4" in found.bold and "1/16" not in found.bold
    assert found.kinds == ["supported", "partial", "partial"]
    assert "+1.3" in found.rows[2] and "undertrained" not in found.rows[2]
    assert "undertrained" in found.rows[0], "plain-56 ends with 18 % training error, above its 13.2 % test error there"


def test_an_exact_single_seed_is_mentioned_and_not_used() -> None:
    studies = [exact(), sixteenth()]
    found = screen(*studies)
    assert choose_main_setup(studies)[1] is studies[1] and word(*studies) == "Partly"
    (note,) = [
        note
        for note in write_notes(findings(studies[1]), TASKS["cifar"], studies[1], studies)
        if "full schedule" in note
    ]
    assert "1 seed" in note and "+0.8" in note and note in re.sub("&#39;", "'", found.html)
    assert found.kinds == ["supported", "partial", "inconclusive"]


@pytest.mark.parametrize("studies", [[sixteenth()], [quarter()], [quarter(errors=LONG | {"resnet-56": (9, 15.0)})]])
def test_a_row_is_supported_only_where_the_square_of_its_claim_is(studies: Sequence[Study]) -> None:
    found = screen(*studies)
    for claim_id, kind in zip(("K02", "K15", "K14"), found.kinds, strict=True):
        assert found.squares[claim_id][0] == ("inconclusive" if kind == "partial" else kind)


def test_nothing_is_said_of_signs_where_the_nets_are_trained() -> None:
    full = exact(3, {"plain-20": (1.4, 9.6), "plain-56": (5.6, 13.2), "resnet-20": (0.7, 8.8), "resnet-56": (0.1, 7.0)})
    assert ONLY_SIGNS not in screen(full).html


def test_all_pairs_at_the_depths_tested_make_the_answer_depend_on_them() -> None:
    assert "one of three main findings is supported and two agree at the depths tested" in screen(quarter()).bold


# --- which setup answers


def test_an_exact_single_seed_alone_has_no_answer_yet() -> None:
    assert word(exact()) == "Not yet" and choose_answer([exact()]) is None
    assert choose_main_setup([exact()])[1] is not None, "its numbers are shown"
    whole = exact(1, LONG)
    assert word(whole, sixteenth()) == "Partly", "a borrowed spread is no spread of its own"


@pytest.mark.parametrize(
    "longer",
    [quarter(1), quarter(3, PAIR_OF_20), quarter(3, {"plain-20": (6, 12)}), joined(quarter(3, PAIR_OF_20),
     quarter(1, {"plain-56": (18, 22), "resnet-56": (1, 9)}))],
    ids=["single seed", "one depth", "one net", "one seed of the deep nets"],
)  # fmt: skip
def test_a_longer_setup_that_is_not_complete_does_not_answer(longer: Study) -> None:
    studies = [longer, sixteenth()]
    assert choose_main_setup(studies)[1] is studies[1]
    assert any(
        "1/4 schedule" in note for note in write_notes(findings(studies[1]), TASKS["cifar"], studies[1], studies)
    )
    assert screen(*studies).kinds == ["supported", "partial", "inconclusive"]
    assert studies[1] in choose_shown(studies, "quick") and choose_judged(studies, "quick") == studies, (
        "the page has their cards"
    )


def test_the_longest_that_tells_all_answers() -> None:
    full = exact(3, {"plain-20": (1.4, 9.6), "plain-56": (5.6, 13.2), "resnet-20": (0.7, 8.8), "resnet-56": (0.1, 7.0)})
    studies = [full, quarter(), sixteenth()]
    assert choose_main_setup(studies)[1] is full and word(*studies) == "Yes, where tested"
    assert not any("undertrained" in row for row in screen(*studies).rows)


def test_pixels_that_are_not_official_are_a_proxy() -> None:
    jpeg = made_up(LONG, 3, 0.3, pixels=JPEG)
    assert word(jpeg) == "Not yet" and count_claims([jpeg], PAPER_PROFILE)["proxy"]["supported"] >= 1


def test_the_data_of_section_4_1_is_judged_on_its_own() -> None:
    images = made_up(PAPER_IMAGENET, 3, 0.1, task="imagenet", pixels="official")
    tiny = made_up(PAPER_IMAGENET, 3, 0.1, task="imagenet", dataset="tiny_imagenet")
    assert choose_main_setup([images])[0] is TASKS["imagenet"] and word(images) == "Yes"
    assert choose_main_setup([tiny])[1] is None and "Tiny ImageNet" in screen(tiny).html
    assert choose_main_setup([sixteenth(), images])[0] is TASKS["cifar"], "of equals the first"


def test_a_reversed_finding_is_contradicted() -> None:
    reversed_ = quarter(errors=LONG | {"resnet-56": (9, 15.0)})
    assert screen(reversed_).kinds == ["supported", "partial", "contradicted"] and word(reversed_) == "Partly"
    upside_down = quarter(errors={"plain-20": (9, 20), "plain-56": (5, 15), "resnet-20": (9, 25), "resnet-56": (9, 28)})
    assert word(upside_down) == "No"


def test_a_net_that_did_not_learn_is_named() -> None:
    lost = joined(quarter(errors={net: LONG[net] for net in LONG if net != "plain-56"}),
                  made_up({"plain-56": (90, 90)}, 3, 0.1, status="chance", **schedule(16_000)))  # fmt: skip
    assert "plain-56 did not learn" in screen(lost).rows[0] and screen(lost).kinds[0] == "inconclusive"


# --- what undertrained means


@pytest.mark.parametrize(("error", "expected"), [(1.4, False), (9.6, False), (9.8, True)])
def test_a_net_is_undertrained_above_its_test_gap(error: float, expected: bool) -> None:
    """plain-20 ends at 1.38 % training and 9.69 % test error in the paper: its gap is 8.31 points."""
    assert is_undertrained(exact(1, {"plain-20": (error, 9.7)}), "plain-20") is expected


def test_where_the_paper_gives_no_training_error_nothing_is_undertrained() -> None:
    assert not is_undertrained(made_up({"resnet-26": (80, 80)}), "resnet-26")


# --- counts, squares, links


@pytest.mark.parametrize("studies", [[], [digits()], [sixteenth(), digits()], [exact(), quarter(), sixteenth()]])
def test_each_of_the_32_claims_has_a_square_and_is_counted_once(studies: Sequence[Study]) -> None:
    found = screen(*studies)
    own = [study for study in studies if study.has_paper_data]
    counts = count_kinds(judge_paper(own, PAPER_PROFILE))
    assert list(found.squares) == paper.claim_ids() and sum(counts.values()) == len(paper.claim_ids())
    kinds = [kind.replace("-", " ") for kind, _ in found.squares.values()]
    assert {kind: kinds.count(kind) for kind in counts} == counts
    assert counts["confirmed"] == 3


def test_the_paper_and_the_rows_are_linked() -> None:
    found = screen(sixteenth())
    assert paper.about()["address"] in found.links
    assert {"#K02-cifar", "#K15-cifar", "#K14-cifar", "#runs-cpu-cifar-plain-56"} <= set(found.links)


def test_each_count_of_claims_on_other_data_leads_to_a_card_of_its_kind() -> None:
    found, counts = screen(sixteenth(), digits()), count_claims([digits()], PAPER_PROFILE)["smoke_test"]
    links = re.findall(r'<a href="#(K\d\d)-cifar" class="([a-z-]+)" title="[^"]*: (K\d\d[^"]*)"', found.html)
    assert {kind.replace("-", "_"): len(ids.split(", ")) for _, kind, ids in links} == counts
    assert all(ids.startswith(card) for card, _, ids in links)


def test_the_newest_run_is_dated() -> None:
    late = sixteenth()
    late.runs["date"], late.runs["commit"] = "2026-03-04", "fedcba987654"
    assert re.search(r"2026-03-04.*fedcba9", screen(digits(), late).html)


# --- the figure


def test_the_figure_has_a_dot_a_run_and_a_slot_for_what_was_not_run() -> None:
    drawn = error_by_depth(TASKS["cifar"], sixteenth()).drawing
    here = drawn.split("<svg ")[3]
    assert here.count("<circle") == 12 and here.count('class="empty"') == 2
    theirs = drawn.split("<svg ")[2]
    assert theirs.count("<circle") == 8 and theirs.count('class="empty"') == 0
    label = re.search(r'aria-label="([^"]+)"', drawn)[1]
    assert "20 layers 9.7" in label and "56 layers 60.3" in label


def test_another_depth_gets_a_slot_of_its_own() -> None:
    drawn = error_by_depth(TASKS["cifar"], quarter(errors=LONG | {"resnet-110": (1, 8.0)})).drawing
    assert drawn.count(">110<") == 2


def test_the_picture_of_the_readme_needs_no_page() -> None:
    alone = error_by_depth(TASKS["cifar"], sixteenth(), is_file=True).drawing
    assert 'xmlns="http://www.w3.org/2000/svg"' in alone and "<style>" in alone and "var(" not in alone
    assert alone == error_by_depth(TASKS["cifar"], sixteenth(), is_file=True).drawing


def test_words_from_results_stand_as_text() -> None:
    hostile = replace(sixteenth(), label="<script>alert(1)</script>")
    assert "<script>" not in screen(hostile).html
