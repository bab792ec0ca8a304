"""How near a run is to the paper: its recipe compared with the `paper` profile, never typed by hand."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from replication.recipe import Recipe

Fidelity = Literal["exact", "reduced", "proxy"]
RANK: dict[str, int] = {"exact": 0, "reduced": 1, "proxy": 2}

# What tells one run of a study from another, or changes no weight, is no difference from the paper.
NOT_COMPARED = {"arm", "net", "variant", "seed", "logging", "fingerprint"}


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
