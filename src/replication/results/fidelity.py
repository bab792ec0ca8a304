"""How close a run is to the paper: its net and its recipe are compared with the paper's, never typed by hand."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from replication.config.profiles import DEFAULT, Profile, read_profile
from replication.config.recipe import Data, Recipe
from replication.errors import UserError
from replication.paper import trained_nets
from replication.tasks import Task, get_task

Fidelity = Literal["exact", "reduced", "proxy"]
RANK: dict[str, int] = {"exact": 0, "reduced": 1, "proxy": 2}

# Fields that differ between the runs of a study, or that change no weight: no differences from the paper.
NOT_COMPARED = {
    "task",
    "net",
    "variant",
    "seed",
    "weights_seed",
    "order_seed",
    "started_from",
    "logging",
    "fingerprint",
}


@dataclass(frozen=True)
class Difference:
    """A field in which a recipe differs from the paper's. `section` is where the paper gives it, or "not said"."""

    key: str
    what: str
    section: str
    paper: Any
    here: Any


def differences(recipe: Recipe, paper: Recipe) -> list[Difference]:
    """In what a run differs from the paper: a net that the paper did not train, and fields of the recipe.

    Args:
        paper: the recipe of the same net under the profile `paper`, see `find_paper_recipe`.
    """
    changes = compare_recipes(recipe, paper, NOT_COMPARED)
    section = get_task(recipe.task).section
    if recipe.net not in trained_nets(section):
        changes.insert(0, Difference("net", "net", section, "other nets", recipe.net))
    return changes


def compare_recipes(recipe: Recipe, other: Recipe, ignored: Collection[str] = ()) -> list[Difference]:
    """Fields in which `recipe` differs from `other`."""
    return list(_compare(recipe, other, "", ignored))


def first_difference(recipe: Recipe, other: Recipe) -> str:
    """The first field of all in which two recipes differ, "schedule.iterations"; empty if they are equal."""
    return next((difference.key for difference in compare_recipes(recipe, other)), "")


def find_paper_recipe(recipe: Recipe, task: Task, paper: Profile) -> Recipe:
    """The paper's recipe of the same run, on the official pixels of the same data set, if the paper has it.

    A variant that is an experiment of the paper has a recipe there. Any other is compared with the default.

    Args:
        paper: the profile `paper`; the profiles of `task.more_paper_data` are beside it.
    """
    dataset = task.paper_data(recipe.data.name)
    if dataset in task.more_paper_data:
        paper = read_profile(paper.path.parent, dataset)
    variant = recipe.variant if "section" in paper.variants(task).get(recipe.variant, {}) else DEFAULT
    data = Data(name=dataset, pixels="official", fingerprint="official")
    return paper.recipe(task, recipe.net, variant, recipe.seed, data)


def find_profile(recipe: Recipe, profiles: Sequence[Profile], folder: Path) -> Profile:
    """The profile that makes the recipe of a run; if it takes the recipe over from a base, the base.

    Args:
        folder: of the run.

    Raises:
        UserError: no profile makes this recipe; names the first field in which each differs.
    """
    task, mismatches = get_task(recipe.task), []
    for profile in sorted(profiles, key=lambda profile: len(profile.bases)):
        if recipe.variant != DEFAULT and recipe.variant not in profile.variants(task):
            continue
        expected = profile.recipe(task, recipe.net, recipe.variant, recipe.seed, recipe.data)
        expected = expected.model_copy(update={"started_from": recipe.started_from})
        if expected == recipe:
            return profile
        mismatches.append(f"{profile.name} has another {first_difference(recipe, expected)}")
    raise UserError(
        f"{folder}: its recipe matches no profile here ({'; '.join(mismatches)}); add its profile, and run again.",
        kind="conflict",
        file=folder,
    )


def find_override(recipe: Recipe, profile: Profile) -> dict[str, Any]:
    """The fields in which a recipe differs from its profile, "schedule.iterations" say, and their values.

    Raises:
        UserError: the profile no longer has this variant.
    """
    base = profile.recipe(get_task(recipe.task), recipe.net, recipe.variant, recipe.seed, recipe.data)
    changes = compare_recipes(recipe, base, NOT_COMPARED - {"logging"})
    return {change.key: change.here for change in changes}


def fidelity(recipe: Recipe, paper: Recipe) -> Fidelity:
    """`exact`: no difference; `reduced`: official data, listed differences; `proxy`: other data or other pixels."""
    keys = {difference.key for difference in differences(recipe, paper)}
    if keys & {"data.name", "data.pixels"}:
        return "proxy"
    return "reduced" if keys else "exact"


def _compare(here: BaseModel, paper: BaseModel, prefix: str, ignored: Collection[str]) -> Iterator[Difference]:
    for key, field in type(here).model_fields.items():
        if key in ignored:
            continue
        value, paper_value = getattr(here, key), getattr(paper, key)
        if isinstance(value, BaseModel) and isinstance(paper_value, BaseModel):
            yield from _compare(value, paper_value, f"{prefix}{key}.", ignored)
        elif value != paper_value:
            what, _, section = (field.description or key).partition(" · ")
            yield Difference(prefix + key, what, section, _dump(paper_value), _dump(value))


def _dump(value: Any) -> Any:
    return value.model_dump() if isinstance(value, BaseModel) else value
