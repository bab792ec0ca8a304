"""Fidelity follows from the recipe, never from what somebody typed."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from replication.recipe import RECIPES, Data, Recipe
from replication.study.fidelity import differences, fidelity

PROFILES = Path(__file__).parents[2] / "pipeline/profiles"
OFFICIAL = Data(name="cifar10", variant=None, fingerprint="one archive")
JPEG = Data(name="cifar10", variant="re-compressed as JPEG", fingerprint="another")


def recipe(
    profile: str, data: Data = OFFICIAL, arm: str = "cifar", net: str = "resnet-20", **changes: object
) -> Recipe:
    values = YAML(typ="safe").load((PROFILES / f"{profile}.yaml").read_text())[arm]
    values.pop("dataset")
    return RECIPES[arm].model_validate(values | {"arm": arm, "net": net, "seed": 0, "data": data} | changes)


def test_the_papers_recipe_on_official_pixels_is_exact() -> None:
    other_seed = recipe("paper", data=OFFICIAL.model_copy(update={"fingerprint": "the same archive"}), seed=3)
    assert differences(other_seed, recipe("paper")) == []
    assert fidelity(other_seed, recipe("paper")) == "exact"


def test_a_shorter_schedule_on_official_pixels_is_reduced_and_each_difference_is_listed() -> None:
    found = {d.key: (d.paper, d.here, d.section) for d in differences(recipe("cpu"), recipe("paper"))}
    assert found == {
        "schedule.iterations": (64_000, 4_000, "3.4, 4.2"),
        "schedule.drops": ((32_000, 48_000), (2_000, 3_000), "Figure 4, 4.2"),
        "precision": ("fp32", "bf16", "2015's only choice was fp32"),
    }
    assert fidelity(recipe("cpu"), recipe("paper")) == "reduced"


def test_a_variant_of_the_pixels_is_a_proxy_even_under_the_papers_recipe() -> None:
    assert fidelity(recipe("paper", data=JPEG), recipe("paper")) == "proxy"
    digits = Data(name="digits", variant="digits", fingerprint="d")
    assert fidelity(recipe("quick", data=digits), recipe("paper")) == "proxy"


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
    paper = recipe("paper")
    change = {key: value} if section is None else {section: getattr(paper, section).model_copy(update={key: value})}
    assert [d.key for d in differences(recipe("paper", **change), paper)] == [f"{section}.{key}" if section else key]


def test_how_finely_a_curve_is_logged_is_no_difference() -> None:
    paper = recipe("paper")
    finer = recipe("paper", logging=paper.logging.model_copy(update={"log_every": 50}))
    assert fidelity(finer, paper) == "exact"
    assert finer.hash != paper.hash, "but it is another run: its curve has other rows"


IMAGENET = Data(name="imagenet", variant=None, fingerprint="the archives")


def imagenet(profile: str, data: Data = IMAGENET, **changes: object) -> Recipe:
    return recipe(profile, data, "imagenet", "resnet-34-B", **changes)


def test_scaled_photographs_are_a_proxy_whose_ratio_shows() -> None:
    tiny = Data(name="tiny_imagenet", variant="unverified copy (jpeg)", fingerprint="t")
    paper = imagenet("paper")
    found = {d.key: (d.paper, d.here) for d in differences(imagenet("cpu", tiny), paper)}
    assert fidelity(imagenet("cpu", tiny), paper) == "proxy"
    assert found["input_size"] == (224, 56)
    assert found["augmentation.shorter_side"] == ((256, 480), (64, 120)), "a quarter, as the input"
    assert found["test.scales"] == ((224, 256, 384, 480, 640), (56, 64, 96, 120, 160))
    assert not {"augmentation.mirror", "augmentation.colour", "schedule.batch_size", "bn_group"} & set(found)


def test_the_words_of_section_3_4_instead_of_its_figure_are_a_difference() -> None:
    paper = imagenet("paper")
    plateau = {"window": 5000, "points": 0.1, "most": 3}
    words = paper.schedule.model_dump() | {"drops": [], "plateau": plateau}
    found = {d.key: (d.paper, d.here) for d in differences(imagenet("paper", schedule=words), paper)}
    assert found == {"schedule.drops": ((150_000, 300_000), ()), "schedule.plateau": (None, plateau)}


@pytest.mark.parametrize(("key", "value"), [("bottleneck_stride", "3x3"), ("bn_group", 256)])
def test_each_open_question_of_section_4_1_shows_as_a_difference(key: str, value: object) -> None:
    assert [d.key for d in differences(imagenet("paper", **{key: value}), imagenet("paper"))] == [key]
