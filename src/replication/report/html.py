"""Templates, and the few words that all parts of the page share."""

from jinja2 import Environment, PackageLoader, StrictUndefined

from replication.paper import protocol
from replication.study.results import Study

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


def shown(studies: list[Study], profile: str) -> list[Study]:
    """The studies that the page shows: the one nearest to the paper, then the reader's own if it is another."""
    own = [study for study in studies[1:] if study.profile == profile]
    return [studies[0], *own]


def data_name(study: Study) -> str:
    """The study's data set in words, e.g. "CIFAR-10, re-compressed as JPEG"."""
    row = study.runs.iloc[0]
    name = {"cifar10": "CIFAR-10", "digits": "handwritten digits"}.get(row["dataset"], row["dataset"])
    if row["dataset"] == "digits":
        return name
    return f"{name}, official pixels" if row["variant"] != row["variant"] else f"{name}, {row['variant']}"


SCHEDULE = protocol("cifar10", "C3")
PAPER_ITERATIONS: int = SCHEDULE["stop_iter"]
PAPER_DROPS = tuple(drop / PAPER_ITERATIONS for drop in SCHEDULE["lr_drops_iter"])  # as shares of the schedule


def schedule_share(study: Study) -> str:
    """Length of the study's schedule in words, e.g. "4,000 iterations, 1/16 of the paper's"."""
    iterations = int(study.runs["iterations"].max())
    if iterations == PAPER_ITERATIONS:
        return f"{iterations:,} iterations, as in the paper"
    return f"{iterations:,} iterations, 1/{PAPER_ITERATIONS / iterations:.3g} of the paper's"


def command(study: Study, nets: list[str] | None = None) -> str:
    """The command that makes a study again, or adds `nets` to it: its tables hold what the list names, so all are."""
    text = "dvc exp run" + ("" if study.profile == "quick" else f" -S profile={study.profile}")
    return text + (f" -S 'cifar.nets=[{','.join(dict.fromkeys([*study.runs['net'], *nets]))}]'" if nets else "")
