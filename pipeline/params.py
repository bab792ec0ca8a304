"""params.yaml, typed, and the folders of the stages. The library below src/ does not know these files."""

import os
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, create_model, model_validator

from replication.config.profiles import DEFAULT, Profile, read_profile, read_yaml
from replication.config.recipe import Seed
from replication.config.validation import BadValue, Problem, Whole, make_error, validate
from replication.data.sources import DATASETS, Place
from replication.errors import UserError
from replication.tasks import TASKS, Task

# DVC runs queued and --temp experiments in a copy of the project; DVC_ROOT is the user's checkout. Resume states,
# tracking and the user's data belong there.
ROOT = Path(os.environ.get("DVC_ROOT") or Path(__file__).parents[1]).resolve()
# REPLICATION_SCRATCH moves the resume state to a shared disk, or to one that outlives this machine.
WORK = ROOT / Path(os.environ.get("REPLICATION_SCRATCH") or ".work").expanduser()
# Relative, as MLflow misreads "%20" or "?" in the name of a parent folder.
TRACKING_URI = f"sqlite:///{os.path.relpath(ROOT / 'mlflow.db')}"

PARAMS = Path("params.yaml")
PROFILES = Path("pipeline/profiles")
RESULTS = Path("results")

Name = Annotated[str, Field(pattern=r"^[^\x00-\x1f]+$")]  # one line without control characters


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Section(Strict):
    """The runs of a task. A task without nets is skipped."""

    nets: list[Name]  # "resnet-56", or with a variant of the profile "resnet-110/no-warmup"
    seeds: list[Seed] = Field(min_length=1)
    checkpoints: list[Annotated[Whole, Field(ge=0)]] = []  # iterations after which weights are saved too
    ensembles: list[Annotated[list[Name], Field(min_length=2)]] = []  # evaluated if all of their nets are in the list
    override: dict[str, Any] = {}

    @model_validator(mode="after")
    def _nothing_twice(self) -> "Section":
        for key in ("nets", "seeds", "checkpoints"):
            items = getattr(self, key)
            if len(set(items)) < len(items):
                raise BadValue(key, f"{max(items, key=items.count)} is listed twice; remove one")
        for ensemble in self.ensembles:
            if len(set(ensemble)) < len(ensemble):
                raise BadValue(
                    "ensembles", f"{max(ensemble, key=ensemble.count)} is listed twice in one ensemble; remove one"
                )
        for key in sorted(self.override.keys() & {"task", "net", "variant", "seed", "data"}):
            raise BadValue(f"override.{key}", "has no effect; set nets, seeds or data instead")
        return self


class Location(Strict):
    """The place of a data set: its source, named like its reader, and its folder from the project's root."""

    source: Name
    root: Name
    url: str | None = None


def _jobs(value: object) -> object:
    """Validate `jobs` by hand: for a union of types pydantic reports an error each."""
    if value == "auto" or (type(value) is int and 1 <= value <= 1000):
        return value
    raise ValueError("expected auto or a whole number of 1 to 1000")


class BaseParams(Strict):
    """params.yaml, with a section for each task and each data set of the library."""

    profile: str
    depth: Whole
    device: Literal["auto", "cpu", "cuda", "mps"]
    processes: Whole = Field(gt=0, le=10_000)
    compile: Literal["auto", "always", "never"]
    jobs: Annotated[int | Literal["auto"], PlainValidator(_jobs)]

    def section(self, task: Task) -> Section:
        return getattr(self, task.name)

    def place(self, dataset: str) -> Place | None:
        """The place of a data set; None for an embedded one."""
        location = getattr(self.data, dataset, None)
        return location and Place(location.source, ROOT / Path(location.root).expanduser(), location.url)


PLACED = [name for name, dataset in DATASETS.items() if dataset.readers]
Params = create_model(
    "Params",
    __base__=BaseParams,
    data=(create_model("Locations", __base__=Strict, **dict.fromkeys(PLACED, (Location, ...))), ...),
    **dict.fromkeys(TASKS, (Section, ...)),
)


def read_params() -> BaseParams:
    """Read params.yaml; REPLICATION_<DATASET>_SOURCE, _ROOT and _URL override the place of a data set.

    Raises:
        UserError: an unknown key, net, depth, source or profile, a wrong type, or a duplicate.
    """
    values = read_yaml(PARAMS)
    data = values.get("data") if isinstance(values, dict) else None
    for dataset, place in data.items() if isinstance(data, dict) else ():
        for key in ("source", "root", "url"):
            value = os.environ.get(f"REPLICATION_{dataset.upper()}_{key.upper()}")
            if value and isinstance(place, dict):
                place[key] = value
    params = validate(Params, values, str(PARAMS), PARAMS)
    if problems := list(_unknown(params)):
        raise make_error(str(PARAMS), problems, PARAMS)
    return params


def _unknown(params: BaseParams) -> Iterator[Problem]:
    """Unknown sources, nets and variants, with the possible ones."""
    for dataset in PLACED:
        source, readers = getattr(params.data, dataset).source, DATASETS[dataset].readers
        if source not in readers:
            yield Problem(f"data.{dataset}.source", f"{source!r} is not one of {', '.join(readers)}", "unknown")
    for task in TASKS.values():
        section = params.section(task)
        named = [(f"{task.name}.nets", name.partition("/")[0]) for name in section.nets]
        named += [(f"{task.name}.ensembles", net) for net in chain(*section.ensembles)]
        for name in section.nets:
            net, slash, variant = name.partition("/")
            if variant == DEFAULT:
                yield Problem(f"{task.name}.nets", f"{name!r} is {net} itself; write {net}")
            elif slash and not variant.replace("/", ""):
                yield Problem(f"{task.name}.nets", f"{name!r} is neither <net> nor <net>/<variant>")
        if more := net_of_depth(params, task):
            named.append(("depth", more))
        for key, net in named:
            try:
                task.check_net(net)
            except UserError as error:
                yield Problem(key, str(error).removesuffix("."), error.kind)


def profile_of(params: BaseParams) -> Profile:
    """The profile that params.yaml names.

    Raises:
        UserError: there is no such profile.
    """
    names = sorted(path.stem for path in PROFILES.iterdir() if path.suffix == ".yaml")
    elsewhere = {path.stem for path in (ROOT / PROFILES).glob("*.yaml")} - set(names)
    if params.profile in elsewhere:  # this is a copy of DVC's
        file = PROFILES / f"{params.profile}.yaml"
        raise UserError(
            f"the profile {file} is not in git, and an experiment in a copy (--temp, --queue) has only what is; type "
            f"`git add {file}` and start it again.",
            kind="missing",
            key="profile",
            file=file,
        )
    if params.profile not in names:
        raise UserError(
            f"{PARAMS}: profile: there is no {params.profile!r}; choose one of {', '.join(names)}.",
            kind="unknown",
            key="profile",
            file=PARAMS,
        )
    return read_profile(PROFILES, params.profile)


def net_of_depth(params: BaseParams, task: Task) -> str | None:
    """The net that `depth` names, for a task that has one."""
    return task.depth_net and task.depth_net.format(depth=params.depth)
