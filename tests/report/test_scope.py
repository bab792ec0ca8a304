"""Scope, what was easy and what was difficult: counted from made-up studies."""

import re

from made_up import PAPER, PAPER_IMAGENET, joined, recipe_of
from made_up import study as made_up

from replication import report
from replication.report.scope import settings


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.partition('<p class="note origin">')[0]))


def test_the_scope_counts_claims_nets_seeds_runs_and_hours() -> None:
    """Nine nets of three seeds, ten minutes each: four and a half hours."""
    errors = {net: of for net, of in PAPER.items() if net != "plain-110"}
    found = words(report.scope([[made_up(errors, seeds=3, spread=0.2)]]))
    assert re.search(r"section 4\.2: made-up proxy (\d+) of 15 9 3 27 4\.5 hours", found)
    assert "In all 4.5 hours of training" in found


def test_what_took_less_than_an_hour_is_told_among_what_was_easy() -> None:
    quick, long = made_up({"plain-20": (1, 9)}), made_up(PAPER_IMAGENET, arm="imagenet")
    easy = words(report.scope([[quick], [long]])).partition("What was easy")[2].partition("What was difficult")[0]
    assert "Section 4.2 on CIFAR-10, re-compressed as JPEG: 1 run in 10 minutes on a CPU, 2 cores, cpu." in easy
    assert "Section 4.1 on" not in easy


def test_what_the_paper_leaves_open_is_counted_on_the_recipe() -> None:
    open_, found = (
        {what for what, section, _ in settings(recipe_of()) if section == "not said"},
        made_up({"plain-20": (1, 9)}),
    )
    assert {"Nesterov momentum", "where option A puts the zero channels"} < open_
    assert f"{len(open_)} settings of section 4.2. " in words(report.scope([[found]]))
    asked = joined(found, made_up({"plain-20": (1, 9)}, variant="fan-out", initialisation="fan_out"))
    assert "1 of them was run here" in words(report.scope([[asked]]))
    assert "none of them were run here" in words(report.scope([[found]]))


def test_nets_that_did_not_learn_are_named_and_a_variant_of_the_paper_asks_nothing() -> None:
    assert "Nets that did not learn" not in words(report.scope([[made_up({"plain-20": (1, 9)})]]))
    lost = made_up({"plain-56": (90, 90)}, status="chance", variant="no-warmup")
    assert "Nets that did not learn: plain-56/no-warmup (made-up)." in words(
        report.scope([[joined(made_up({"plain-20": (1, 9)}), lost)]])
    )
    assert "none of them were run here" in words(report.scope([[joined(made_up({"plain-20": (1, 9)}), lost)]]))


def test_a_study_of_variants_alone_has_its_row() -> None:
    alone = made_up({"plain-20": (1, 9)}, variant="no-warmup")
    assert "runs-made-up-cifar-plain-20-no-warmup" in report.scope([[alone]])
