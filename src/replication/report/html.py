"""Templates, and the few words that all parts of the page share."""

import re
from collections.abc import Sequence

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from replication.config.profiles import DEFAULT
from replication.data.sources import DATA_NAMES
from replication.results.commands import command_of
from replication.results.fidelity import RANK
from replication.results.schema import JOINED
from replication.results.studies import Study
from replication.tasks import Task
from replication.verdicts.claim import Kind
from replication.verdicts.claims.findings import answering
from replication.verdicts.rule import Outcome

# Of verdicts, and of the outcomes of their comparisons: no two are told apart by colour alone.
SYMBOL: dict[Kind | Outcome, str] = {
    "supported": "●", "confirmed": "■", "contradicted": "▲", "inconclusive": "◐", "single seed": "◔", "not tested": "○",
    "chance": "×",
}  # fmt: skip
WORDS = {outcome: outcome for outcome in SYMBOL} | {"chance": "did not learn", "confirmed": "confirmed by counting"}

_templates = Environment(
    loader=PackageLoader("replication.report"),
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
    undefined=StrictUndefined,
)


def render(template: str, **values: object) -> str:
    """Fill templates/<template>; everything but markup is escaped."""
    return _templates.get_template(template).render(**values)


def shown(studies: Sequence[Study], profile: str) -> list[Study]:
    """The studies of a task that the page shows: the one nearest to the paper, the one that answers, those of better
    fidelity that say nothing of depth, and the reader's own, those under `profile`.
    """
    better = [study for study in studies if RANK[study.fidelity] < RANK[studies[0].fidelity]]
    named = (*studies[:1], answering(studies), *better)
    return [study for study in studies if study in named or study.profile == profile]


def with_cards(studies: Sequence[Study], profile: str) -> list[Study]:
    """The studies of a task that have claim cards and rows of runs: those shown, and all on the paper's own data."""
    of_page = shown(studies, profile) if studies else []
    return [study for study in studies if study in of_page or study.has_own_data]


def runs_id(study: Study, name: str) -> str:
    """Where on the page the runs of a net, or of a net under a variant, stand; of an ensemble, those of its first."""
    return re.sub(r"[^\w.-]+", "-", f"runs-{study.folder}-{name.split(JOINED)[0]}")


def mean_and_std(errors: pd.Series) -> str:
    """Errors of the seeds of a net: their mean, with the standard deviation where there are several."""
    return f"{errors.mean():.2f}" + (f" ± {errors.std():.2f}" if len(errors) > 1 else "")


def data_name(study: Study) -> str:
    """The study's data set in words, e.g. "CIFAR-10, re-compressed as JPEG"."""
    name = DATA_NAMES.get(study.dataset, study.dataset)
    if study.dataset != study.task.datasets[-1]:  # a stand-in: there are no other pixels of it to be told from
        return name
    return f"{name}, {pixels_name(study.pixels)}"


def pixels_name(pixels: str) -> str:
    return "official pixels" if pixels == "official" else pixels


def schedule_share(study: Study) -> str:
    """Length of the study's schedule in words, e.g. "4,000 iterations, 1/16 of the paper's"."""
    iterations, paper = study.iterations, study.paper_recipe.schedule.iterations
    if iterations == paper:
        return f"{iterations:,} iterations, as in the paper"
    share = paper / iterations
    return f"{iterations:,} iterations, 1/{f'{share:,.0f}' if share > 100 else f'{share:.3g}'} of the paper's"


def command(study: Study, names: Sequence[str] = (), seeds: int = 0) -> str:
    """The command that adds nets, "resnet-110" or "resnet-110/no-warmup", to a study, with so many seeds or its own.

    Without `names` the one that makes all of it again.
    """
    variants = study.runs[study.runs["variant"] != DEFAULT]
    names = names or [*study.nets, *dict.fromkeys(variants["net"] + "/" + variants["variant"])]
    of = range(seeds) if seeds else sorted(study.runs["seed"].unique())
    return command_of(study.task, study.profile, names, list(of), study.override)


def paper_command(task: Task, nets: Sequence[str]) -> str:
    """The command that runs nets by the paper's own protocol."""
    return f"dvc exp run -S profile=paper -S '{task.name}.nets=[{','.join(nets)}]' tabulate@{task.name}"


def duration(hours: float) -> str:
    """Hours in words, "40 minutes" or "1,200 hours"."""
    if hours < 1:
        minutes = max(1, round(hours * 60))
        return f"{minutes} minute{'s' if minutes > 1 else ''}"
    return f"{hours:.1f} hours" if hours < 10 else f"{hours:,.0f} hours"


def study_header(study: Study) -> dict[str, object]:
    """What every part of the page says of a study."""
    return {
        "name": study.name,
        "section": study.task.section,
        "data": data_name(study),
        "schedule": schedule_share(study),
        "fidelity": study.fidelity,
        "command": command(study),
    }
