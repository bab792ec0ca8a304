"""The first screen of the page: the answer, the three main findings, error against depth, and the 32 claims."""

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from replication import paper
from replication.config.profiles import Profile
from replication.nets.names import depth_of
from replication.report.answer import choose_main_setup, net_name, pair_name, write_answer, write_notes
from replication.report.claims import SYMBOL, WORDS
from replication.report.depth import error_by_depth
from replication.report.html import csv_address, find_code_address
from replication.report.setups import data_name, runs_id
from replication.report.sources import claim_source, comparison_source
from replication.report.templating import render
from replication.results.labels import SMOKE_TESTS
from replication.results.studies import Study
from replication.tasks import TASKS
from replication.verdicts.claim import Kind, Tested
from replication.verdicts.claims import list_tests
from replication.verdicts.claims.findings import Finding, count_kinds, findings, judge_paper, read_paper_study
from replication.verdicts.evidence import group_studies
from replication.words import format_points


def first_screen(studies: Sequence[Study], profile: Profile) -> Markup:
    """The answer to the page's title, computed from verdicts.

    Args:
        studies: all, of each task the one nearest to the paper first.
        profile: the paper's.
    """
    task, study = choose_main_setup(studies)
    rows, figure = findings(study or read_paper_study(task, profile)), error_by_depth(task, study)
    own, others = _group_studies(studies)
    judged = judge_paper(own, profile)
    groups = {name: _group_claims(group, profile, _find_count(name, others)) for name, group in others.items()}
    legend = {"contradicted"}.union(*groups.values())  # an absence that a reader looks for, and what is used below
    return render(
        "first_screen.html",
        paper=paper.about(), code=find_code_address(), newest=_find_newest(studies),
        answer=write_answer(rows, study), notes=write_notes(rows, task, study, studies),
        rows=[_row(finding, study) for finding in rows], figure=figure, data=task.label, csv=csv_address(figure),
        squares=_list_squares(judged, judge_paper([s for s in studies if s not in own], profile)),
        counts={kind: n for kind, n in count_kinds(judged).items() if n or kind in legend}, groups=groups,
        partial=_list_partial(rows) if study else [], symbol=SYMBOL | {"partial": SYMBOL["inconclusive"]}, words=WORDS,
    )  # fmt: skip


def count_claims(studies: Sequence[Study], profile: Profile) -> dict[str, dict[str, int]]:
    """Verdicts counted for `dvc metrics` and `dvc exp`: on the paper's own data, and apart from it."""
    groups = {
        name: count_kinds(judge_paper(members, profile))
        if name == "own_data"
        else _count_on_other_data(members, profile)
        for name, members in group_studies(studies).items()
    }
    return {name: {kind.replace(" ", "_"): n for kind, n in counts.items()} for name, counts in groups.items()}


def _count_on_other_data(studies: Sequence[Study], profile: Profile) -> dict[Kind, int]:
    """The verdicts on other data than the paper's, without what is the same on any data."""
    counts = count_kinds(judge_paper(studies, profile))
    return {kind: n for kind, n in counts.items() if n and kind not in ("confirmed", "not tested")}


def _find_count(name: str, groups: Mapping[str, Sequence[Study]]) -> str:
    """Where reports/claims.json has the counts of a group; "" if it counts several proxies together."""
    proxies = groups.keys() - SMOKE_TESTS.values()
    return "count|smoke_test" if name not in proxies else "count|proxy" if len(proxies) == 1 else ""


def _group_claims(studies: Sequence[Study], profile: Profile, source: str) -> dict[Kind, dict[str, object]]:
    """What `_count_on_other_data` counts, with the names of these claims and the place of the first one."""
    judged, groups = judge_paper(studies, profile), {}
    for kind, n in _count_on_other_data(studies, profile).items():
        tests = [tested.test for tested in judged.values() if tested and tested.kind == kind]
        groups[kind] = {
            "n": n,
            "ids": [test.claim.id for test in tests],
            "card": f"{tests[0].claim.id}-{tests[0].task.name}",
            "source": source,
        }
    return groups


def _group_studies(studies: Sequence[Study]) -> tuple[list[Study], dict[str, list[Study]]]:
    """The setups on the paper's own data, and the others by what they are."""
    own, others = [], {}
    for study in studies:
        if study.has_paper_data:
            own.append(study)
        else:
            name = SMOKE_TESTS.get(study.dataset, f"{data_name(study)} (proxy)")
            others.setdefault(name, []).append(study)
    return own, others


def _find_newest(studies: Sequence[Study]) -> dict[str, str] | None:
    """The date and the commit of the newest run; of several on a day that of the study nearest to the paper."""
    runs = [run for study in studies for run in study.runs.to_dict("records")]
    newest = max(runs, key=lambda run: str(run["date"]), default=None)
    return {"date": str(newest["date"]), "commit": str(newest["commit"])[:7]} if newest else None


def _row(finding: Finding, study: Study | None) -> dict[str, object]:
    """A main finding: the paper's number, ours, and how it reads. Without a study, the paper's alone."""
    row = {"title": finding.title, "pair": pair_name(finding), "paper": format_points(float(finding.comparison.paper))}
    row["claim"] = finding.tested.test.claim.id
    row |= {"here": "", "kind": "not tested", "words": "not tested", "card": "", "source": "", "verdict_source": ""}
    test, evidence = finding.tested.test, finding.comparison.evidence
    if study is None or evidence is None:
        return row | {"remarks": []}
    ends = [format_points(float(end), "") for end in (evidence.low, evidence.high)]
    return row | {
        "here": format_points(float(evidence.value)),
        "interval": f"[{', '.join(ends)}]" if finding.comparison.interval else "",
        "n": finding.comparison.n,
        "runs": runs_id(study, finding.comparison.worse),
        "card": f"{test.claim.id}-{test.task.name}",
        "source": comparison_source(study, finding.tested, finding.comparison, "value", "low", "high", "n"),
        "verdict_source": claim_source("finding", study, finding.tested),
        "kind": "partial" if finding.is_partial else finding.status,
        "words": _describe_verdict(finding),
        "remarks": _list_remarks(finding),
    }


def _describe_verdict(finding: Finding) -> str:
    """The verdict in words; where some depths were not run, on those that were."""
    words: str = finding.status
    if words == "single seed":
        return finding.tested.words
    if finding.is_partial and finding.tested.test.role == "gain":
        words = f"agrees at {_describe_depths_run(finding)}"
    elif finding.is_partial:
        words = f"agrees at {_describe_depths_tested(finding)}"
    elif words == "inconclusive" and finding.is_opposite:
        words = f"opposite sign, {words}"
    return f"provisional: {words}" if finding.tested.provisional else words


def _list_remarks(finding: Finding) -> list[str]:
    """What a reader must know beside the verdict."""
    remarks = [f"{' and '.join(map(net_name, finding.not_learned))} did not learn"] if finding.not_learned else []
    if finding.status == "single seed":
        return [*remarks, "opposite sign" if finding.is_opposite else "same sign"]
    if finding.tested_depths < finding.all_depths and not finding.is_partial:
        is_gain = finding.tested.test.role == "gain"
        remarks.append(_describe_depths_run(finding) if is_gain else f"supported at {_describe_depths_tested(finding)}")
    if size := _compare_size(finding):
        remarks.append(f"{size} than in the paper")
    if finding.undertrained:
        remarks.append("undertrained")
    return remarks


def _describe_depths_run(finding: Finding) -> str:
    depths = [depth_of(net) for net in finding.tested.test.needs]
    return f"{finding.tested_depths} depths run of {finding.all_depths} ({min(depths)} to {max(depths)})"


def _describe_depths_tested(finding: Finding) -> str:
    return f"{finding.supported_depths} of {finding.tested_depths} depths tested (of {finding.all_depths})"


def _compare_size(finding: Finding) -> str:
    """Whether the whole interval lies beyond the paper's number."""
    evidence, theirs = finding.comparison.evidence, float(finding.comparison.paper)
    if not finding.comparison.interval or finding.is_opposite:
        return ""
    return "larger" if evidence.low > theirs else "smaller" if evidence.high < theirs else ""


def _list_squares(judged: Mapping[str, Tested | None], elsewhere: Mapping[str, Tested | None]) -> list[dict[str, str]]:
    """A square a claim, with its place on the page."""
    squares = []
    for claim_id, tested in judged.items():
        tests = [test for task in TASKS.values() for test in list_tests(task) if test.claim.id == claim_id]
        tests = [tested.test] if tested else tests
        kind, words = (tested.kind, tested.words) if tested else ("not tested", "not tested")
        if not tested and (other := elsewhere[claim_id]):
            words = f"not tested on the paper's own data (elsewhere: {other.words})"
        statement = paper.claim(claim_id).statement
        card = f"{claim_id}-{tests[0].task.name}" if tests else claim_id
        title = tests[0].title if tests else f"{statement[0].upper()}{statement[1:]}."
        squares.append({"id": claim_id, "kind": kind, "words": words, "title": title, "card": card})
    return squares


def _list_partial(rows: Sequence[Finding]) -> list[dict[str, object]]:
    """Claims that are inconclusive only as some depths were not run, while what was measured is supported."""
    return [{"id": row.tested.test.claim.id, "depths": row.all_depths} for row in rows if row.is_partial]
