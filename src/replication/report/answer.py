"""The answer to the page's title in words, computed from the verdicts of one setup."""

from collections.abc import Sequence

from replication.results.studies import Study
from replication.tasks import TASKS, Task
from replication.verdicts.claim import Role
from replication.verdicts.claims import list_tests
from replication.verdicts.claims.findings import DECIDED, Finding, choose_answer, findings, read_paper_study
from replication.verdicts.comparisons import TRAIN
from replication.verdicts.rule import SEEDS
from replication.words import format_points

STATEMENTS: dict[Role, str] = {
    "degradation": "deeper plain nets are worse", "cure": "shortcuts prevent degradation",
    "gain": "deeper ResNets are better",
}  # fmt: skip
QUESTIONS: dict[Role, str] = {
    "degradation": "are deeper plain nets worse", "cure": "do shortcuts prevent degradation",
    "gain": "are deeper ResNets better",
}  # fmt: skip
ONLY_SIGNS = "Only the direction of a difference can be compared, as its size depends on the length of training."
NUMBERS = {1: "one", 2: "two", 3: "three"}


def list_main_tasks() -> list[Task]:
    """The tasks that test the three main findings."""
    return [task for task in TASKS.values() if any(test.role for test in list_tests(task))]


def choose_main_setup(studies: Sequence[Study]) -> tuple[Task, Study | None]:
    """The task and the setup of the first screen: the one that answers, else one on the paper's own data, else none."""
    by_task = {task: _choose_own_data(studies, task) for task in list_main_tasks()}
    answers = {task: answer for task, own in by_task.items() if (answer := choose_answer(own))}
    if answers:
        return max(answers.items(), key=lambda item: sum(finding.is_decided for finding in findings(item[1])))
    for task, own in by_task.items():
        if own:
            return task, max(own, key=lambda study: (len(_list_measured(study)), study.share))
    return next(iter(by_task)), None


def _choose_own_data(studies: Sequence[Study], task: Task) -> list[Study]:
    """The studies of a task on the paper's own data."""
    return [study for study in studies if study.task == task and study.has_paper_data]


def _list_measured(study: Study) -> list[Finding]:
    """The findings whose pair of models was run, with however many seeds."""
    return [finding for finding in findings(study) if finding.comparison.evidence]


def write_answer(rows: Sequence[Finding], study: Study | None) -> str:
    """Whether the three findings replicate, and under which conditions."""
    if study is None:
        return "Not yet: no model has been trained on the paper's own data."
    data, where = study.task.label, f"on {study.task.label}, {describe_conditions(study)}"
    if not any(finding.is_decided for finding in rows):
        return f"Not yet: on {data} no pair of models has the {SEEDS} seeds that a verdict needs."
    partial = sum(row.is_partial for row in rows)
    supported = sum(row.status == "supported" for row in rows) - partial
    contradicted = sum(row.status == "contradicted" for row in rows)
    all_findings = f"of {NUMBERS[len(rows)]} main findings"
    if supported == len(rows):
        return f"Yes: {where}, all {NUMBERS[len(rows)]} main findings are supported."
    if supported or partial:
        start = "Yes, where tested" if supported + partial == len(rows) else "Partly"
        return f"{start}: {where}, {_describe_agreement(supported, partial, all_findings)}."
    if contradicted:
        return (
            f"No: {where}, {NUMBERS[contradicted]} {all_findings} {'is' if contradicted == 1 else 'are'} contradicted."
        )
    return f"Not yet: {where}, none {all_findings} is supported."


def _describe_agreement(supported: int, partial: int, all_findings: str) -> str:
    """How many findings are supported, and how many only at the depths that were run."""
    parts = []
    if supported:
        parts.append(f"{NUMBERS[supported]} {all_findings} {'is' if supported == 1 else 'are'} supported")
    if partial:
        subject = NUMBERS[partial] if supported else f"{NUMBERS[partial]} {all_findings}"
        parts.append(f"{subject} {'agrees' if partial == 1 else 'agree'} at the depths tested")
    return " and ".join(parts)


def describe_conditions(study: Study) -> str:
    """What differs from the paper, in the middle of a sentence: "at 1/16 of the paper's training schedule"."""
    parts = []
    for part in study.name.split(", ")[1:]:
        if part == "full schedule":
            parts.append("with the paper's training schedule")
        elif part.endswith(" schedule"):
            parts.append(f"at {part.removesuffix(' schedule')} of the paper's training schedule")
        elif "seed" not in part:  # n stands beside each number
            parts.append(part)
    return ", ".join(parts)


def write_notes(rows: Sequence[Finding], task: Task, study: Study | None, studies: Sequence[Study]) -> list[str]:
    """Short sentences after the answer: what is open, what to beware of, longer runs, and what was not run."""
    sentences = []
    roles = {kind: [row.tested.test.role for row in rows if row.status == kind] for kind in DECIDED}
    if study:
        if contradicted := [STATEMENTS[role] for role in roles["contradicted"]]:
            sentences.append(f"Contradicted: {'; '.join(contradicted)}.")
        if still_open := [QUESTIONS[role] for role in roles["inconclusive"]]:
            sentences.append(f"Still open: {'; '.join(still_open)}?")
        sentences += _describe_undertrained(rows, study)
        own = _choose_own_data(studies, task)
        if longer := [_describe_longer(other) for other in own if other.share > study.share]:
            sentences.append(f"Longer training, some models: {'; '.join(longer)}.")
        others = [other for other in list_main_tasks() if other != task]
        sentences += [_describe_task(other, _choose_own_data(studies, other)) for other in others]
    return sentences


def _describe_undertrained(rows: Sequence[Finding], study: Study) -> list[str]:
    """The worst net of those that did not converge."""
    nets = {net for row in rows if row.is_decided for net in row.undertrained}
    errors = {net: float(TRAIN.sample(study, net).mean) for net in sorted(nets)}
    if not errors:
        return []
    worst = max(errors, key=errors.__getitem__)
    theirs = float(TRAIN.sample(read_paper_study(study.task, study.paper), worst).mean)
    ends = f"ends with {errors[worst]:.0f}\u00a0% training error (paper: {theirs:.0f}\u00a0%)"
    subject = (
        f"{net_name(worst)} is undertrained: it" if len(errors) == 1 else f"Models are undertrained: {net_name(worst)}"
    )
    return [f"{subject} {ends}.", ONLY_SIGNS]


def _describe_longer(study: Study) -> str:
    """A setup that trains longer and cannot answer yet: what it measured."""
    pairs = dict.fromkeys(
        f"{pair_name(finding)}: {format_points(float(finding.comparison.evidence.value))}"
        for finding in _list_measured(study)
    )
    return f"{study.name.partition(', ')[2]} ({', '.join(pairs) or 'no pair of models yet'})"


def _describe_task(task: Task, studies: Sequence[Study]) -> str:
    if not studies:
        return f"{task.label} has not been run."
    answer = choose_answer(studies)
    if answer is None:
        return f"On {task.label} no pair of models has {SEEDS} seeds yet."
    rows = findings(answer)
    partial = sum(row.is_partial for row in rows)
    supported = sum(row.status == "supported" for row in rows) - partial
    counts = f"{supported} of {len(rows)} are supported" + (f", {partial} at the depths tested" if partial else "")
    return f"On {task.label}, {describe_conditions(answer)}, {counts}."


def net_name(net: str) -> str:
    """A net as the paper writes it: "ResNet-20"."""
    return net.replace("resnet", "ResNet")


def pair_name(finding: Finding) -> str:
    """The difference that tells a finding: "plain-56 − plain-20"."""
    return f"{net_name(finding.comparison.worse)} − {net_name(finding.comparison.better)}"
