"""The runs that params.yaml and the profile define: the stage `check` writes them, the other stages read them.

    recipes/<task>/data.json     what to prepare
    recipes/<task>/study.json    what the tables of the study hold
    recipes/<task>/runs/         what to train: list.json, and <net>[/<variant>]/seed-<n>.json, the recipe of each run
                                 but for its data; fields at their default are left out

A task's trainings depend on its folder runs/ alone, on no other params.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.params import RESULTS, BaseParams, net_of_depth
from replication.config.profiles import DEFAULT, Profile, named
from replication.config.recipe import PUBLISHED, Recipe
from replication.config.validation import validate
from replication.data.meta import read_meta
from replication.errors import UserError
from replication.files import check_whole, sha256
from replication.nets.names import COUNTERPARTS
from replication.results.add import refuse_others
from replication.results.labels import label
from replication.runs.folder import NET, read_run
from replication.runs.record import RunRecord
from replication.tasks import Task, get_task

RECIPES = Path("recipes")
DATA = Path("data")
RUNS = Path("runs")
OUTCOMES = Path("outcomes")
BACKBONE = "backbone"  # role of the run that initialises a net's first layers
PUBLISHED_WEIGHTS = Path("downloads/published")  # <net>.pth, files of torchvision
REMAKE = "run `dvc repro check`, which writes it for the runs of params.yaml"


@dataclass(frozen=True)
class PlannedRun:
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
        """The folder of its weights, curve and record."""
        return RUNS / self.task.name / self.name / f"seed-{self.seed}"

    @property
    def outcome(self) -> Path:
        """The folder of its evaluation."""
        return OUTCOMES / self.task.name / self.name / f"seed-{self.seed}"


class Ensemble(tuple[PlannedRun, ...]):
    """All seeds of a net, two or more, whose nets are tested together."""

    @property
    def outcome(self) -> Path:
        """The folder of its evaluation."""
        return self[0].outcome.with_name("seed-" + "+".join(str(run.seed) for run in self))

    @property
    def title(self) -> str:
        return f"{self[0].name} · seeds {'+'.join(str(run.seed) for run in self)}"


def digest_weights(runs: Sequence[PlannedRun]) -> str:
    """The sha256 of the weights of some runs, joined by "+"."""
    return "+".join(sha256(run.folder / NET) for run in runs)


def list_ensembles(task: Task, runs: Sequence[PlannedRun]) -> list[Ensemble]:
    """The ensembles of a task's runs that are tested, each in the order of seeds."""
    if not task.joins_seeds:
        return []
    by_name: dict[str, list[PlannedRun]] = {}
    for run in sorted(runs, key=lambda run: run.seed):
        by_name.setdefault(run.name, []).append(run)
    return [Ensemble(members) for members in by_name.values() if len(members) > 1]


@dataclass(frozen=True)
class Plan:
    """What to train of a task."""

    runs: list[PlannedRun]
    threads: int | None  # of each training on a CPU; None: the machine decides


def runs_of(params: BaseParams, task: Task) -> list[PlannedRun]:
    """All runs of a task: its nets and the net of `depth`, each with every seed. Without nets there are none."""
    section = params.section(task)
    names = [*section.nets]
    more = net_of_depth(params, task)
    if names and more and more not in names:
        names.append(more)
    return [PlannedRun(task, name, seed) for name in names for seed in section.seeds]


def plans(params: BaseParams, profile: Profile, task: Task) -> dict[str, Any]:
    """The files of a task in recipes/ and their content.

    Raises:
        UserError: params.yaml, the profile and results/ contradict each other.
    """
    section, runs = params.section(task), runs_of(params, task)
    study_label = label(section.override)
    recipes = [profile.recipe(task, run.net, run.variant, run.seed, override=section.override) for run in runs]
    refuse_others(RESULTS / profile.name / task.name / study_label, recipes)
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
        _check_starts(params, profile, run, recipe)
        files[f"runs/{run.name}/seed-{run.seed}.json"] = values
    files["runs/list.json"] = {"runs": [[run.name, run.seed] for run in runs], "threads": profile.threads}
    files["study.json"] = {"ensembles": section.ensembles, "label": study_label, "depth": net_of_depth(params, task)}
    files["data.json"] = _data_plan(params, profile, task, runs)
    return files


def _check_starts(params: BaseParams, profile: Profile, run: PlannedRun, recipe: Recipe) -> None:
    """Refuse a run that starts from runs that are not trained, or whose backbone is missing or another architecture.

    Raises:
        UserError: names what to add to params.yaml.
    """
    key = f"{run.task.name}.nets"
    published_weights(run, recipe.values)
    for role, start in starts_of(run, recipe.values).items():
        if start not in runs_of(params, start.task):
            raise UserError(
                f"params.yaml: {key}: {run.title} starts from {start.title} of {start.task.name} (its {role}), which "
                f"is not trained; add net and seed to {start.task.name}.nets and .seeds, or set {key}=[].",
                kind="missing",
                key=key,
            )
        if role == BACKBONE:
            override = params.section(start.task).override
            _refuse_another_net(recipe, profile.recipe(start.task, run.net, override=override))


def _refuse_another_net(recipe: Recipe, first: Recipe) -> None:
    """Refuse a net that is built differently from the one that it starts from.

    Raises:
        UserError: the two recipes build different nets; names the field.
    """
    options, first_options = recipe.net_options, first.net_options
    for key in sorted(first_options.keys() - {"initialisation"}):
        if options.get(key) != first_options[key]:
            raise UserError(
                f"params.yaml: {recipe.task}.nets: {recipe.net} starts from a net of {first.task} that is built with "
                f"{key} {first_options[key]}, but would be built with {options.get(key, 'another')}; override both "
                f"tasks alike, or set {recipe.task}.nets=[].",
                kind="conflict",
                key=f"{recipe.task}.nets",
            )


def _data_plan(params: BaseParams, profile: Profile, task: Task, runs: list[PlannedRun]) -> dict[str, Any]:
    """The input of `prepare`: the data set, its place, and the input size of the nets.

    Raises:
        UserError: the runs of the task disagree.
    """
    dataset = {"dataset": profile.dataset(task)}
    if not runs:
        return dataset | {"skip": "no nets"}
    if task.shares_images_of:
        return dataset | {"skip": f"it uses the images of {task.shares_images_of}"}
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
    default = profile.recipe(task, runs[0].net, override=override)
    location = getattr(params.data, dataset["dataset"], None)
    return dataset | first | {"train_images": default.train_images} | (location.model_dump() if location else {})


def parse_run(task: str, name: str, seed: str) -> PlannedRun:
    """The run that a command names.

    Raises:
        UserError: there is no such task, or the seed is no whole number.
    """
    if not seed.isdecimal():
        raise UserError(f"the seed is {seed!r}; it must be a whole number.", key="seed")
    return PlannedRun(get_task(task), name, int(seed))


def read_planned(file: Path) -> dict[str, Any]:
    """Read a file that `check` wrote into `recipes/`.

    Raises:
        UserError: the file is missing or damaged.
    """
    task, _, name = file.relative_to(RECIPES).as_posix().partition("/")
    return json.loads(check_whole(RECIPES / task, name, REMAKE).read_text(encoding="utf-8"))


def plan_of(task: Task) -> Plan:
    """The planned runs of a task.

    Raises:
        UserError: the plan is missing or damaged.
    """
    values = read_planned(RECIPES / task.name / "runs/list.json")
    return Plan([PlannedRun(task, name, seed) for name, seed in values["runs"]], values["threads"])


def starts_of(run: PlannedRun, values: dict[str, Any]) -> dict[str, PlannedRun]:
    """The runs that a run starts from, by role: of the same net and the same seed.

    Args:
        values: the fields of its recipe.
    """
    starts = {role: task for role, task in values.get("starts", {}).items() if task != PUBLISHED}
    return {role: PlannedRun(get_task(task), run.net, run.seed) for role, task in starts.items()}


def published_weights(run: PlannedRun, values: dict[str, Any]) -> dict[str, Path]:
    """The file of published weights that a run starts from, by its role; none of most runs.

    Raises:
        UserError: it is missing.
    """
    if PUBLISHED not in values.get("starts", {}).values():
        return {}
    file = PUBLISHED_WEIGHTS / f"{run.net}.pth"
    if not file.is_file():
        raise UserError(
            f"{file} is missing, and {run.name} starts from it; download torchvision's weights of "
            f"{COUNTERPARTS[run.net]} (IMAGENET1K_V1) to it, or change {run.task.name}.override.starts.",
            kind="missing",
            key=f"{run.task.name}.override.starts",
            file=file,
        )
    return {BACKBONE: file}


def read_planned_starts(run: PlannedRun) -> dict[str, PlannedRun]:
    """The runs that a planned run starts from, by role."""
    return starts_of(run, read_planned(run.recipe_file))


def recipe_of(run: PlannedRun) -> Recipe:
    """The complete recipe of a planned run, with its data and the hashes of the runs that it starts from.

    Raises:
        UserError: it is not planned, its data are not prepared, or a file is damaged.
    """
    values = read_planned(run.recipe_file)
    started_from = {role: recipe_of(start).hash for role, start in starts_of(run, values).items()}
    started_from |= {role: sha256(file)[:16] for role, file in published_weights(run, values).items()}
    identity = read_meta(DATA / run.task.images_folder).identity
    return validate(run.task.recipe, values | {"data": identity, "started_from": started_from}, str(run.recipe_file))


def read_finished(run: PlannedRun) -> RunRecord:
    """The record of a run that was trained as planned.

    Raises:
        UserError: its folder is missing or damaged, or holds another run.
    """
    record = read_run(run.folder)
    if record.recipe != recipe_of(run):
        other = f"{named(record.recipe.net, record.recipe.variant)} · seed {record.recipe.seed}"
        raise UserError(
            f"{run.folder} holds another run ({other}, recipe {record.recipe.hash}) than {run.recipe_file} plans; "
            "delete it and run `dvc repro`.",
            kind="conflict",
            file=run.folder,
        )
    return record


def imported_start_folders(run: PlannedRun, recipe: Recipe) -> dict[str, Path]:
    """Folders of the runs that an imported run starts from, by role; they must be imported too.

    Raises:
        UserError: one is missing, or has another recipe.
    """
    folders = {}
    for role, start in starts_of(run, recipe.values).items():
        expected = recipe.started_from[role]
        present = read_run(start.folder).recipe.hash if start.folder.exists() else None
        if present != expected:
            here = "is missing" if present is None else f"is not the one here ({present})"
            raise UserError(
                f"{run.name} starts from a run of recipe {expected}, which {here}; copy it to {start.folder}.",
                kind="missing",
                file=start.folder,
            )
        folders[role] = start.folder
    return folders
