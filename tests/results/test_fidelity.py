"""Fidelity follows from the recipe, never from what somebody typed."""

from pathlib import Path

import pytest
from checkout import PROJECT
from made_up import JPEG, PAPER_PROFILE, profile_of, recipe_of

from replication.config.profiles import read_profile
from replication.config.recipe import Recipe
from replication.results.fidelity import differences, fidelity, find_paper_recipe, find_profile, first_difference
from replication.tasks import TASKS


def test_the_papers_recipe_on_official_pixels_is_exact() -> None:
    other_seed = recipe_of("paper", fingerprint="the same images", seed=3)
    assert differences(other_seed, recipe_of("paper")) == []
    assert fidelity(other_seed, recipe_of("paper")) == "exact"
    assert first_difference(other_seed, recipe_of("paper")) == "seed", "though it is another run"


def test_a_shorter_schedule_on_official_pixels_is_reduced_and_each_difference_is_listed() -> None:
    found = {d.key: (d.paper, d.here, d.section) for d in differences(recipe_of("cpu"), recipe_of("paper"))}
    assert found == {
        "schedule.iterations": (64_000, 4_000, "3.4, 4.2"),
        "schedule.drops": ((32_000, 48_000), (2_000, 3_000), "Figure 4, 4.2"),
    }
    assert fidelity(recipe_of("cpu"), recipe_of("paper")) == "reduced"


def test_other_pixels_are_a_proxy_even_under_the_papers_recipe() -> None:
    assert fidelity(recipe_of("paper", pixels=JPEG), recipe_of("paper")) == "proxy"
    assert fidelity(recipe_of("quick", dataset="digits", pixels="8x8"), recipe_of("paper")) == "proxy"
    assert fidelity(recipe_of("paper", dataset="digits"), recipe_of("paper")) == "proxy", "official, but of another set"


def test_a_variant_is_judged_by_what_it_changes_not_by_its_name() -> None:
    changed = recipe_of("paper", variant="bn-group-128")
    assert [d.key for d in differences(changed, recipe_of("paper"))] == ["bn_group"]
    assert differences(changed.model_copy(update={"bn_group": 64}), recipe_of("paper")) == []


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("optimiser", "nesterov", True),
        ("optimiser", "weight_decay_scope", "weights"),
        ("shortcut", "subsample", "average"),
        ("augmentation", "zero", "before_mean"),
        (None, "initialisation", "fan_out"),
        (None, "bn_group", 128),
        (None, "train_images", 45_000),
    ],
)
def test_each_open_question_of_the_paper_shows_as_a_difference(section: str | None, key: str, value: object) -> None:
    change = {key: value} if section is None else {section: {key: value}}
    found = differences(recipe_of("paper", **change), recipe_of("paper"))
    assert [d.key for d in found] == [f"{section}.{key}" if section else key]


def test_how_finely_a_curve_is_logged_is_no_difference() -> None:
    paper = recipe_of("paper")
    finer = recipe_of("paper", logging={"log_every": 50})
    assert fidelity(finer, paper) == "exact"
    assert finer.hash != paper.hash, "but it is another run: its curve has other rows"


def imagenet(profile: str, **changes: object) -> Recipe:
    return recipe_of(profile, "imagenet", "resnet-34-B", **changes)


def test_scaled_photographs_are_a_proxy_whose_ratio_shows() -> None:
    tiny = imagenet("cpu", dataset="tiny_imagenet", pixels="unverified copy (jpeg)")
    paper = imagenet("paper")
    found = {d.key: (d.paper, d.here) for d in differences(tiny, paper)}
    assert fidelity(tiny, paper) == "proxy"
    assert found["input_size"] == (224, 56)
    assert found["augmentation.shorter_side"] == ((256, 480), (64, 120)), "a quarter, as the input"
    assert found["test.scales"] == ((224, 256, 384, 480, 640), (56, 64, 96, 120, 160))
    assert not {"augmentation.mirror", "augmentation.colour", "schedule.batch_size", "bn_group"} & set(found)


def test_the_words_of_section_3_4_instead_of_its_figure_are_a_difference() -> None:
    paper = imagenet("paper")
    plateau = {"window": 5000, "points": 0.1, "most": 3}
    words = {"drops": [], "plateau": plateau}
    found = {d.key: (d.paper, d.here) for d in differences(imagenet("paper", schedule=words), paper)}
    assert found == {"schedule.drops": ((150_000, 300_000), ()), "schedule.plateau": (None, plateau)}


@pytest.mark.parametrize(("key", "value"), [("bottleneck_stride", "3x3"), ("bn_group", 256)])
def test_each_open_question_of_section_4_1_shows_as_a_difference(key: str, value: object) -> None:
    assert [d.key for d in differences(imagenet("paper", **{key: value}), imagenet("paper"))] == [key]


@pytest.mark.parametrize(("task", "net"), [("cifar", "resnet-26"), ("imagenet", "resnet-18-B"), ("imagenet", "vgg-16")])
def test_a_net_that_the_paper_did_not_train_is_reduced_under_the_papers_recipe(task: str, net: str) -> None:
    recipe = recipe_of("paper", task, net)
    assert fidelity(recipe, recipe) == "reduced"
    assert [(d.key, d.here) for d in differences(recipe, recipe)] == [("net", net)]


@pytest.mark.parametrize(
    ("task", "net"), [("cifar", "plain-110"), ("cifar", "resnet-1202"), ("imagenet", "resnet-34-C")]
)
def test_a_net_of_the_papers_tables_and_figures_is_exact_under_its_recipe(task: str, net: str) -> None:
    assert fidelity(recipe_of("paper", task, net), recipe_of("paper", task, net)) == "exact"


def test_a_run_belongs_to_the_profile_that_states_its_recipe_not_to_one_that_is_based_on_it() -> None:
    folder = PROJECT / "pipeline/profiles"
    profiles = [read_profile(folder, path.stem) for path in sorted(folder.glob("*.yaml"))]
    for profile in ("quick", "cpu", "cpu-long", "paper"):
        assert find_profile(recipe_of(profile), profiles, Path("runs")).name == profile


def test_a_run_on_coco_is_compared_with_the_papers_recipe_for_coco() -> None:
    profiles, task = [profile_of(name) for name in ("coco", "paper")], TASKS["detection"]
    recipe = recipe_of("coco", "detection", "resnet-101", dataset="coco")
    assert find_profile(recipe, profiles, Path("runs")).name == "coco"
    assert fidelity(recipe, find_paper_recipe(recipe, task, PAPER_PROFILE)) == "exact"
    with_context = recipe_of("coco", "detection", "resnet-101", dataset="coco", variant="context")
    assert fidelity(with_context, find_paper_recipe(with_context, task, PAPER_PROFILE)) == "exact", "of Table 9"
    on_voc = recipe_of("coco", "detection", "resnet-101", dataset="voc")
    changes = differences(on_voc, find_paper_recipe(on_voc, task, PAPER_PROFILE))
    assert {"anchors.sides", "schedule.iterations"} <= {change.key for change in changes}
    copy = recipe_of("coco", "detection", "resnet-101", dataset="coco", pixels="extracted archives, not verified")
    assert fidelity(copy, find_paper_recipe(copy, task, PAPER_PROFILE)) == "proxy"
