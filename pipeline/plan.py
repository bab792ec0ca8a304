"""What params.yaml and the profile mean, run by run: what the stage `check` writes, and the others read.

recipes/<arm>/<run>/seed-<n>.json is the recipe of a run but for its data, fields at their default left out: of all
params a run depends on that file alone. A run is written "resnet-20", a variant of it "resnet-110/no-warmup", and the
net that `depth` adds "depth/resnet-110".
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.params import RESULTS, BaseParams, net_of_depth
from replication.arms import ARMS, Arm, arm_of
from replication.arms.localization import REGIONS
from replication.errors import UserError
from replication.files import check_whole
from replication.profiles import DEFAULT, Profile
from replication.recipe import Data, Recipe, validate
from replication.runs.folder import read_run
from replication.runs.record import RunRecord
from replication.study.labels import label
from replication.study.results import refuse_others

RECIPES = Path("recipes")
RUNS = Path("runs")
OF_DEPTH = "depth/"


@dataclass(frozen=True)
class Run:
    """A run of the study. `path` names it: its place in recipes/ and runs/, and in the names of its stages."""

    arm: Arm
    path: str
    seed: int

    @property
    def net(self) -> str:
        return self.path.removeprefix(OF_DEPTH).partition("/")[0]

    @property
    def variant(self) -> str:
        return self.path.removeprefix(OF_DEPTH).partition("/")[2] or DEFAULT

    @property
    def recipe_file(self) -> Path:
        return RECIPES / self.arm.name / self.path / f"seed-{self.seed}.json"

    @property
    def folder(self) -> Path:
        return RUNS / self.arm.name / self.path / f"seed-{self.seed}"

    @property
    def scores(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}-scores")

    @property
    def responses(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}-responses")


def runs_of(params: BaseParams, arm: Arm) -> list[Run]:
    """All runs of an arm: its nets, its variants and the net of `depth`, unless the list has it; each with every seed.

    An arm without nets and variants is not run, whatever `depth` says.
    """
    section = params.section(arm)
    paths = [*section.nets, *section.variants, *(f"{net}/{REGIONS}" for net in section.rcnn)]
    more = net_of_depth(params, arm)
    if paths and more and more not in section.nets:
        paths.append(OF_DEPTH + more)
    return [Run(arm, path, seed) for path in paths for seed in section.seeds]


def waves(items: list[str]) -> list[list[str]]:
    """Items of the stages `train`, "imagenet@resnet-18-A-0", in groups: each needs nets of those before it."""
    late = tuple(f"{arm.name}@" for arm in ARMS.values() if arm.starts_from)

    def wave(item: str) -> int:
        return 2 if item.startswith(f"{REGIONS}@") else int(item.startswith(late))

    return [[item for item in items if wave(item) == number] for number in range(3)]


def plans(params: BaseParams, profile: Profile, arm: Arm) -> dict[str, Any]:
    """The files of an arm and their content."""
    section, runs = params.section(arm), runs_of(params, arm)
    dataset, of_study = profile.dataset(arm), label(section.override)
    recipes = [profile.recipe(arm, run.net, run.variant, run.seed, override=section.override) for run in runs]
    refuse_others(RESULTS / profile.name / arm.name / of_study, recipes)
    found = {}
    for run, recipe in zip(runs, recipes, strict=True):
        if (last := max(section.checkpoints, default=0)) > recipe.schedule.iterations:
            raise UserError(
                f"params.yaml: {arm.name}.checkpoints: {last} is beyond the {recipe.schedule.iterations} iterations of "
                f"{run.path}; remove it."
            )
        found[f"{run.path}/seed-{run.seed}.json"] = {key: of for key, of in recipe.values.items() if key != "data"}
    more = net_of_depth(params, arm)
    if more and Run(arm, OF_DEPTH + more, section.seeds[0]) not in runs:
        why = "in the list of nets, and trained there" if more in section.nets else "not run, as its arm has no nets"
        found |= {f"{OF_DEPTH}{more}/seed-{seed}.json": {"skip": f"{more} is {why}."} for seed in section.seeds}
    study = {"runs": [[run.path, run.seed] for run in runs], "ensembles": section.ensembles}
    found["study.json"] = study | {"label": of_study, "depth": more}
    for run, recipe in zip(runs, recipes, strict=True):
        if (run.variant == REGIONS) != ("regions" in found[f"{run.path}/seed-{run.seed}.json"]):
            raise UserError(
                f"{profile.path} or params.yaml: {arm.name}.override: regions belong to the variant {REGIONS} alone; "
                "set them there."
            )
        first = beginning(run, found[f"{run.path}/seed-{run.seed}.json"])
        of_first = params.section(first.arm) if first else section
        if first and not (first.path in of_first.nets and first.seed in of_first.seeds):
            raise UserError(
                f"params.yaml: {arm.name}.nets: {run.net} begins with the net of seed {first.seed} of "
                f"{first.arm.name}.nets, which do not have it; add it there, or set {arm.name}.nets=[]."
            )
        if first:
            _refuse_another_trunk(recipe, profile.recipe(first.arm, run.net, override=of_first.override))
        before = proposer(run, found[f"{run.path}/seed-{run.seed}.json"])
        if before and not (before.path in section.nets and before.seed in section.seeds):
            raise UserError(
                f"params.yaml: {arm.name}.rcnn: {run.net} is proposed boxes by the net of seed {before.seed} of "
                f"{arm.name}.nets, which do not have it; add it there, or set {arm.name}.rcnn=[]."
            )
    found["data.json"] = {"dataset": dataset} | (
        view(params, profile, arm, dataset, runs) if runs else {"skip": "no nets"}
    )
    return found


def _refuse_another_trunk(recipe: Recipe, first: Recipe) -> None:
    """A net must be built as the one that it begins with, or its weights would mean something else.

    Raises:
        UserError: the two recipes build different nets.
    """
    ours, theirs = recipe.net_options, first.net_options
    for key in sorted(theirs.keys() - {"initialisation"}):
        if ours.get(key) != theirs[key]:
            raise UserError(
                f"params.yaml: {recipe.arm}.nets: {recipe.net} begins with a net of {first.arm} that was built with "
                f"{key} {theirs[key]}, and would itself be with {ours.get(key, 'another')}; override both arms alike, "
                f"or set {recipe.arm}.nets=[]."
            )


def view(params: BaseParams, profile: Profile, arm: Arm, dataset: str, runs: list[Run]) -> dict[str, Any]:
    """What `prepare` needs to know: where the images lie, and how the nets see them.

    Raises:
        UserError: the runs do not agree in it.
    """

    def seen(recipe: Recipe) -> dict[str, Any]:
        side = recipe.test.shorter_side if arm.photographs else None
        return {"input_size": recipe.input_size, "shorter_side": side}

    override = params.section(arm).override
    views = {run.path: seen(profile.recipe(arm, run.net, run.variant, override=override)) for run in runs}
    first = next(iter(views.values()))
    for path, other in views.items():
        if other != first:
            raise UserError(
                f"{profile.path}: {arm.name}: {path} has {other}, but the arm's images are prepared for {first}."
            )
    of_all = profile.recipe(arm, runs[0].net, override=override)
    location = getattr(params.data, dataset, None)
    return first | {"train_images": of_all.train_images} | (location.model_dump() if location else {})


def named_run(arm: str, path: str, seed: str) -> Run:
    """The run that a stage was called for.

    Raises:
        UserError: there is no such arm, or the seed is no whole number.
    """
    if not seed.isdecimal():
        raise UserError(f"the seed is {seed!r}; it must be a whole number.")
    return Run(arm_of(arm), path, int(seed))


def planned(file: Path) -> dict[str, Any]:
    """What `check` wrote in `recipes/`.

    Raises:
        UserError: it wrote no such file, or it is damaged.
    """
    remake = "run `dvc repro check`, which makes it for the runs of params.yaml"
    return json.loads(check_whole(RECIPES, file.relative_to(RECIPES).as_posix(), remake).read_text(encoding="utf-8"))


def beginning(run: Run, plan: dict[str, Any]) -> Run | None:
    """The run whose trained net this one begins with: that of seed 0 of another arm; None: it begins with none."""
    if run.arm.starts_from is None or plan.get("init_from") == "nothing":
        return None
    return Run(arm_of(run.arm.starts_from), run.net, 0)


def proposer(run: Run, plan: dict[str, Any]) -> Run | None:
    """The run of the first step whose net proposes the boxes of this one, that of seed 0; None: it needs none."""
    return Run(run.arm, run.net, 0) if plan.get("regions") else None


def folders_before(run: Run, plan: dict[str, Any]) -> tuple[Path | None, Path | None]:
    """Folders of the run that this one begins with, and of the one that proposes its boxes."""
    begun, proposes = beginning(run, plan), proposer(run, plan)
    return begun and begun.folder, proposes and proposes.folder


def folders_there(run: Run, recipe: Recipe) -> tuple[Path | None, Path | None]:
    """`folders_before` of a run that was made elsewhere, from runs that must be here too.

    Raises:
        UserError: one is missing, or is another than it was made from.
    """
    before, wanted = folders_before(run, recipe.values), recipe.start
    for there in filter(None, reversed(before)):  # the nearest first
        found = read_run(there).recipe if there.exists() else None
        if found is None or found.hash != wanted:
            here = "is not here" if found is None else f"is another than the one here ({found.hash})"
            raise UserError(f"{run.path} was made from a run of recipe {wanted}, which {here}; copy it to {there}.")
        wanted = found.start
    return before


def recipe_of(run: Run, plan: dict[str, Any], identity: Data, start: str | None = None) -> Recipe:
    """The recipe that `check` planned for a run, on prepared images, begun with the net of a run of the recipe `start`.

    Raises:
        UserError: the plan is damaged.
    """
    return validate(run.arm.recipe, plan | {"data": identity, "start": start}, str(run.recipe_file))


def finished(run: Run) -> RunRecord:
    """The record of a run that was trained as planned.

    Raises:
        UserError: its folder is missing or damaged, or holds another run.
    """
    record, plan = read_run(run.folder), planned(run.recipe_file)
    if record.recipe != recipe_of(run, plan, record.recipe.data, record.recipe.start):
        of = f"{record.recipe.net}, {record.recipe.variant}, seed {record.recipe.seed}, recipe {record.recipe.hash}"
        raise UserError(
            f"{run.folder} holds another run ({of}) than {run.recipe_file} plans; delete it and run `dvc repro`."
        )
    return record
