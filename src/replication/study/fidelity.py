"""How near a run is to the paper: its recipe compared with the `paper` profile, never typed by hand."""

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel

from replication.recipe import Recipe

Fidelity = Literal["exact", "reduced", "proxy"]
RANK: dict[str, int] = {"exact": 0, "reduced": 1, "proxy": 2}

# What tells one run of a study from another, or changes no weight, is no difference from the paper.
NOT_COMPARED = {"arm", "net", "seed", "logging", "fingerprint"}


@dataclass(frozen=True)
class Difference:
    """A field in which a recipe differs from the paper's. `section` is where the paper speaks of it, or "not said"."""

    key: str
    what: str
    section: str
    paper: Any
    here: Any


def differences(recipe: Recipe, paper: Recipe) -> list[Difference]:
    """Fields in which `recipe` differs from `paper`, the recipe of the same net under profile `paper`."""
    return list(_compare(recipe, paper, ""))


def fidelity(recipe: Recipe, paper: Recipe) -> Fidelity:
    """`exact`: no difference; `reduced`: official data, other differences; `proxy`: another data set or variant."""
    keys = {difference.key for difference in differences(recipe, paper)}
    if keys & {"data.name", "data.variant"}:
        return "proxy"
    return "reduced" if keys else "exact"


def _compare(here: BaseModel, paper: BaseModel, prefix: str) -> Any:
    for key, field in type(here).model_fields.items():
        if key in NOT_COMPARED:
            continue
        ours, theirs = getattr(here, key), getattr(paper, key)
        if isinstance(ours, BaseModel) and isinstance(theirs, BaseModel):
            yield from _compare(ours, theirs, f"{prefix}{key}.")
        elif ours != theirs:
            what, _, section = (field.description or key).partition(" · ")
            yield Difference(prefix + key, what, section, _plain(theirs), _plain(ours))


def _plain(value: Any) -> Any:
    return value.model_dump() if isinstance(value, BaseModel) else value
