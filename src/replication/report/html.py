"""Templates, and the few words that all parts of the page share."""

from collections.abc import Sequence
from dataclasses import dataclass

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


DATA_NAMES = {
    "cifar10": "CIFAR-10", "digits": "handwritten digits", "tiny_imagenet": "Tiny ImageNet", "imagenet": "ImageNet",
}  # fmt: skip


def data_name(study: Study) -> str:
    """The study's data set in words, e.g. "CIFAR-10, re-compressed as JPEG"."""
    row = study.runs.iloc[0]
    name = DATA_NAMES.get(row["dataset"], row["dataset"])
    if row["dataset"] in ("digits", "tiny_imagenet"):
        return name
    return f"{name}, official pixels" if row["variant"] != row["variant"] else f"{name}, {row['variant']}"


@dataclass(frozen=True)
class Schedule:
    """The paper's schedule: iterations, drops of the rate as shares of them, and the error at which figures end."""

    iterations: int
    drops: tuple[float, ...]
    cut: float


def _schedule(iterations: int, drops: list[int], cut: float) -> Schedule:
    return Schedule(iterations, tuple(drop / iterations for drop in drops), cut)


PAPER = {
    "cifar": _schedule(protocol("cifar10", "C3")["stop_iter"], protocol("cifar10", "C3")["lr_drops_iter"], 20),
    "imagenet": _schedule(
        protocol("imagenet_training", "I5")["max_iterations"], protocol("imagenet_training", "I6")["drops"], 63
    ),
}


def schedule_share(study: Study) -> str:
    """Length of the study's schedule in words, e.g. "4,000 iterations, 1/16 of the paper's"."""
    iterations, paper = int(study.runs["iterations"].max()), PAPER[study.arm].iterations
    if iterations == paper:
        return f"{iterations:,} iterations, as in the paper"
    share = paper / iterations
    return f"{iterations:,} iterations, 1/{f'{share:,.0f}' if share > 100 else f'{share:.3g}'} of the paper's"


def command(study: Study, more: Sequence[str] = ()) -> str:
    """The command that makes a study again, or adds nets to it: its tables hold what the list names, so all are."""
    profile = "" if study.profile == "quick" else f" -S profile={study.profile}"
    nets = ",".join(dict.fromkeys([*study.runs["net"], *more]))
    seeds = ",".join(str(seed) for seed in sorted(study.runs["seed"].unique()))
    several = "" if seeds == "0" else f" -S '{study.arm}.seeds=[{seeds}]'"
    return f"dvc exp run{profile} -S '{study.arm}.nets=[{nets}]'{several} tabulate@{study.arm}"
