"""A recipe takes what is right, refuses what is wrong in one sentence, and has a hash of its own."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from errors import refused
from pydantic import BaseModel, TypeAdapter, ValidationError

from replication.config.recipe import Recipe
from replication.config.validation import merge, validate
from replication.errors import Kind
from replication.runs.record import AnyRecipe
from replication.tasks.cifar.recipe import CifarRecipe
from replication.tasks.imagenet.recipe import ImagenetRecipe

Recipes = Callable[..., CifarRecipe]
ImagenetRecipes = Callable[..., ImagenetRecipe]

FILE = Path("profile.yaml")
BY_PLATEAU = {"drops": [], "plateau": {"window": 4, "points": 0.1, "most": 2}}


def changed(recipe: Recipe, path: str, value: Any) -> dict[str, Any]:
    """The recipe as plain values, with the value at a dotted path changed."""
    values = recipe.model_dump(mode="json")
    *sections, key = path.split(".")
    place = values
    for section in sections:
        place = place[section]
    place[key] = value
    return values


# Values that a field does not take: other types, other words, and slips of the finger.
WRONG: dict[str, list[Any]] = {
    "schedule": [5],
    "schedule.learning_rate": [float("inf"), float("nan"), 1e30, True, "0.1", -0.1, 0],
    "schedule.iterations": [10**20, True, 1.5, 0, -1, "400"],
    "schedule.batch_size": [10**20, True, 0],
    "schedule.drops": [32, [True], [1.5], "200", [10**20], [48, 32], [32, 32], [32, 64], [0, 32]],
    "schedule.drop_factor": [True, 1, 0],
    "optimiser.weight_decay": [float("inf"), 1e30, True, -1, 2],
    "optimiser.weight_decay_scope": ["conv"],
    "optimiser.momentum": [True, 1, float("nan")],
    "optimiser.nesterov": ["yes", 1, "false"],
    "augmentation.mirror": ["yes", 1, 0],
    "augmentation.zero": ["between"],
    "augmentation.pad": [10**20, True, 9, -1],
    "shortcut.subsample": ["B"],
    "initialisation": ["xavier"],
    "precision": ["fp16"],
    "seed": [-1],
    "train_images": [10**20, True, 0, 1e3, None],
    "input_size": [10**20, True, 6],
    "bn_group": [10**20, True, 0, 5, 32],
    "warmup.window": [10**20, True, 0],
    "warmup.until_train_error_below": [100],
    "logging.log_every": [10**20, True, 0],
    "logging.evaluate_every": [20],
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in WRONG.items() for value in values], ids=str)
def test_a_wrong_value_is_refused_with_its_key(make_recipe: Recipes, key: str, value: Any) -> None:
    shown = str(value[0] if isinstance(value, list) else value)
    with refused("invalid", shown, key=key, file=FILE) as error:
        validate(CifarRecipe, changed(make_recipe(), key, value), str(FILE), FILE)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "key", "names"),
    [
        ({"schedule": {"iterations": 48}}, "schedule.drops", ("iterations", "48")),
        ({"bn_group": 1, "input_size": 4}, "bn_group", ("1x1",)),
        ({"optimiser": {"nesterov": True, "momentum": 0}}, "optimiser.nesterov", ("momentum",)),
        ({"block": "bottleneck"}, "block", ("20 and 38",)),
        ({"schedule": BY_PLATEAU | {"drops": [8]}}, "schedule.drops", ("plateau",)),
    ],
)
def test_values_that_contradict_each_other_are_refused_with_both(
    make_recipe: Recipes, changes: dict[str, Any], key: str, names: tuple[str, ...]
) -> None:
    with refused("invalid", *names, key=key, file=FILE):
        validate(CifarRecipe, merge(make_recipe().model_dump(mode="json"), changes), str(FILE), FILE)


@pytest.mark.parametrize("path", ["colour", "optimiser.momentun"])
def test_an_unknown_key_is_refused(make_recipe: Recipes, path: str) -> None:
    with refused("unknown", "0.9", key=path, file=FILE):
        validate(CifarRecipe, changed(make_recipe(), path, 0.9), str(FILE), FILE)


@pytest.mark.parametrize("path", ["bn_group", "schedule.drops", "optimiser", "data.fingerprint"])
def test_a_missing_key_is_refused(make_recipe: Recipes, path: str) -> None:
    values = make_recipe().model_dump(mode="json")
    *sections, key = path.split(".")
    place = values
    for section in sections:
        place = place[section]
    del place[key]
    with refused("missing", key=path, file=FILE):
        validate(CifarRecipe, values, str(FILE), FILE)


@pytest.mark.parametrize("values", [None, [], "text", 3])
def test_a_file_that_holds_no_keys_is_refused(values: Any) -> None:
    with refused("invalid", file=FILE) as error:
        validate(CifarRecipe, values, str(FILE), FILE)
    assert error.value.key is None


def test_a_recipe_cannot_be_changed_after_it_is_made(make_recipe: Recipes) -> None:
    recipe = make_recipe()
    with pytest.raises(ValidationError):
        recipe.seed = 3
    with pytest.raises(ValidationError):
        recipe.schedule.learning_rate = 3.0


def test_a_recipe_comes_back_from_json_with_the_same_hash(make_recipe: Recipes) -> None:
    recipe = make_recipe()
    again = CifarRecipe.model_validate_json(recipe.model_dump_json())
    assert again == recipe
    assert again.hash == recipe.hash


def turned(values: Any) -> Any:
    """The same values with the keys of every section in the opposite order."""
    return {key: turned(values[key]) for key in reversed(values)} if isinstance(values, dict) else values


def test_the_hash_does_not_depend_on_the_order_of_the_keys(make_recipe: Recipes) -> None:
    recipe = make_recipe()
    values = turned(recipe.model_dump(mode="json"))
    assert list(values) == list(reversed(recipe.model_dump()))
    assert CifarRecipe.model_validate(values).hash == recipe.hash


def test_the_hash_is_sha256_of_the_sorted_fields_that_are_not_at_their_default(make_recipe: Recipes) -> None:
    """So that it survives a reordering of the model and a new option, and anyone can compute it from run.json."""
    fields = json.loads(make_recipe().model_dump_json())
    assert (fields.pop("variant"), fields["schedule"].pop("plateau")) == ("default", None)
    assert (fields.pop("block"), fields["optimiser"].pop("rate_in_momentum")) == ("two_layers", False)
    assert (fields.pop("weights_seed"), fields.pop("order_seed")) == (None, None)
    assert (fields.pop("starts"), fields.pop("started_from")) == ({}, {})
    text = json.dumps(fields, sort_keys=True)
    assert make_recipe().hash == hashlib.sha256(text.encode()).hexdigest()[:16]


def test_a_new_option_with_a_default_leaves_old_runs_what_they_were(make_recipe: Recipes) -> None:
    class Later(CifarRecipe):
        smoothing: float = 0.0

    recipe = make_recipe()
    again = Later.model_validate(recipe.model_dump(mode="json"))
    assert again.hash == recipe.hash
    assert Later.model_validate(recipe.model_dump(mode="json") | {"smoothing": 0.1}).hash != recipe.hash


def test_the_values_alone_make_the_recipe_again(make_recipe: Recipes, make_imagenet_recipe: ImagenetRecipes) -> None:
    for recipe in (make_recipe(), make_recipe(variant="no-warmup"), make_imagenet_recipe(schedule=BY_PLATEAU)):
        assert type(recipe).model_validate(json.loads(json.dumps(recipe.values))) == recipe


def test_a_fingerprint_is_known_by_its_first_16_digits(make_recipe: Recipes) -> None:
    short, whole = (make_recipe(data={"fingerprint": "0123456789abcdef" * times}) for times in (1, 4))
    assert short == whole
    assert short.data.fingerprint == "0123456789abcdef"


def test_the_hash_does_not_depend_on_how_a_number_is_written(make_recipe: Recipes) -> None:
    whole, decimal = (make_recipe(schedule={"learning_rate": rate}) for rate in (1, 1.0))
    assert whole.hash == decimal.hash


def test_the_hash_is_the_same_in_another_process(make_recipe: Recipes) -> None:
    code = (
        "import sys; from replication.tasks.cifar.recipe import CifarRecipe;"
        "print(CifarRecipe.model_validate_json(sys.stdin.read()).hash)"
    )
    other = subprocess.run(
        [sys.executable, "-c", code],
        input=make_recipe().model_dump_json(),
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout.strip() == make_recipe().hash
    assert len(make_recipe().hash) == 16


# Another value for every field of the tiny recipe.
CIFAR: dict[str, Any] = {
    "net": "plain-8",
    "variant": "no-warmup",
    "seed": 1,
    "weights_seed": 0,
    "order_seed": 0,
    "block": "one_layer",
    "data.name": "other",
    "data.pixels": "official",
    "data.fingerprint": "0",
    "input_size": 12,
    "train_images": 95,
    "augmentation.pad": 2,
    "augmentation.mirror": False,
    "augmentation.zero": "before_mean",
    "shortcut.subsample": "average",
    "shortcut.zero_channels": "end",
    "initialisation": "fan_out",
    "bn_group": 16,
    "bn_statistics": "recomputed",
    "optimiser.momentum": 0.8,
    "optimiser.nesterov": True,
    "optimiser.rate_in_momentum": True,
    "optimiser.weight_decay": 0.0002,
    "optimiser.weight_decay_scope": "weights",
    "schedule.batch_size": 24,
    "schedule.iterations": 65,
    "schedule.learning_rate": 0.051,
    "schedule.drops": [32],
    "schedule.drop_factor": 0.2,
    "warmup.from_depth": 109,
    "warmup.learning_rate": 0.006,
    "warmup.until_train_error_below": 51,
    "warmup.window": 5,
    "precision": "bf16",
    "logging.log_every": 4,
    "logging.evaluate_every": 32,
}


# And for those that only the task `imagenet` has, or that a recipe with drops cannot have.
IMAGENET: dict[str, Any] = {
    "bottleneck_stride": "3x3",
    "max_pooling": "rounded_up",
    "warmup": {"from_depth": 18, "learning_rate": 0.001, "until_train_error_below": 50, "window": 4},
    "augmentation.shorter_side": [36, 45],
    "augmentation.mirror": False,
    "augmentation.colour": 0.2,
    "test.shorter_side": 37,
    "test.scales": [32],
    "test.mirrored": True,
    "schedule.plateau": None,
    "schedule.plateau.window": 5,
    "schedule.plateau.points": 0.2,
    "schedule.plateau.most": 3,
}
ONE_VALUE_ONLY = {"task", "test", "starts", "started_from"}  # of CIFAR


@pytest.mark.parametrize(("path", "value"), CIFAR.items())
def test_every_field_changes_the_hash(make_recipe: Recipes, path: str, value: Any) -> None:
    recipe = make_recipe()
    assert CifarRecipe.model_validate(changed(recipe, path, value)).hash != recipe.hash


@pytest.mark.parametrize(("path", "value"), IMAGENET.items())
def test_every_field_of_the_task_imagenet_changes_the_hash(
    make_imagenet_recipe: ImagenetRecipes, path: str, value: Any
) -> None:
    recipe = make_imagenet_recipe(schedule=BY_PLATEAU)
    assert ImagenetRecipe.model_validate(changed(recipe, path, value)).hash != recipe.hash


def leaves(model: type[BaseModel], above: str = "") -> list[str]:
    """Dotted names of all fields of a model; a section that may be None is a field as well."""
    found = []
    for name, field in model.model_fields.items():
        kinds = [k for k in (field.annotation, *get_args(field.annotation)) if isinstance(k, type)]
        sections = [kind for kind in kinds if issubclass(kind, BaseModel)]
        found += [leaf for section in sections for leaf in leaves(section, f"{above}{name}.")]
        if field.annotation not in sections:
            found.append(above + name)
    return found


def test_no_field_is_left_out_of_the_tests_above() -> None:
    of_cifar, of_imagenet = set(leaves(CifarRecipe)), set(leaves(ImagenetRecipe))
    assert of_cifar - ONE_VALUE_ONLY == set(CIFAR) | {path for path in IMAGENET if "plateau" in path}
    assert of_imagenet - of_cifar <= set(IMAGENET)


# --- the two tasks


def test_a_recipe_of_either_task_is_read_as_its_own_kind(
    make_recipe: Recipes, make_imagenet_recipe: ImagenetRecipes
) -> None:
    for recipe in (make_recipe(), make_imagenet_recipe()):
        again = TypeAdapter(AnyRecipe).validate_python(recipe.model_dump(mode="json"))
        assert type(again) is type(recipe)
        assert again == recipe


def test_the_task_decides_what_a_net_is_built_with(make_recipe: Recipes, make_imagenet_recipe: ImagenetRecipes) -> None:
    shared = {"initialisation": "fan_in", "subsample": "stride", "zero_channels": "split"}
    assert make_recipe(block="one_layer").net_options == shared | {"block": "one_layer"}
    assert make_imagenet_recipe(bottleneck_stride="3x3").net_options == shared | {"bottleneck_stride": "3x3"}
    assert make_imagenet_recipe(max_pooling="rounded_up").net_options["max_pooling"] == "rounded_up"


@pytest.mark.parametrize(
    ("changes", "kind", "key"),
    [
        ({"augmentation": {"shorter_side": [44, 36]}}, "invalid", "augmentation.shorter_side"),
        ({"augmentation": {"shorter_side": [31, 44]}}, "invalid", "augmentation.shorter_side"),
        ({"test": {"shorter_side": 31}}, "invalid", "test.shorter_side"),
        ({"test": {"scales": [40, 31]}}, "invalid", "test.scales"),
        ({"test": {"scales": []}}, "invalid", "test.scales"),
        ({"input_size": 31}, "invalid", "input_size"),
        ({"augmentation": {"pad": 4}}, "unknown", "augmentation.pad"),
        (
            {"warmup": {"window": 4, "learning_rate": 0.01, "until_train_error_below": 50}},
            "missing",
            "warmup.from_depth",
        ),
        ({"bottleneck_stride": "2x2"}, "invalid", "bottleneck_stride"),
        ({"task": "cifar"}, "invalid", "task"),
        ({"schedule": {"plateau": {"window": 4, "points": 0.1, "most": 2}}}, "invalid", "schedule.drops"),
        (
            {"schedule": {"drops": [], "plateau": {"window": 0, "points": 0.1, "most": 2}}},
            *("invalid", "schedule.plateau.window"),
        ),
        ({"schedule": {"drops": [], "plateau": {"window": 4, "points": 0.1}}}, "missing", "schedule.plateau.most"),
    ],
    ids=str,
)
def test_a_wrong_recipe_of_the_task_imagenet_is_refused_with_its_key(
    make_imagenet_recipe: ImagenetRecipes, changes: dict[str, Any], kind: Kind, key: str
) -> None:
    values = merge(make_imagenet_recipe().model_dump(mode="json"), changes)
    with refused(kind, key=key, file=FILE) as error:
        validate(ImagenetRecipe, values, str(FILE), FILE)
    assert "\n" not in str(error.value)
