"""params.yaml and the profile, typed: what the stages read. The library below src/ knows nothing of these files."""

import os
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from replication.errors import UserError
from replication.nets import depth_of
from replication.recipe import Data, Recipe, validate

# DVC runs queued and --temp experiments in a copy of the project; DVC_ROOT is the checkout that the user stands in.
# Resume state, tracking and the user's data belong there.
ROOT = Path(os.environ.get("DVC_ROOT") or Path(__file__).parents[1]).resolve()
WORK = ROOT / ".work"
TRACKING_URI = f"sqlite:///{ROOT / 'mlflow.db'}"

PARAMS = Path("params.yaml")
PROFILES = Path("pipeline/profiles")
STORE = Path("data")
RUNS = Path("runs")
EVALUATIONS = Path("evaluations")
RESULTS = Path("results")


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Cifar(Strict):
    nets: list[str]
    seeds: list[int] = Field(min_length=1)
    override: dict[str, Any]


class Cifar10(Strict):
    source: Literal["official", "parquet", "folder"]
    root: str


class DataSources(Strict):
    cifar10: Cifar10


class Params(Strict):
    """params.yaml."""

    profile: str
    depth: int
    cifar: Cifar
    data: DataSources
    device: Literal["auto", "cpu", "cuda", "mps"]


class Run(Strict):
    """A run of the study and the folder that it is written to."""

    net: str
    seed: int
    folder: Path


def read_yaml(path: Path) -> Any:
    """YAML 1.2, in which DVC's 1e-4 is a number."""
    try:
        return YAML(typ="safe").load(path.read_text())
    except FileNotFoundError as error:
        raise UserError(
            f"{path} is missing; run from the project's root, or restore it with `git checkout {path}`."
        ) from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not YAML: {' '.join(str(error).split())}.") from error


def read_params() -> Params:
    """params.yaml, with the place of the data overridden by REPLICATION_CIFAR10_SOURCE and _ROOT if they are set.

    Raises:
        UserError: an unknown key, a wrong type, an unknown net or depth, or a net or seed named twice.
    """
    values = read_yaml(PARAMS)
    if (
        isinstance(values, dict)
        and isinstance(values.get("data"), dict)
        and isinstance(values["data"].get("cifar10"), dict)
    ):
        for key in ("source", "root"):
            if found := os.environ.get(f"REPLICATION_CIFAR10_{key.upper()}"):
                values["data"]["cifar10"][key] = found
    params = validate(Params, values, str(PARAMS))
    for key, net in [("depth", f"resnet-{params.depth}"), *(("cifar.nets", net) for net in params.cifar.nets)]:
        try:
            depth_of(net)
        except UserError as error:
            raise UserError(f"{PARAMS}: {key}: {error}") from error
    for key, items in (("nets", params.cifar.nets), ("seeds", params.cifar.seeds)):
        if len(set(items)) < len(items):
            raise UserError(f"{PARAMS}: cifar.{key} names {max(items, key=items.count)} twice; remove one.")
    return params


def read_profile(params: Params, arm: str) -> dict[str, Any]:
    """The arm's section of the profile, with the override of params.yaml merged on it."""
    path = PROFILES / f"{params.profile}.yaml"
    if not re.fullmatch(r"[\w-]+", params.profile) or not path.exists():
        known = ", ".join(sorted(p.stem for p in PROFILES.glob("*.yaml")))
        raise UserError(f"{PARAMS}: profile: there is no {params.profile!r}; choose one of {known}.")
    values = read_yaml(path)
    if not isinstance(values, dict) or not isinstance(values.get(arm), dict):
        raise UserError(f"{path} has no section {arm}; restore it with `git checkout {path}`.")
    return merged(values[arm], getattr(params, arm).override)


def recipe_of(params: Params, arm: str, net: str, seed: int, data: Data) -> Recipe:
    """The recipe of one run under the chosen profile."""
    values = read_profile(params, arm)
    values.pop("dataset", None)
    where = f"{PROFILES / params.profile}.yaml, {arm}" + (" with cifar.override" if params.cifar.override else "")
    return validate(Recipe, values | {"arm": arm, "net": net, "seed": seed, "data": data}, where)


def paper_recipe(params: Params, arm: str, net: str, seed: int) -> Recipe:
    """The recipe of the same net under profile `paper` on the official pixels: what fidelity is measured against."""
    without_override = getattr(params, arm).model_copy(update={"override": {}})
    paper = params.model_copy(update={"profile": "paper", arm: without_override})
    return recipe_of(paper, arm, net, seed, Data(name="cifar10", variant=None, fingerprint="official"))


def runs_of(params: Params, arm: str = "cifar") -> list[Run]:
    """All runs of the study: the list times the seeds, then the net of `depth` unless the list has it."""
    cifar = params.cifar
    runs = [Run(net=n, seed=s, folder=RUNS / arm / n / f"seed-{s}") for n in cifar.nets for s in cifar.seeds]
    return runs + runs_of_depth(params)


def runs_of_depth(params: Params) -> list[Run]:
    """The runs of the net of `depth`; none if the list trains it."""
    net = f"resnet-{params.depth}"
    if net in params.cifar.nets:
        return []
    return [Run(net=net, seed=s, folder=RUNS / "depth" / net / f"seed-{s}") for s in params.cifar.seeds]


def merged(values: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """`values` with `changes` put over it, section by section."""
    result = dict(values)
    for key, change in changes.items():
        old = result.get(key)
        result[key] = merged(old, change) if isinstance(old, dict) and isinstance(change, dict) else change
    return result
