"""How near a run is to the paper: its recipe compared with the `paper` profile, never typed by hand."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from replication.config.profiles import DEFAULT, Profile
from replication.config.recipe import Data, Recipe
from replication.errors import UserError
from replication.tasks import Task, get_task

Fidelity = Literal["exact", "reduced", "proxy"]
RANK: dict[str, int] = {"exact": 0, "reduced": 1, "proxy": 2}

# What tells one run of a study from another, or changes no weight, is no difference from the paper.
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
    """A field in which a recipe differs from the paper's. `section` is where the paper speaks of it, or "not said"."""

    key: str
    what: str
    section: str
    paper: Any
    here: Any


def differences(recipe: Recipe, paper: Recipe, ignored: Collection[str] = NOT_COMPARED) -> list[Difference]:
    """Fields in which `recipe` differs from `paper`, the recipe of the same net under profile `paper`."""
    return list(_compare(recipe, paper, "", ignored))


def first_difference(recipe: Recipe, other: Recipe) -> str:
    """The first field of all in which two recipes differ, "schedule.iterations"; empty if they are equal."""
    return next((difference.key for difference in differences(recipe, other, ignored=())), "")


def of_paper(recipe: Recipe, task: Task, paper: Profile) -> Recipe:
    """The paper's recipe of the same run, on the official pixels.

    A variant that is an experiment of the paper is compared with that one, any other with the default.
    """
    variant = recipe.variant if "section" in paper.variants(task).get(recipe.variant, {}) else DEFAULT
    data = Data(name=task.datasets[-1], pixels="official", fingerprint="official")
    return paper.recipe(task, recipe.net, variant, recipe.seed, data)


def made_under(recipe: Recipe, profiles: Sequence[Profile], where: str) -> Profile:
    """The profile under which a run was made.

    Raises:
        UserError: none of them makes this recipe; names its folder, `where`, and the first field in which each differs.
    """
    task, told = get_task(recipe.task), []
    for profile in profiles:
        if recipe.variant != DEFAULT and recipe.variant not in profile.variants(task):
            continue
        ours = profile.recipe(task, recipe.net, recipe.variant, recipe.seed, recipe.data)
        ours = ours.model_copy(update={"started_from": recipe.started_from})
        if ours == recipe:
            return profile
        told.append(f"{profile.name} has another {first_difference(recipe, ours)}")
    raise UserError(
        f"{where}: its recipe matches no profile here ({'; '.join(told)}); add its profile, and run again.",
        kind="conflict",
        file=Path(where),
    )


def overridden(recipe: Recipe, profile: Profile) -> dict[str, Any]:
    """The fields, "schedule.iterations" say, in which a recipe differs from that of its own profile, and their values.

    Raises:
        UserError: the profile has no such variant any more.
    """
    own = profile.recipe(get_task(recipe.task), recipe.net, recipe.variant, recipe.seed, recipe.data)
    return {found.key: found.here for found in differences(recipe, own, ignored=NOT_COMPARED - {"logging"})}


def fidelity(recipe: Recipe, paper: Recipe) -> Fidelity:
    """`exact`: no difference; `reduced`: official data, other differences; `proxy`: another data set, other pixels."""
    keys = {difference.key for difference in differences(recipe, paper)}
    if keys & {"data.name", "data.pixels"}:
        return "proxy"
    return "reduced" if keys else "exact"


def _compare(here: BaseModel, paper: BaseModel, prefix: str, ignored: Collection[str]) -> Iterator[Difference]:
    for key, field in type(here).model_fields.items():
        if key in ignored:
            continue
        ours, theirs = getattr(here, key), getattr(paper, key)
        if isinstance(ours, BaseModel) and isinstance(theirs, BaseModel):
            yield from _compare(ours, theirs, f"{prefix}{key}.", ignored)
        elif ours != theirs:
            what, _, section = (field.description or key).partition(" · ")
            yield Difference(prefix + key, what, section, _as_value(theirs), _as_value(ours))


def _as_value(value: Any) -> Any:
    return value.model_dump() if isinstance(value, BaseModel) else value
