"""The first screen of the page, and the plot of all comparisons, on made-up studies."""

import re

import pytest
from made_up import PAPER, PAPER_IMAGENET, joined
from made_up import study as made_up

from replication import report
from replication.arms import ARMS
from replication.claims import judge_claims
from replication.claims.claim import tests_of as of_arm
from replication.report.answer import claims_by_verdict
from replication.report.page import page
from replication.study.labels import in_words


def cells(text: str) -> list[str]:
    """The findings of the first screen, row by row, without markup."""
    found = re.findall(r'<td class="[^"]+" data-subject="[^"]+">(.*?)</td>', text, re.S)
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", cell)).strip() for cell in found]


@pytest.mark.parametrize(("seeds", "verdict"), [(1, "○ no verdict: n = 1"), (3, "● supported")])
def test_the_answer_gives_the_verdicts_and_what_was_measured(seeds: int, verdict: str) -> None:
    short = {"plain-20": (22, 23), "plain-56": (62, 62), "resnet-20": (20, 21), "resnet-56": (28, 29)}
    text = report.answer([[made_up(short, seeds=seeds, spread=0.2)]])
    degradation, cure, gain = cells(text)
    assert degradation.startswith(verdict) and "plain-56 − plain-20: +39.00" in degradation
    assert degradation.endswith("(+3.54)"), "the paper's"
    assert "plain-56 − resnet-56: +33.00" in cure
    # A reader who sees an interval far from zero is told why there is no verdict yet.
    assert cure.endswith("(+6.23)" if seeds == 1 else "; 2 of its 4 comparisons not run")
    assert gain.startswith("○" if seeds == 1 else "▲ not supported") and "resnet-20 − resnet-56: -8.00" in gain


def test_the_answer_of_one_seed_claims_nothing() -> None:
    for found in (made_up(PAPER), made_up(PAPER_IMAGENET, arm="imagenet"), made_up({"plain-20": (1, 9)})):
        assert not re.search(r"supported|shows", " ".join(cells(report.answer([[found]]))))
    assert cells(report.answer([[made_up({"plain-20": (1, 9)})]]))[0] == "– not tested"


def test_the_answer_says_if_a_net_did_not_learn() -> None:
    found = joined(made_up({"plain-20": (1, 9)}, seeds=3), made_up({"plain-56": (90, 90)}, seeds=3, status="chance"))
    degradation = cells(report.answer([[found]]))[0]
    assert degradation.startswith("◐ cannot tell yet") and degradation.endswith("; a net did not learn")


def test_the_answer_counts_each_claim_once_where_it_can_be_told() -> None:
    """The nearest study has one seed; of the other, three seeds support degradation, its cure and the gain."""
    one, three = made_up(PAPER), made_up(PAPER, seeds=3, spread=0.2)
    alone, both = (report.answer([studies]) for studies in ([one], [one, three]))
    assert "supported" not in re.sub(r"<td.*?</td>", "", alone, flags=re.S)
    tested = len({test.claim.id for test in of_arm(ARMS["cifar"])})
    told, not_run = map(
        int, re.search(r"(\d+) of the paper's 32 claims are tested here.</b> (\d+) wait", both).groups()
    )
    assert told + not_run == tested
    counts = {kind: int(count) for count, kind in re.findall(r"&nbsp;(\d+)</b></span> ([a-z ]+)", both)}
    assert counts["supported"] >= 4 and sum(counts.values()) == told - 1, "K08 is counted on the built nets"
    metrics = claims_by_verdict([[one, three]])
    assert metrics["claims_supported"] == counts["supported"] and metrics["claims_not_tested"] == not_run
    assert sum(metrics.values()) == tested - 1


def test_the_answer_names_the_best_fidelity() -> None:
    assert "all are proxies" in report.answer([[made_up(PAPER)]])
    assert "at the paper's own schedule, on its own data" in report.answer([[made_up(PAPER, pixels="official")]])
    shorter = {"schedule": {"iterations": 4000, "drops": [2000, 3000]}, "pixels": "official"}
    assert "those nearest are shorter, on its own data" in report.answer([[made_up(PAPER, **shorter)]])


def test_a_study_of_better_fidelity_is_shown_though_it_says_nothing_of_depth() -> None:
    far, near = made_up(PAPER), made_up({"plain-20": (2, 9)}, pixels="official", profile="cpu")
    assert report.shown([far, near], "quick") == [far, near]
    assert report.shown([near, far], "quick") == [near]


def test_the_forest_draws_each_measured_comparison_of_errors_and_tells_it_in_words() -> None:
    found = made_up(PAPER, seeds=3, spread=0.2)
    figure = report.forest([found])
    (label,) = re.findall(r'aria-label="([^"]+)"', figure)
    assert "K02 plain-56 − plain-20, test error: +3.54 (paper +3.54), holds" in label
    drawn = [c for t in judge_claims(found) for c in t.comparisons if c.deciding and c.evidence and c.evidence.n]
    assert 5 < label.count("(paper ") <= len(drawn) and "mean response" not in label
    assert report.forest([made_up({"plain-20": (1, 9)})]) == "", "nothing to compare"


def test_paper_and_ours_stand_on_one_scale_of_depth() -> None:
    figure = report.depth_figure(made_up({"plain-20": (20, 25), "plain-56": (60, 62)}))
    (label,) = re.findall(r'aria-label="([^"]+)"', figure)
    assert "Paper: plain, training: 20 layers 1.4" in label and "Here: plain, training: 20 layers 20.0, 56" in label
    assert len(re.findall(r">100<", figure)) == 1, "the ticks of the shared axis are written once"


def test_the_answer_on_imagenet_speaks_of_34_layers() -> None:
    found = made_up(PAPER_IMAGENET, seeds=3, spread=0.1, arm="imagenet", dataset="tiny_imagenet")
    degradation, cure, gain = cells(report.answer([[found]]))
    assert "plain-34 − plain-18: +0.60" in degradation
    assert cure.startswith("● supported plain-34 − resnet-34-A: +3.51")
    assert gain.startswith("● supported resnet-18-A − resnet-34-A: +2.85")


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("", []),
        ("precision=bf16", ["bf16"]),
        ("precision=bf16,pixels=re-compressed-as-JPEG", ["bf16", "re-compressed as JPEG"]),
        ("schedule.iterations=300", ["schedule.iterations 300"]),
    ],
)
def test_a_label_is_told_in_words(label: str, words: list[str]) -> None:
    assert in_words(label, "re-compressed as JPEG") == words


def test_figures_2_and_5_are_drawn_from_the_built_blocks() -> None:
    block, pair = (re.findall(r'aria-label="([^"]+)"', figure)[0] for figure in (report.figure_2(), report.figure_5()))
    assert block.startswith("A residual block: 2 weight layers")
    assert "on 64 channels 3×3, 64; 3×3, 64: 73,728 weights, 231 M multiply-adds at 56×56" in pair
    assert "on 256 channels 1×1, 64; 3×3, 64; 1×1, 256: 69,632 weights, 218 M" in pair


def test_tables_that_wait_have_the_papers_rows_and_are_not_counted_as_measured() -> None:
    text = report.waiting_tables(range(7, 13))
    assert "The paper&#39;s 6 rows" in text or "The paper's 6 rows" in text
    for printed in ("76.4", "48.4", "59.0", "85.6", "83.8", "62.1", "test-dev mAP@[.5,.95]", "PASCAL VOC 2007 test"):
        assert printed in text, printed
    found = page('<h2 id="table-1">Table 1 · Nets</h2><h2 id="figure-2">Figure 2</h2>' + text)
    assert "1 of the paper's 14 tables and 1 of its 7 figures stand here" in found
    assert 'href="#table-7"' not in found and 'href="#table-1"' in found
