"""The README's numbers are those of results/, and what README and docs name is there.

Whoever commits results learns here which number of the README changes. No test pins a sentence.
"""

import re
from functools import cache
from pathlib import Path

import pytest
from checkout import PROJECT, committed_results

from replication.config.profiles import read_profile
from replication.paper import end_errors, table
from replication.results.schema import TRAINING, TRAINING_ERROR
from replication.results.studies import Study, read_study
from replication.tasks import TASKS
from replication.verdicts import rule

README = (PROJECT / "README.md").read_text()
PAGES = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
FINDING = re.compile(
    r"^\| (\S+) is (worse|better) than (\S+) \| (\S+) points \| (\S+) \[(\S+), (\S+)\] \| (.+) \|$", re.M
)
CIFAR = TASKS["cifar"]


@cache
def study() -> Study:
    """The setup that the README links below its table."""
    return read_committed(re.search(r"\]\(results/(\S+)/README\.md\)", README)[1])


def read_committed(folder: str) -> Study:
    results = committed_results()
    return read_study(results / folder, results, CIFAR, read_profile(PROJECT / "pipeline/profiles", "paper"))


def errors(net: str) -> rule.Sample:
    sample = study().sample(net, CIFAR.headline, CIFAR.metric.name)
    assert sample, f"{study().folder} has no {net}"
    return sample


def signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")


def test_the_table_has_the_differences_and_intervals_of_the_committed_results() -> None:
    rows = FINDING.findall(README)
    assert len(rows) == README.count(" points |"), "each row of the table is understood"
    for one, kind, other, _, *told, _ in rows:
        worse, better = (name.lower() for name in ((one, other) if kind == "worse" else (other, one)))
        found = rule.difference([(1, errors(worse)), (-1, errors(better))])
        here = [signed(float(value)) for value in (found.value, found.low, found.high)]
        if found.low > 0:  # an interval on one side needs no sign
            here[1:] = [end.removeprefix("+") for end in here[1:]]
        assert told == here, f"{worse} − {better}: write {here[0]} [{here[1]}, {here[2]}]"


def test_a_verdict_of_the_table_agrees_with_its_interval() -> None:
    for _, _, _, _, value, low, high, verdict in FINDING.findall(README):
        signs = {end.startswith("−") for end in (low, high)}
        expected = "inconclusive" if len(signs) > 1 else "contradicted" if signs == {True} else "supported"
        partial = expected == "supported" and verdict.startswith("agrees at ")  # some depths were not run
        assert expected in verdict or partial, (value, verdict)
        assert ("opposite sign" in verdict) == value.startswith("−"), (value, verdict)


def test_the_table_has_the_differences_of_the_paper() -> None:
    """Between residual nets those of Table 6; with a plain net those at the end of Figure 6."""
    drawn, printed = end_errors("4.2")["test"], {row["net"]: row["error"] for row in table(6) if row["net"]}
    for one, kind, other, told, *_ in FINDING.findall(README):
        worse, better = (name.lower() for name in ((one, other) if kind == "worse" else (other, one)))
        theirs = printed if {worse, better} <= printed.keys() else drawn
        assert told == signed(theirs[worse] - theirs[better]), (worse, better)


def test_the_readme_names_seeds_and_schedule_of_its_setup() -> None:
    nets = {name.lower() for row in FINDING.findall(README) for name in (row[0], row[2])}
    (seeds,) = {errors(net).n for net in nets}
    assert set(re.findall(r"n = (\d+)", README)) == {str(seeds)} and f"{seeds} seeds" in README
    share = study().paper_recipe.schedule.iterations / study().iterations
    told = set(re.findall(r"1/(\d+)(?= schedule| of the paper's)", README))
    assert told == {f"{share:g}"}, f"the schedule is 1/{share:g} of the paper's"


def test_the_readme_has_the_training_errors_of_the_deep_nets() -> None:
    rows = re.findall(r"(\S+) ([\d.]+) % \(paper: ([\d.]+) %\)", README)
    assert rows
    for name, here, paper in rows:
        net = name.lower()
        assert here == f"{study().sample(net, TRAINING, TRAINING_ERROR).mean:.1f}", net
        assert paper == f"{end_errors('4.2')['train'][net]:.1f}", net


def test_the_readme_has_the_errors_of_the_longer_study() -> None:
    told = re.search(r"shrinks to (\S+) points \((\S+) ([\d.]+) %, (\S+) ([\d.]+) %\)", README)
    longer = read_committed("cpu-long/cifar")
    means = [longer.sample(told[place].lower(), CIFAR.headline, CIFAR.metric.name).mean for place in (2, 4)]
    assert [told[3], told[5]] == [f"{mean:.2f}" for mean in means] and told[1] == signed(float(means[0] - means[1]))


def test_the_readme_names_the_hours_of_the_committed_cifar_runs() -> None:
    """They were trained two at a time."""
    hours = study().runs.query("variant == 'default'")["seconds"].sum() / 2 / 3600
    assert re.search(rf"`cpu` \| CIFAR-10 {hours:.0f} hours", README), f"write {hours:.0f} hours"


def test_the_paper_has_as_many_claims_as_the_readme_says() -> None:
    from replication import paper

    assert set(re.findall(r"(\d+) claims", README)) == {str(len(paper.claim_ids()))}


def anchors(page: Path) -> set[str]:
    """The links to headings of a page, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if link.startswith(("https://", "../../actions/")):  # the second is GitHub's own page of the CI
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_of_the_docs_is_linked_from_the_readme() -> None:
    assert {f"docs/{page.name}" for page in PAGES[1:]} <= set(re.findall(r"\((docs/[\w.]+)\)", README))


def test_what_the_layout_names_is_there() -> None:
    design = (PROJECT / "docs/design.md").read_text()
    top = re.findall(r"^    ([\w./]+)  ", design, re.MULTILINE)
    library = re.findall(r"^        ([\w.]+/?)  ", design, re.MULTILINE)
    assert top and library
    for path in [*top, *(f"src/replication/{path}" for path in library)]:
        assert (PROJECT / path).exists(), path


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_modules_and_variables_that_a_page_names_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for path in re.findall(r"\b((?:pipeline|src|benchmarks|reports)/[\w/-]+\.\w+)", text):
        assert (PROJECT / path).exists(), path
    for module in re.findall(r"\bpipeline\.([a-z_.]+[a-z])", text):
        if module not in ("py", "yaml"):
            assert (PROJECT / "pipeline" / module.replace(".", "/")).with_suffix(".py").exists(), module
    code = "".join(file.read_text() for name in ("pipeline", "src") for file in (PROJECT / name).rglob("*.py"))
    for variable in re.findall(r"REPLICATION_[A-Z0-9_]+", text):
        data_set = re.fullmatch(r"REPLICATION_\w+_(SOURCE|ROOT|URL)", variable)  # made from the name of a data set
        assert data_set or f'"{variable}"' in code, variable


def test_pre_commit_has_the_ruff_of_the_constraints() -> None:
    (pinned,) = re.findall(r"^ruff==(\S+)$", (PROJECT / "constraints.txt").read_text(), re.MULTILINE)
    assert f"rev: v{pinned}\n" in (PROJECT / ".pre-commit-config.yaml").read_text()
