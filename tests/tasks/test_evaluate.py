"""A run is tested by the protocols of its task, on the images that it was trained for and no others."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from errors import refused
from locating import classifier_recipe_of, made_up_store, rcnn_recipe_of, recipe_of
from safetensors.torch import load_file, save_file

import replication
from replication.config.recipe import Recipe
from replication.data.store import Images, Store
from replication.evaluate import evaluate_run
from replication.files import seal
from replication.runs.curve import last_value
from replication.runs.folder import NET, read_curve
from replication.runs.nets import load_net
from replication.tasks import get_task
from replication.tasks.batches import Batches
from replication.tasks.cifar.evaluate import single_view
from replication.tasks.cifar.recipe import CifarRecipe
from replication.tasks.cifar.responses import response_deviations
from replication.tasks.classification import count_top1_errors
from replication.tasks.imagenet.recipe import ImagenetRecipe
from replication.tasks.inference import recompute_bn_statistics
from replication.training.run import train_run
from replication.training.state import State

Recipes = Callable[..., CifarRecipe]
ImagenetRecipes = Callable[..., ImagenetRecipe]
Trained = Callable[[Recipe, Images], Path]
CPU = torch.device("cpu")
SHORT = {"schedule": {"iterations": 4, "drops": []}, "logging": {"log_every": 4, "evaluate_every": 4}}


@pytest.fixture
def trained(tmp_path: Path) -> Trained:
    """`trained(recipe, images)`: the folder of a run."""

    def made(recipe: Recipe, images: Images) -> Path:
        train_run(tmp_path / "seed-0", recipe, images, CPU, tmp_path / "work")
        return tmp_path / "seed-0"

    return made


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_single_view_errs_as_the_last_point_of_the_curve(
    store: Store, make_recipe: Recipes, trained: Trained, precision: str
) -> None:
    folder = trained(make_recipe(precision=precision, **SHORT), store)
    outcomes = evaluate_run(folder, store, CPU).outcomes
    assert list(outcomes) == ["single_view"]
    assert outcomes["single_view"].error() == last_value(read_curve(folder), "test", "top1_error") > 0
    assert torch.equal(outcomes["single_view"].labels, store.test_labels)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("net", ["plain-8", "resnet-14"])
def test_the_single_view_errs_as_the_curve_does_and_leaves_the_net_alone(
    make_recipe: Recipes, make_batches: Callable[..., Batches], net: str, precision: str
) -> None:
    recipe = make_recipe(net=net, precision=precision)
    module, batches = State.start(recipe, 4, CPU).net.train(), make_batches(recipe)
    outcome = single_view(module, batches)
    assert module.training
    assert outcome.metrics() == count_top1_errors(module, batches, "test").metrics() | {"top5_error": outcome.error(5)}
    torch.testing.assert_close(outcome.probabilities.sum(1), torch.ones(batches.test_count))


@pytest.mark.parametrize(
    ("net", "protocols"),
    [("resnet-18-B", ["centre_crop", "ten_crop", "fully_convolutional"]), ("googlenet", ["centre_crop", "ten_crop"])],
)
def test_a_net_is_tested_by_the_protocols_that_can_test_it(
    photographs: Store, make_imagenet_recipe: ImagenetRecipes, trained: Trained, net: str, protocols: list[str]
) -> None:
    recipe = make_imagenet_recipe(net=net, schedule={"iterations": 1, "drops": []})
    outcomes = evaluate_run(trained(recipe, photographs), photographs, CPU).outcomes
    assert list(outcomes) == protocols
    assert {outcome.images for outcome in outcomes.values()} == {20}


def test_batch_norm_statistics_are_recomputed_if_the_recipe_says_so(
    store: Store, make_recipe: Recipes, trained: Trained
) -> None:
    """For the protocols; the responses of the layers are those with running statistics."""
    folder = trained(make_recipe(bn_statistics="recomputed", **SHORT), store)
    net, batches = load_net(folder, store, CPU)
    running, responses = single_view(net, batches), response_deviations(net, batches)
    recompute_bn_statistics(net, batches)
    evaluation = evaluate_run(folder, store, CPU)
    probabilities = evaluation.outcomes["single_view"].probabilities
    torch.testing.assert_close(probabilities, single_view(net, batches).probabilities)
    assert not torch.allclose(probabilities, running.probabilities)
    assert evaluation.responses == pytest.approx(responses)
    assert evaluation.responses != pytest.approx(response_deviations(net, batches))


def test_runs_start_from_others_by_role_and_are_tested_with_them(tmp_path: Path) -> None:
    """A classifier; a localization net with its backbone; and R-CNN, with both."""
    store = made_up_store([[[4, 4, 22, 22]]] * 16, side=32, classes=8)
    short = {"schedule": {"iterations": 1, "drops": []}}
    recipes = {
        "backbone": classifier_recipe_of(store, 32, 32, **short),
        "proposals": recipe_of(store, 32, 32, [32], starts={"backbone": "imagenet"}, **short),
        "rcnn": rcnn_recipe_of(store, **short),
    }
    folders: dict[str, Path] = {}
    for name, recipe in recipes.items():
        starts = {role: folders[role] for role in recipe.starts}
        train_run(tmp_path / name, recipe, store, CPU, tmp_path / "work", starts=starts, checkpoints=[0])
        outcomes = evaluate_run(tmp_path / name, store, CPU, starts).outcomes
        assert list(outcomes) == [protocol.name for protocol in get_task(recipe.task).protocols]
        folders[name] = tmp_path / name
    trained = load_file(folders["backbone"] / NET)["conv3.1.conv2.weight"]
    assert torch.equal(load_file(folders["proposals"] / "net-0.safetensors")["conv3.1.conv2.weight"], trained)
    assert torch.equal(load_file(folders["rcnn"] / "net-0.safetensors")["backbone.conv3.1.conv2.weight"], trained)


def test_a_run_on_other_images_is_refused(store: Store, make_recipe: Recipes, trained: Trained) -> None:
    folder = trained(make_recipe(**SHORT), store)
    others = replace(store, meta=replace(store.meta, fingerprint="f" * 64))
    with refused("conflict", "f" * 16, "dvc repro", file=folder):
        evaluate_run(folder, others, CPU)


def test_weights_of_another_net_are_refused_by_the_name_of_their_file(
    store: Store, make_recipe: Recipes, trained: Trained
) -> None:
    folder = trained(make_recipe(**SHORT), store)
    weights = load_file(folder / NET)
    weights.pop("fc.weight")
    save_file(weights, folder / NET)
    seal(folder)
    with refused("conflict", "resnet-8", "dvc repro", file=folder / NET):
        evaluate_run(folder, store, CPU)


def test_an_older_run_is_evaluated(store: Store, make_recipe: Recipes, trained: Trained) -> None:
    """Its weights stand without a mean image, and its metadata names other keys."""
    folder = trained(make_recipe(**SHORT), store)
    before = evaluate_run(folder, store, CPU).outcomes["single_view"].probabilities
    weights = load_file(folder / NET)
    del weights["mean_image"]
    save_file(weights, folder / NET, metadata={"net": "resnet-8", "recipe_hash": "0"})
    seal(folder)
    assert torch.equal(evaluate_run(folder, store, CPU).outcomes["single_view"].probabilities, before)


def test_a_run_can_be_loaded_for_raw_images(store: Store, make_recipe: Recipes, trained: Trained) -> None:
    folder = trained(make_recipe(**SHORT), store)
    net = replication.load(folder)
    with torch.inference_mode():
        probabilities = net(store.test_images)
    expected = evaluate_run(folder, store, CPU).outcomes["single_view"].probabilities
    torch.testing.assert_close(probabilities, expected, atol=1e-4, rtol=1e-3)  # its batch norm is not folded
    assert (net.classes, net.input_size) == (store.meta.classes, make_recipe().input_size)
    assert not net.training


def test_the_file_of_weights_is_loaded_alone_wherever_it_lies(
    store: Store, make_recipe: Recipes, trained: Trained, tmp_path: Path
) -> None:
    """With options that change what the net computes, though not its tensors."""
    folder = trained(make_recipe(shortcut={"subsample": "average", "zero_channels": "end"}, **SHORT), store)
    alone = shutil.copy(folder / NET, tmp_path / "a.safetensors")
    with torch.inference_mode():
        expected = replication.load(folder)(store.test_images)
        assert torch.equal(replication.load(alone)(store.test_images), expected)
        assert torch.equal(replication.load(folder / NET)(store.test_images), expected)
        weights = load_file(alone)
        about = {"net": "resnet-8", "classes": store.meta.classes, "input_size": 8}  # as it was before the options
        save_file(weights, alone, metadata={"about": json.dumps(about)})
        save_file(weights, folder / NET, metadata={"about": json.dumps(about)})
        with refused("damaged", key="options", file=alone):
            replication.load(alone)
        seal(folder)
        assert torch.equal(replication.load(folder)(store.test_images), expected), "run.json says them"


@pytest.mark.parametrize("content", [None, b"", b"no tensors"])
def test_a_file_that_is_no_net_is_refused(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "net.safetensors"
    if content is not None:
        path.write_bytes(content)
    with refused("damaged" if content is not None else "missing", file=path):
        replication.load(path)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with refused("missing", "dvc repro", file=tmp_path / "net.safetensors"):
        replication.load(str(tmp_path))
