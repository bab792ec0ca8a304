"""What params.yaml and the profile mean, run by run: what the stage `check` writes, and the others read.

    recipes/<task>/data.json     what to prepare
    recipes/<task>/study.json    what the tables of the study hold
    recipes/<task>/runs/         what to train: list.json, and <net>[/<variant>]/seed-<n>.json, the recipe of each run
                                 but for its data; fields at their default are left out

Of all params a task's trainings depend on its folder runs/ alone.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.params import RESULTS, BaseParams, net_of_depth
from replication.config.profiles import DEFAULT, Profile, named
from replication.config.recipe import Recipe
from replication.config.validation import validate
from replication.data.meta import read_meta
from replication.errors import UserError
from replication.files import check_whole
from replication.results.add import refuse_others
from replication.results.labels import label
from replication.runs.folder import read_run
from replication.runs.record import RunRecord
from replication.tasks import Task, task_of
from replication.tasks.localization import REGIONS

RECIPES = Path("recipes")
DATA = Path("data")
RUNS = Path("runs")
OUTCOMES = Path("outcomes")
REMAKE = "run `dvc repro check`, which makes it for the runs of params.yaml"


@dataclass(frozen=True)
class Run:
    """A run of the study: a task, a net or net/variant ("resnet-110/no-warmup"), and a seed."""

    task: Task
    name: str
    seed: int

    @property
    def net(self) -> str:
        return self.name.partition("/")[0]

    @property
    def variant(self) -> str:
        return self.name.partition("/")[2] or DEFAULT

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.name} · seed {self.seed}"

    @property
    def recipe_file(self) -> Path:
        return RECIPES / self.task.name / "runs" / self.name / f"seed-{self.seed}.json"

    @property
    def folder(self) -> Path:
        """Its weights, curve and record."""
        return RUNS / self.task.name / self.name / f"seed-{self.seed}"

    @property
    def outcome(self) -> Path:
        """What its evaluation measured."""
        return OUTCOMES / self.task.name / self.name / f"seed-{self.seed}"


@dataclass(frozen=True)
class Plan:
    """What to train of a task."""

    runs: list[Run]
    threads: int | None  # of each training on a CPU; None: the machine decides


def runs_of(params: BaseParams, task: Task) -> list[Run]:
    """All runs of a task: its nets, with the net of `depth`, each with every seed. Without nets there are none."""
    section = params.section(task)
    names = [*section.nets]
    more = net_of_depth(params, task)
    if names and more and more not in names:
        names.append(more)
    return [Run(task, name, seed) for name in names for seed in section.seeds]


def plans(params: BaseParams, profile: Profile, task: Task) -> dict[str, Any]:
    """The files of a task and their content.

    Raises:
        UserError: params.yaml and the profile do not fit each other, or what is in results/.
    """
    section, runs = params.section(task), runs_of(params, task)
    of_study = label(section.override)
    recipes = [profile.recipe(task, run.net, run.variant, run.seed, override=section.override) for run in runs]
    refuse_others(RESULTS / profile.name / task.name / of_study, recipes)
    files: dict[str, Any] = {}
    for run, recipe in zip(runs, recipes, strict=True):
        last = max(section.checkpoints, default=0)
        if last > recipe.schedule.iterations:
            raise UserError(
                f"params.yaml: {task.name}.checkpoints: {last} is beyond the {recipe.schedule.iterations} iterations "
                f"of {run.name}; remove it.",
                key=f"{task.name}.checkpoints",
            )
        values = {key: value for key, value in recipe.values.items() if key != "data"}
        _check_starts(params, profile, run, recipe, values)
        files[f"runs/{run.name}/seed-{run.seed}.json"] = values
    files["runs/list.json"] = {"runs": [[run.name, run.seed] for run in runs], "threads": profile.threads}
    files["study.json"] = {"ensembles": section.ensembles, "label": of_study, "depth": net_of_depth(params, task)}
    dataset = profile.dataset(task)
    seen = view(params, profile, task, dataset, runs) if runs else {"skip": "no nets"}
    files["data.json"] = {"dataset": dataset} | seen
    return files


def _check_starts(params: BaseParams, profile: Profile, run: Run, recipe: Recipe, values: dict[str, Any]) -> None:
    """Refuse a run whose start is not trained with it, or would be built as another net.

    Raises:
        UserError: names what to add to params.yaml.
    """
    key = f"{run.task.name}.nets"
    if (run.variant == REGIONS) != ("regions" in values):
        raise UserError(
            f"{profile.path} or params.yaml: {run.task.name}.override: regions belong to the variant {REGIONS} alone; "
            "set them there.",
            key=f"{run.task.name}.override.regions",
        )
    for first in filter(None, (beginning(run, values), proposer(run, values))):
        if first not in runs_of(params, first.task):
            raise UserError(
                f"params.yaml: {key}: {run.name} starts from {first.name} of {first.task.name}.nets with seed "
                f"{first.seed}, which is not trained; add it there, or set {key}=[].",
                kind="missing",
                key=key,
            )
        if first.task != run.task:
            override = params.section(first.task).override
            _refuse_another_trunk(recipe, profile.recipe(first.task, run.net, override=override))


def _refuse_another_trunk(recipe: Recipe, first: Recipe) -> None:
    """A net must be built as the one that it starts from, or its weights would mean something else.

    Raises:
        UserError: the two recipes build different nets.
    """
    ours, theirs = recipe.net_options, first.net_options
    for key in sorted(theirs.keys() - {"initialisation"}):
        if ours.get(key) != theirs[key]:
            raise UserError(
                f"params.yaml: {recipe.task}.nets: {recipe.net} starts from a net of {first.task} that is built with "
                f"{key} {theirs[key]}, and would itself be built with {ours.get(key, 'another')}; override both tasks "
                f"alike, or set {recipe.task}.nets=[].",
                kind="conflict",
                key=f"{recipe.task}.nets",
            )


def view(params: BaseParams, profile: Profile, task: Task, dataset: str, runs: list[Run]) -> dict[str, Any]:
    """What `prepare` needs to know: where the images lie, and how the nets see them.

    Raises:
        UserError: the runs do not agree in it.
    """
    override = params.section(task).override
    views = {}
    for run in runs:
        recipe = profile.recipe(task, run.net, run.variant, override=override)
        side = recipe.test.shorter_side if task.photographs else None
        views[run.name] = {"input_size": recipe.input_size, "shorter_side": side}
    first = next(iter(views.values()))
    for name, other in views.items():
        if other != first:
            raise UserError(
                f"{profile.path}: {task.name}: {name} has {other}, but the images are prepared for {first}.",
                kind="conflict",
                key=f"{task.name}.input_size",
                file=profile.path,
            )
    of_all = profile.recipe(task, runs[0].net, override=override)
    location = getattr(params.data, dataset, None)
    return first | {"train_images": of_all.train_images} | (location.model_dump() if location else {})


def named_run(task: str, name: str, seed: str) -> Run:
    """The run that a command names.

    Raises:
        UserError: there is no such task, or the seed is no whole number.
    """
    if not seed.isdecimal():
        raise UserError(f"the seed is {seed!r}; it must be a whole number.", key="seed")
    return Run(task_of(task), name, int(seed))


def planned(file: Path) -> dict[str, Any]:
    """What `check` wrote in `recipes/`.

    Raises:
        UserError: it wrote no such file, or it is damaged.
    """
    task, _, name = file.relative_to(RECIPES).as_posix().partition("/")
    return json.loads(check_whole(RECIPES / task, name, REMAKE).read_text(encoding="utf-8"))


def plan_of(task: Task) -> Plan:
    """What `check` planned to train of a task.

    Raises:
        UserError: it did not, or its file is damaged.
    """
    values = planned(RECIPES / task.name / "runs/list.json")
    return Plan([Run(task, name, seed) for name, seed in values["runs"]], values["threads"])


def beginning(run: Run, values: dict[str, Any]) -> Run | None:
    """The run whose trained net this one starts from: that of seed 0 of another task; None: it starts from none.

    Args:
        values: the fields of its recipe.
    """
    if run.task.starts_from is None or values.get("init_from") == "nothing":
        return None
    return Run(task_of(run.task.starts_from), run.net, 0)


def proposer(run: Run, values: dict[str, Any]) -> Run | None:
    """The run whose net proposes the boxes that this one judges, that of seed 0; None: it needs none."""
    return Run(run.task, run.net, 0) if values.get("regions") else None


def runs_before(run: Run) -> tuple[Run | None, Run | None]:
    """The run that this one starts from, and the one that proposes its boxes."""
    values = planned(run.recipe_file)
    return beginning(run, values), proposer(run, values)


def recipe_of(run: Run) -> Recipe:
    """The whole recipe of a planned run: with its data, and with the recipe of the run that it starts from.

    Raises:
        UserError: it is not planned, its data are not prepared, or a file is damaged.
    """
    values = planned(run.recipe_file)
    nearest = proposer(run, values) or beginning(run, values)
    start = recipe_of(nearest).hash if nearest else None
    identity = read_meta(DATA / run.task.name).identity
    return validate(run.task.recipe, values | {"data": identity, "start": start}, str(run.recipe_file))


def finished(run: Run) -> RunRecord:
    """The record of a run that was trained as planned.

    Raises:
        UserError: its folder is missing or damaged, or holds another run.
    """
    record = read_run(run.folder)
    if record.recipe != recipe_of(run):
        theirs = f"{named(record.recipe.net, record.recipe.variant)} · seed {record.recipe.seed}"
        raise UserError(
            f"{run.folder} holds another run ({theirs}, recipe {record.recipe.hash}) than {run.recipe_file} plans; "
            "delete it and run `dvc repro`.",
            kind="conflict",
            file=run.folder,
        )
    return record


def folders_there(run: Run, recipe: Recipe) -> tuple[Path | None, Path | None]:
    """Folders of the runs that a run which was made elsewhere starts from; they must be here too.

    Raises:
        UserError: one is missing, or is another than it was made from.
    """
    before, wanted = (beginning(run, recipe.values), proposer(run, recipe.values)), recipe.start
    for first in filter(None, reversed(before)):  # the nearest first
        there = read_run(first.folder).recipe if first.folder.exists() else None
        if there is None or there.hash != wanted:
            here = "is not here" if there is None else f"is another than the one here ({there.hash})"
            raise UserError(
                f"{run.name} was made from a run of recipe {wanted}, which {here}; copy it to {first.folder}.",
                kind="missing",
                file=first.folder,
            )
        wanted = there.start
    begun, proposes = before
    return begun and begun.folder, proposes and proposes.folder
