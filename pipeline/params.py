"""params.yaml and the profile, typed: what the stages read. The library below src/ knows nothing of these files."""

import os
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from replication.errors import UserError
from replication.images.index import read_images
from replication.images.store import Images
from replication.nets.names import check_net
from replication.recipe import RECIPES, Data, Recipe, validate

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


class Arm(Strict):
    """An arm of the study: `cifar` (section 4.2) or `imagenet` (4.1)."""

    nets: list[str]
    seeds: list[int] = Field(min_length=1)
    override: dict[str, Any]


class Imagenet(Arm):
    ensembles: list[list[str]]  # scored where all of their nets are in the list


class Cifar10(Strict):
    source: Literal["official", "parquet", "folder"]
    root: str


class TinyImagenet(Strict):
    source: Literal["parquet", "folder"]
    root: str


class ImagenetFiles(Strict):
    source: Literal["archives", "folder", "parquet"]
    root: str


class DataSources(Strict):
    cifar10: Cifar10
    tiny_imagenet: TinyImagenet
    imagenet: ImagenetFiles


class Params(Strict):
    """params.yaml."""

    profile: str
    depth: int
    cifar: Arm
    imagenet: Imagenet
    data: DataSources
    device: Literal["auto", "cpu", "cuda", "mps"]
    processes: int = Field(gt=0)


ARMS = ("cifar", "imagenet")
DATASETS = {"cifar": ("digits", "cifar10"), "imagenet": ("digits", "tiny_imagenet", "imagenet")}


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
    """params.yaml; REPLICATION_<DATASET>_SOURCE and _ROOT, if they are set, override where each data set lies.

    Raises:
        UserError: an unknown key, a wrong type, an unknown net or depth, or a net or seed named twice.
    """
    values = read_yaml(PARAMS)
    data = values.get("data") if isinstance(values, dict) else None
    for dataset, place in data.items() if isinstance(data, dict) else ():
        for key in ("source", "root"):
            found = os.environ.get(f"REPLICATION_{dataset.upper()}_{key.upper()}")
            if found and isinstance(place, dict):
                place[key] = found
    params = validate(Params, values, str(PARAMS))
    _check_net("depth", f"resnet-{params.depth}", "cifar")
    for arm in ARMS:
        section = getattr(params, arm)
        for net in section.nets:
            _check_net(f"{arm}.nets", net, arm)
        for key, items in (("nets", section.nets), ("seeds", section.seeds)):
            if len(set(items)) < len(items):
                raise UserError(f"{PARAMS}: {arm}.{key} names {max(items, key=items.count)} twice; remove one.")
    for ensemble in params.imagenet.ensembles:
        for net in ensemble:
            _check_net("imagenet.ensembles", net, "imagenet")
    return params


def _check_net(key: str, net: str, arm: str) -> None:
    try:
        check_net(net, arm)
    except UserError as error:
        raise UserError(f"{PARAMS}: {key}: {error}") from error


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


def images_of(params: Params, arm: str) -> Images:
    """The prepared data set of an arm; an index finds its photographs where params.yaml says."""
    return read_images(STORE / arm, ROOT / Path(params.data.imagenet.root).expanduser())


def recipe_of(params: Params, arm: str, net: str, seed: int, data: Data) -> Recipe:
    """The recipe of one run under the chosen profile.

    Raises:
        UserError: no such profile, or net in this arm; or a value in the profile is wrong.
    """
    check_net(net, arm)
    values = read_profile(params, arm)
    values.pop("dataset", None)
    overridden = f" with {arm}.override" if getattr(params, arm).override else ""
    where = f"{PROFILES / params.profile}.yaml, {arm}{overridden}"
    return validate(RECIPES[arm], values | {"arm": arm, "net": net, "seed": seed, "data": data}, where)


def paper_recipe(params: Params, arm: str, net: str, seed: int) -> Recipe:
    """The recipe of the same net under profile `paper` on the official pixels: what fidelity is measured against."""
    without_override = getattr(params, arm).model_copy(update={"override": {}})
    paper = params.model_copy(update={"profile": "paper", arm: without_override})
    dataset = DATASETS[arm][-1]
    return recipe_of(paper, arm, net, seed, Data(name=dataset, variant=None, fingerprint="official"))


def runs_of(params: Params, arm: str) -> list[Run]:
    """All runs of an arm: its nets times its seeds; for `cifar` then the net of `depth`, unless the list has it."""
    section = getattr(params, arm)
    runs = [Run(net=n, seed=s, folder=RUNS / arm / n / f"seed-{s}") for n in section.nets for s in section.seeds]
    return runs + (runs_of_depth(params) if arm == "cifar" else [])


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
